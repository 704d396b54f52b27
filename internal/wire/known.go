package wire

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

const wantTime = "an RFC 3339 time between the years 1 and 9999, such as 2006-01-02T15:04:05Z"

// encodeTime writes UTC with 0, 3, 6 or 9 fraction digits.
func encodeTime(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
	t := v.Addr().Interface().(*time.Time).UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return dst, wrong(wantTime, t.String())
	}
	dst = t.AppendFormat(append(dst, '"'), "2006-01-02T15:04:05")
	return append(appendFraction(dst, t.Nanosecond()), 'Z', '"'), nil
}

func decodeTime(d *decoder, v reflect.Value) error {
	s, err := d.unquote(wantTime)
	if err != nil {
		return err
	}
	return parseTime(s, v)
}

func parseTime(s string, v reflect.Value) error {
	t, err := time.Parse(time.RFC3339Nano, s)
	if t = t.UTC(); err != nil || t.Year() < 1 || t.Year() > 9999 {
		return wrong(wantTime, strconv.Quote(clip(s)))
	}
	*v.Addr().Interface().(*time.Time) = t
	return nil
}

// appendFraction writes nanoseconds as nothing, or a point and 3, 6 or 9 digits.
func appendFraction(dst []byte, ns int) []byte {
	if ns == 0 {
		return dst
	}
	digits := 9
	for ns%1000 == 0 {
		ns /= 1000
		digits -= 3
	}
	dst = append(dst, ".000000000"[:1+digits]...)
	for i := len(dst) - 1; ns > 0; i-- {
		dst[i] = byte('0' + ns%10)
		ns /= 10
	}
	return dst
}

const wantDuration = `a duration with its unit, such as "3600s" or "1h"`

func encodeDuration(dst []byte, v reflect.Value, _ Zero) ([]byte, error) {
	dst = append(dst, '"')
	ns := uint64(v.Int())
	if v.Int() < 0 {
		dst = append(dst, '-')
		ns = -ns
	}
	dst = strconv.AppendUint(dst, ns/uint64(time.Second), 10)
	return append(appendFraction(dst, int(ns%uint64(time.Second))), 's', '"'), nil
}

func decodeDuration(d *decoder, v reflect.Value) error {
	s, err := d.unquote(wantDuration)
	if err != nil {
		return err
	}
	return parseDuration(s, v)
}

func parseDuration(s string, v reflect.Value) error {
	n, err := time.ParseDuration(s)
	if err != nil {
		return wrong(wantDuration, strconv.Quote(clip(s)))
	}
	v.SetInt(int64(n))
	return nil
}

// enumNames is a compiled EnumNumbers.
type enumNames struct {
	number   map[string]int32
	canonic  map[int32]string
	zero     string // the name of number 0, empty if there is none
	expected string
}

func newEnumNames(t reflect.Type) *enumNames {
	e := &enumNames{number: map[string]int32{}, canonic: map[int32]string{}}
	var names []string
	for name, n := range reflect.Zero(t).Interface().(Enum).EnumNumbers() {
		e.number[name] = n
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, alias := e.canonic[e.number[name]]; !alias {
			e.canonic[e.number[name]] = name
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(e.number[a]) - int(e.number[b]) })
	e.zero = e.canonic[0]
	e.expected = "one of " + strings.Join(names, ", ") + " or its number"
	return e
}

func enumCodec(t reflect.Type) *codec {
	e := newEnumNames(t)
	return &codec{
		empty: func(v reflect.Value) bool {
			s := v.String()
			if s == "" || s == e.zero {
				return true
			}
			n, known := e.number[s]
			return known && n == 0
		},
		encode: e.encode,
		decode: e.decode,
		parse: func(s string, v reflect.Value) error {
			if n, known := e.number[s]; known {
				v.SetString(e.canonic[n])
				return nil
			}
			return e.byNumber(s, strconv.Quote(clip(s)), v)
		},
	}
}

func (e *enumNames) encode(dst []byte, v reflect.Value, z Zero) ([]byte, error) {
	s := v.String()
	if s == "" {
		s = e.zero
	}
	n, known := e.number[s]
	if !known {
		return dst, wrong(e.expected, strconv.Quote(clip(s)))
	}
	return appendString(dst, e.canonic[n], z == OmitZero), nil
}

func (e *enumNames) decode(d *decoder, v reflect.Value) error {
	switch c := d.peek(); {
	case c == '"':
		start := d.pos
		name, err := d.text()
		if err != nil {
			return err
		}
		n, known := e.number[string(name)]
		if !known {
			return wrong(e.expected, "string "+clip(string(d.data[start:d.pos])))
		}
		v.SetString(e.canonic[n])
		return nil
	case c == '-' || '0' <= c && c <= '9':
		b, err := d.number()
		if err != nil {
			return err
		}
		return e.byNumber(string(b), "number "+clip(string(b)), v)
	}
	return d.mismatch(e.expected)
}

// byNumber sets v to the name of a number in decimal; got repeats it for the error.
func (e *enumNames) byNumber(s, got string, v reflect.Value) error {
	n, err := strconv.ParseInt(s, 10, 32)
	name, known := e.canonic[int32(n)]
	if err != nil || !known {
		return wrong(e.expected, got)
	}
	v.SetString(name)
	return nil
}
