package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// scalarCodec returns the codec of a scalar type, or nil for another type.
func scalarCodec(t reflect.Type) *codec {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &codec{encode: encodeTime, decode: decodeTime, parse: parseTime, empty: reflect.Value.IsZero, null: true}
	case t == reflect.TypeFor[Duration]():
		return &codec{encode: encodeDuration, decode: decodeDuration, parse: parseDuration, empty: reflect.Value.IsZero}
	case t == reflect.TypeFor[time.Duration]():
		return nil
	case t == reflect.TypeFor[json.RawMessage]():
		return &codec{kind: rawKind, encode: encodeRaw, decode: decodeRaw, empty: isEmpty, null: true}
	case t.Kind() == reflect.String && t.Implements(reflect.TypeFor[Enum]()):
		return enumCodec(t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return &codec{encode: encodeBool, decode: decodeBool, parse: parseBool, empty: reflect.Value.IsZero}
	case reflect.String:
		return &codec{encode: encodeString, decode: decodeString, parse: parseString, empty: isEmpty}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return intCodec(t)
	case reflect.Uint32, reflect.Uint64:
		return uintCodec(t)
	case reflect.Float64:
		return &codec{encode: encodeFloat, decode: decodeFloat, parse: parseFloat, empty: isZeroFloat}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &codec{encode: encodeBytes, decode: decodeBytes, parse: parseBytes, empty: isEmpty}
		}
		return nil
	default:
		return nil
	}
}

func isEmpty(v reflect.Value) bool { return v.Len() == 0 }

func encodeBool(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
	return strconv.AppendBool(dst, v.Bool()), nil
}

func decodeBool(d *decoder, v reflect.Value) error {
	switch {
	case d.word("true"):
		v.SetBool(true)
	case d.word("false"):
		v.SetBool(false)
	default:
		return d.mismatch("true or false")
	}
	return nil
}

// parseBool accepts what the vendor's gateway accepts in a query: 1, t, T, true, True, TRUE and their opposites.
func parseBool(s string, v reflect.Value) error {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return wrong("true or false", strconv.Quote(clip(s)))
	}
	v.SetBool(b)
	return nil
}

func encodeString(dst []byte, v reflect.Value, z Zero) ([]byte, error) {
	return appendString(dst, v.String(), z == OmitZero), nil
}

func decodeString(d *decoder, v reflect.Value) error {
	s, err := d.unquote("a JSON string")
	if err == nil {
		v.SetString(s)
	}
	return err
}

func parseString(s string, v reflect.Value) error {
	v.SetString(strings.ToValidUTF8(s, "\ufffd"))
	return nil
}

// intCodec encodes int32 as a JSON number, int and int64 as a string.
func intCodec(t reflect.Type) *codec {
	bits := t.Bits()
	quoted := t.Kind() != reflect.Int32
	want := "an integer from -2^" + strconv.Itoa(bits-1) + " to 2^" + strconv.Itoa(bits-1) + "-1"
	return &codec{
		empty: func(v reflect.Value) bool { return v.Int() == 0 },
		encode: func(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
			if !quoted {
				return strconv.AppendInt(dst, v.Int(), 10), nil
			}
			return append(strconv.AppendInt(append(dst, '"'), v.Int(), 10), '"'), nil
		},
		decode: func(d *decoder, v reflect.Value) error {
			b, err := d.numeral(want)
			if err != nil {
				return err
			}
			n, err := strconv.ParseInt(string(b), 10, bits)
			if err != nil {
				return wrong(want, clip(string(b)))
			}
			v.SetInt(n)
			return nil
		},
		parse: func(s string, v reflect.Value) error {
			n, err := strconv.ParseInt(s, 0, bits)
			if err != nil {
				return wrong(want, strconv.Quote(clip(s)))
			}
			v.SetInt(n)
			return nil
		},
	}
}

// uintCodec encodes uint32 as a JSON number, uint64 as a string.
func uintCodec(t reflect.Type) *codec {
	bits := t.Bits()
	quoted := t.Kind() != reflect.Uint32
	want := "an integer from 0 to 2^" + strconv.Itoa(bits) + "-1"
	return &codec{
		empty: func(v reflect.Value) bool { return v.Uint() == 0 },
		encode: func(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
			if !quoted {
				return strconv.AppendUint(dst, v.Uint(), 10), nil
			}
			return append(strconv.AppendUint(append(dst, '"'), v.Uint(), 10), '"'), nil
		},
		decode: func(d *decoder, v reflect.Value) error {
			b, err := d.numeral(want)
			if err != nil {
				return err
			}
			n, err := strconv.ParseUint(string(b), 10, bits)
			if err != nil {
				return wrong(want, clip(string(b)))
			}
			v.SetUint(n)
			return nil
		},
		parse: func(s string, v reflect.Value) error {
			n, err := strconv.ParseUint(s, 0, bits)
			if err != nil {
				return wrong(want, strconv.Quote(clip(s)))
			}
			v.SetUint(n)
			return nil
		},
	}
}

// isZeroFloat is false for -0, which protobuf counts as set.
func isZeroFloat(v reflect.Value) bool { return math.Float64bits(v.Float()) == 0 }

// encodeFloat writes the shortest form that reads back the same, as encoding/json does, and "NaN", "Infinity",
// "-Infinity".
func encodeFloat(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
	f := v.Float()
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...), nil
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...), nil
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...), nil
	}
	abs := math.Abs(f)
	if abs == 0 || 1e-6 <= abs && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); string(dst[n-4:n-1]) == "e-0" {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst, nil
}

const wantFloat = "a number within the range of a double"

func decodeFloat(d *decoder, v reflect.Value) error {
	for _, w := range [...]string{`"NaN"`, `"Infinity"`, `"-Infinity"`} {
		if d.word(w) {
			v.SetFloat(nonFinite(w[1 : len(w)-1]))
			return nil
		}
	}
	b, err := d.numeral(wantFloat)
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return wrong(wantFloat, clip(string(b)))
	}
	v.SetFloat(f)
	return nil
}

func nonFinite(name string) float64 {
	switch name {
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	return math.NaN()
}

func parseFloat(s string, v reflect.Value) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return wrong(wantFloat, strconv.Quote(clip(s)))
	}
	v.SetFloat(f)
	return nil
}

func encodeBytes(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes()), '"'), nil
}

func decodeBytes(d *decoder, v reflect.Value) error {
	s, err := d.unquote("a base64 string")
	if err != nil {
		return err
	}
	return parseBytes(s, v)
}

// parseBytes accepts the standard and the URL-safe alphabet, with or without padding.
func parseBytes(s string, v reflect.Value) error {
	enc := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.URLEncoding
	}
	if !strings.HasSuffix(s, "=") {
		enc = enc.WithPadding(base64.NoPadding)
	}
	b, err := enc.DecodeString(s)
	if err != nil {
		return wrong("base64", strconv.Quote(clip(s)))
	}
	v.SetBytes(b)
	return nil
}

func encodeRaw(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
	raw := v.Bytes()
	if len(raw) == 0 {
		return append(dst, "null"...), nil
	}
	d := decoder{data: raw}
	d.space()
	err := d.skip()
	if d.space(); err == nil && d.pos < len(raw) {
		err = d.syntax("the end of the value")
	}
	if err != nil {
		return dst, err
	}
	return append(dst, raw...), nil
}

func decodeRaw(d *decoder, v reflect.Value) error {
	start := d.pos
	if err := d.skip(); err != nil {
		return err
	}
	v.SetBytes(append(json.RawMessage(nil), d.data[start:d.pos]...))
	return nil
}
