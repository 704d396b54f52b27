package wire_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"storagesim/internal/wire"
)

type page struct {
	Limit  uint32 `json:"limit"`
	Hidden string `json:"-"`
	inner  string
}

type limits struct {
	Max  int64   `json:"max"`
	Soft *string `json:"soft"`
}

// volume has forms of members that the oracle's probe does not have.
type volume struct {
	page
	Name     string          `json:"name"`
	Limits   limits          `json:"limits"`
	Held     wire.Duration   `json:"held"`
	Until    *time.Time      `json:"until,oneof"`
	State    state           `json:"state"`
	Maybe    *state          `json:"maybe,oneof"`
	Raw      json.RawMessage `json:"raw"`
	Raws     []json.RawMessage
	Times    []time.Time       `json:"times"`
	Next     *volume           `json:"next"`
	Plain    string            `json:"plain,group=g"`
	Other    string            `json:"other,group=g"`
	States   map[string]state  `json:"states"`
	Limiters map[string]limits `json:"limiters"`
}

func appended(t *testing.T, v any, z wire.Zero) string {
	t.Helper()
	out, err := wire.Append(nil, v, z)
	require.NoError(t, err)
	assert.True(t, json.Valid(out), "%s", out)
	return string(out)
}

// writes compares byte for byte, unlike assert.JSONEq.
func writes(t *testing.T, want string, v any, z wire.Zero) {
	t.Helper()
	got := appended(t, v, z)
	assert.Equal(t, want, got)
}

func TestAppend_Zero(t *testing.T) {
	v := volume{page: page{Hidden: "x", inner: "x"}}
	writes(t, `{}`, v, wire.OmitZero)
	writes(t, `{"limit":0,"name":"","limits":{"max":"0","soft":null},"held":"0s","state":"Unknown","raw":null,"Raws":[],`+
		`"times":[],"next":null,"plain":"","other":"","states":{},"limiters":{}}`, &v, wire.EmitZero)
}

func TestAppend_Values(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.FixedZone("", 3600))
	active := state("EncryptyingDEKs")
	v := volume{
		page:     page{Limit: 3},
		Limits:   limits{Max: 5},
		Held:     wire.Duration(-1500 * time.Microsecond),
		Until:    &until,
		State:    "Unknown",
		Maybe:    &active,
		Raw:      json.RawMessage(`{"a" : 1}`),
		Raws:     []json.RawMessage{nil, []byte("2")},
		Times:    []time.Time{{}},
		Next:     &volume{},
		States:   map[string]state{"b": "", "a": "Active"},
		Limiters: map[string]limits{"<": {}},
	}
	writes(t, `{"limit":3,"limits":{"max":"5"},"held":"-0.001500s","until":"2026-01-02T02:04:05.120Z","maybe":"EncryptingDEKs",`+
		`"raw":{"a" : 1},"Raws":[null,2],"times":["0001-01-01T00:00:00Z"],"next":{},"states":{"a":"Active","b":"Unknown"},`+
		`"limiters":{"\u003c":{}}}`, v, wire.OmitZero)
}

func TestAppend_TopLevel(t *testing.T) {
	writes(t, `[{"max":"1"},{}]`, []limits{{Max: 1}, {}}, wire.OmitZero)
	writes(t, `{"a":{"max":"1"}}`, map[string]limits{"a": {Max: 1}}, wire.OmitZero)
	out, err := wire.Append([]byte("x="), limits{Max: 1}, wire.OmitZero)
	require.NoError(t, err)
	assert.Equal(t, `x={"max":"1"}`, string(out))
}

func TestAppend_Errors(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "cannot write a nil"},
		{(*limits)(nil), "cannot write a nil *wire_test.limits"},
		{struct{ C chan int }{}, "C: chan int has no protobuf counterpart"},
		{struct{ T time.Duration }{}, "T: time.Duration has no protobuf counterpart"},
		{struct{ A [][]string }{}, "no lists of lists"},
		{struct{ A map[string][]string }{}, "no maps of lists"},
		{struct{ A map[int]string }{}, "string keys"},
		{struct{ A *[]string }{}, "a message or a scalar"},
		{struct{ *limits }{}, "only a struct can be embedded"},
		{struct {
			A string `json:"x,omitempty"`
		}{}, `unknown tag option "omitempty", expected oneof, snake or group=<word>`},
		{struct {
			limits
			B string `json:"max"`
		}{}, `B: the name "max" is taken by another member`},
		{volume{Next: &volume{State: "nope"}},
			`next.state: expected one of Unknown, Active, EncryptingDEKs, EncryptyingDEKs, sectorSize_4K or its number, got "nope"`},
		{volume{Times: []time.Time{time.Unix(1<<40, 0)}}, "times[0]: expected an RFC 3339 time"},
		{volume{States: map[string]state{"k": "x"}}, "states.k: expected one of"},
		{volume{Raw: json.RawMessage(`{`)}, "raw: invalid JSON at byte 1"},
		{volume{Raw: json.RawMessage(`1 2`)}, "raw: invalid JSON at byte 2"},
	} {
		out, err := wire.Append([]byte("kept"), c.v, wire.OmitZero)
		require.ErrorContains(t, err, c.want)
		var refused *wire.Error
		assert.NotErrorAs(t, err, &refused)
		assert.Equal(t, "kept", string(out))
	}
}

func TestUnmarshal_Values(t *testing.T) {
	var v volume
	require.NoError(t, wire.Unmarshal(
		[]byte(` {"limit":"3","Hidden":"x","inner":"x","limits":{"max":4,"soft":""},"held":"2m","until":`+
			`"2026-01-02T03:04:05Z","maybe":0,"raw":{"a" : 1},"Raws":[null,[ ]],"next":{"next":{}},"states":{"a":1,"b":null}} `),
		&v))
	soft, unknown := "", state("Unknown")
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	assert.Equal(t, volume{
		page:   page{Limit: 3},
		Limits: limits{Max: 4, Soft: &soft},
		Held:   wire.Duration(2 * time.Minute),
		Until:  &until,
		Maybe:  &unknown,
		Raw:    json.RawMessage(`{"a" : 1}`),
		Raws:   []json.RawMessage{nil, json.RawMessage(`[ ]`)},
		Next:   &volume{Next: &volume{}},
		States: map[string]state{"a": "Active", "b": ""},
	}, v)
}

func TestUnmarshal_Text(t *testing.T) {
	for in, want := range map[string]string{
		"a\xffb":         "a\ufffdb",
		`\n` + "\xff":    "\n\ufffd",
		`\ud800\u0041`:   "\ufffdA",
		`\ud800\ud800`:   "\ufffd\ufffd",
		`\ud83d\ude00é`:  "😀é",
		`\"\\\/\b\f\r\t`: "\"\\/\b\f\r\t",
	} {
		var v volume
		require.NoError(t, wire.Unmarshal([]byte(`{"name":"`+in+`"}`), &v))
		assert.Equal(t, want, v.Name)
		var again volume
		require.NoError(t, wire.Unmarshal([]byte(appended(t, v, wire.EmitZero)), &again))
		assert.Equal(t, want, again.Name)
	}
}

// Decoding into a message that has values replaces its list, and does not write to a copy that shares the list.
func TestUnmarshal_Replaces(t *testing.T) {
	shared := []time.Time{time.Unix(1, 0)}
	v := volume{Name: "kept", Limits: limits{Max: 1}, Times: shared, Next: &volume{Name: "gone"}, Plain: "cleared"}
	require.NoError(t, wire.Unmarshal(
		[]byte(`{"name":null,"limits":{},"times":["2026-01-02T03:04:05Z"],"next":{},"other":"set"}`), &v))
	assert.Equal(t, volume{
		Name:  "kept",
		Times: []time.Time{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Next:  &volume{},
		Other: "set",
	}, v)
	assert.Equal(t, time.Unix(1, 0), shared[0])
}

func TestUnmarshal_Errors(t *testing.T) {
	deep := strings.Repeat(`{"next":`, wire.MaxDepth+1)
	for _, c := range []struct{ in, want string }{
		{`{"name":5}`, `name: expected a JSON string, got number 5`},
		{`{"name":{"a":1}}`, `name: expected a JSON string, got an object`},
		{`{"limit":-1}`, `limit: expected an integer from 0 to 2^32-1, got -1`},
		{`{"limit":3.0}`, `limit: expected an integer from 0 to 2^32-1, got 3.0`},
		{`{"limits":{"max":"ten"}}`, `limits.max: expected an integer from -2^63 to 2^63-1, got string "ten"`},
		{`{"limits":7}`, `limits: expected a JSON object, got number 7`},
		{`{"held":"5"}`, `held: expected a duration with its unit, such as "3600s" or "1h", got "5"`},
		{`{"times":[null,true]}`,
			`times[1]: expected an RFC 3339 time between the years 1 and 9999, such as 2006-01-02T15:04:05Z, got true`},
		{`{"next":{"states":{"k":"x"}}}`,
			`next.states.k: expected one of Unknown, Active, EncryptingDEKs, EncryptyingDEKs, sectorSize_4K or its number, got string "x"`},
		{`{"times":"` + strings.Repeat("é", 99) + `"}`, `times: expected a JSON array, got string "ééééééééééééééééééé…`},
		{`[]`, `expected a JSON object, got an array`},
		{`{"state":true}`, `state: expected one of Unknown, Active, EncryptingDEKs, EncryptyingDEKs, sectorSize_4K or its number, got true`},
		{`{"states":[1]}`, `states: expected a JSON object, got an array`},
		{`{"name":"a`, `name: invalid JSON at byte 10: expected a closing double quote, got the end of the text`},
		{`{"name":"\u12`, `name: invalid JSON at byte 10: expected four hexadecimal digits`},
		{`{"name":"\u+123"}`, `name: invalid JSON at byte 10: expected four hexadecimal digits after \u, got 'u'`},
		{`{"name":"\u1_23"}`, `name: invalid JSON at byte 10: expected four hexadecimal digits after \u, got 'u'`},
		{`{"name" 5}`, `invalid JSON at byte 8: expected ':', got '5'`},
		{`{"raw":{]}`, `raw: invalid JSON at byte 8: expected a member name in double quotes`},
		{`{"name":"a" "b"}`, `invalid JSON at byte 12: expected ',' or '}', got '"'`},
		{`{"name":"a"`, `invalid JSON at byte 11: expected ',' or '}', got the end of the text`},
		{`{"name":tru}`, `name: invalid JSON at byte 8: expected a value, got 't'`},
		{`{"nope":[1,}`, `nope: invalid JSON at byte 11: expected a value, got '}'`},
		{`{} {}`, `invalid JSON at byte 3: expected the end after the message, got '{'`},
		{deep, `nested too deep at byte 800: expected at most 100 levels`},
		{`{"nope":` + strings.Repeat("[", 1<<20), `nested too deep`},
		{"\xef\xbb\xbf{}", `invalid JSON at byte 0: expected a value`},
	} {
		var v volume
		err := wire.Unmarshal([]byte(c.in), &v)
		var e *wire.Error
		require.ErrorAs(t, err, &e, c.in)
		assert.Contains(t, err.Error(), c.want)
	}
}

func TestUnmarshal_Target(t *testing.T) {
	var at time.Time
	for _, v := range []any{nil, volume{}, (*volume)(nil), new(string), new([]volume), &at} {
		require.ErrorContains(t, wire.Unmarshal([]byte(`{}`), v), "wire: cannot read into", "%T", v)
		require.ErrorContains(t, wire.SetField(v, "name", []string{"x"}), "wire: cannot read into", "%T", v)
	}
}

func TestSetField(t *testing.T) {
	for _, c := range []struct {
		path   string
		values []string
		want   string
	}{
		{"limit", []string{"7"}, `{"limit":7}`},
		{"limits.max", []string{"-7"}, `{"limits":{"max":"-7"}}`},
		{"limits.soft", []string{""}, `{"limits":{"soft":""}}`},
		{"next.next.name", []string{"x\xff"}, `{"next":{"next":{"name":"x�"}}}`},
		{"held", []string{"1h"}, `{"held":"3600s"}`},
		{"until", []string{"2026-01-02T03:04:05Z"}, `{"until":"2026-01-02T03:04:05Z"}`},
		{"maybe", []string{"4096"}, `{"maybe":"sectorSize_4K"}`},
		{"times", []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"},
			`{"times":["2026-01-02T03:04:05Z","2026-01-02T03:04:06Z"]}`},
		{"states[a.b]", []string{"1"}, `{"states":{"a.b":"Active"}}`},
		{"Limit", []string{"7"}, "no such member"},
		{"next.nope", []string{"7"}, "no such member"},
		{"", []string{"7"}, "no such member"},
		{"..", []string{"7"}, "no such member"},
		{"limit", nil, "limit: expected a value, got none"},
		{"limit", []string{""}, `limit: expected an integer from 0 to 2^32-1, got ""`},
		{"times", []string{"x"}, `times[0]: expected an RFC 3339 time`},
		{"name.x", []string{"x"}, `name.x: expected nothing after name, which is not a message, got "x"`},
		{"limits", []string{"x"}, `limits: expected a member that fits in a parameter, got a message`},
		{"raw", []string{"1"}, `raw: expected a member that fits in a parameter`},
		{"states", []string{"1"}, `states: expected one value for one key, as in map[key]=value`},
	} {
		var v volume
		err := wire.SetField(&v, c.path, c.values)
		if err != nil {
			assert.Contains(t, err.Error(), c.want, c.path)
			continue
		}
		assert.Equal(t, c.want, appended(t, v, wire.OmitZero), c.path)
	}
}

func TestSetField_Group(t *testing.T) {
	v := volume{Plain: "x"}
	require.NoError(t, wire.SetField(&v, "plain", []string{"y"}))
	require.EqualError(t, wire.SetField(&v, "other", []string{"z"}), "other: expected one member of g, got plain too")
	assert.Equal(t, volume{Plain: "y"}, v)
}

// TestCodec_Concurrent compiles a type that contains itself from many sides at once.
func TestCodec_Concurrent(t *testing.T) {
	type node struct {
		Kids []node           `json:"kids"`
		Next *node            `json:"next"`
		Map  map[string]*node `json:"map"`
		Size int              `json:"size"`
	}
	const in, want = `{"kids":[{"size":1}],"next":{"map":{"a":{}}}}`, `{"kids":[{"size":"1"}],"next":{"map":{"a":{}}}}`
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var n node
			err := wire.Unmarshal([]byte(in), &n)
			out, appendErr := wire.Append(nil, n, wire.OmitZero)
			assert.True(t, err == nil && appendErr == nil && string(out) == want, "%v, %v, %s", err, appendErr, out)
		})
	}
	wg.Wait()
}
