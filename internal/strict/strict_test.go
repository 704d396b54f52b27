package strict_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/strict"
)

// rack is a document like those of control calls and fixtures.
type rack struct {
	Place
	Name    string            `json:"name" doc:"what people call it"`
	Servers []server          `json:"servers"`
	Labels  map[string]string `json:"labels"`
	Power   *float64          `json:"power"`
	Spare   bool              `json:"spare"`
	Raw     json.RawMessage   `json:"raw"`
	Colour  colour            `json:"colour"`
	Secret  string            `json:"-"`
	Plain   string
}

type Place struct {
	Row int `json:"row"`
}

type server struct {
	ID    string            `json:"id"`
	Slots map[string]server `json:"slots"`
	Ports [2]uint8          `json:"ports"`
}

// colour has an UnmarshalJSON method with its own errors.
type colour string

func (c *colour) UnmarshalJSON(text []byte) error {
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return &strict.Error{Detail: "must be a name of a colour"}
	}
	if word != "red" {
		return &strict.Error{Detail: word + " is not a colour", Valid: []string{"red"}}
	}
	*c = colour(word)
	return nil
}

var rackMembers = []string{"Plain", "colour", "labels", "name", "power", "raw", "row", "servers", "spare"}

func TestDecode_FillsValue(t *testing.T) {
	var r rack
	require.NoError(t, strict.Decode([]byte(`{"row":3,"name":"a",
		"servers":[{"id":"s0","slots":{"x":{"id":"inner"}},"ports":[1,2]}],
		"labels":{"a.b":"c"},"power":1.5,"spare":true,"raw":{"a":1,"b":[{}]},"colour":"red","Plain":"p"}`), &r))
	require.Equal(t, 3, r.Row)
	require.Equal(t, "inner", r.Servers[0].Slots["x"].ID)
	require.Equal(t, colour("red"), r.Colour)
	require.JSONEq(t, `{"a":1,"b":[{}]}`, string(r.Raw))

	for _, empty := range []string{"", " \n\t", "{}", "null"} {
		require.NoError(t, strict.Decode([]byte(empty), &rack{}), "%q", empty)
	}
}

// Each error names the place and the valid values, including what encoding/json accepts or describes in terms of Go.
func TestDecode_Refusals(t *testing.T) {
	for _, c := range []struct {
		text, path, detail string
		valid              []string
	}{
		{`{"nam":"a"}`, "nam", "is not a member of this object", rackMembers},
		{`{"Name":"a"}`, "Name", "is not a member of this object", rackMembers},
		{`{"Secret":"a"}`, "Secret", "is not a member of this object", rackMembers},
		{`{"Place":{"row":1}}`, "Place", "is not a member of this object", rackMembers},
		{`{"servers":[{"id":"a"},{"iD":"b"}]}`, "servers[1].iD", "is not a member of this object",
			[]string{"id", "ports", "slots"}},
		{
			`{"servers":[{"slots":{"left":{"od":"b"}}}]}`, "servers[0].slots.left.od", "is not a member of this object",
			[]string{"id", "ports", "slots"},
		},
		{`{"name":"a","row":1,"name":"b"}`, "name", "is given twice", nil},
		{`{"labels":{"k":"a","k":"b"}}`, "labels.k", "is given twice", nil},
		{`{"raw":{"deep":[{"k":1,"k":2}]}}`, "raw.deep[0].k", "is given twice", nil},
		{`{"name":7}`, "name", "must be a string, not number", nil},
		{`{"spare":"yes"}`, "spare", "must be true or false, not string", nil},
		{`{"row":1.5}`, "row", "must be a whole number in its range, not number 1.5", nil},
		{`{"row":"1"}`, "row", "must be a whole number in its range, not string", nil},
		{`{"power":"high"}`, "power", "must be a number, not string", nil},
		{`{"servers":{}}`, "servers", "must be an array, not object", nil},
		{`{"labels":[]}`, "labels", "must be an object, not array", nil},
		{`{"servers":[7]}`, "servers", "must be an object, not number", nil},
		{`{"servers":[{"ports":[1,256]}]}`, "servers.ports", "must be a whole number in its range, not number 256", nil},
		{`{"colour":"blue"}`, "colour", "blue is not a colour", []string{"red"}},
		{`{"colour":7}`, "colour", "must be a name of a colour", nil},
		{`[]`, "", "must be an object, not array", nil},
		{`"rack"`, "", "must be an object, not string", nil},
		{`{} {}`, "", "data after the end of the JSON document, at byte 4", nil},
		{`{}]`, "", "data after the end of the JSON document, at byte 3", nil},
	} {
		t.Run(c.text, func(t *testing.T) {
			err := strict.Decode([]byte(c.text), &rack{})
			var wrong *strict.Error
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, strict.Error{Path: c.path, Detail: c.detail, Valid: c.valid}, *wrong)
		})
	}
}

func TestDecode_SyntaxErrorHasPosition(t *testing.T) {
	for text, position := range map[string]string{
		"{": "unexpected end, after byte 1", `{"name":`: "unexpected end, after byte 8", `{"name":"a",}`: ", at byte 13",
		`{name:1}`: ", at byte 2", `{"a":1]`: ", at byte 7", "\x00": ", at byte 1", `{"name":"\x"}`: ", at byte 11",
		"nul": "unexpected end, after byte 3", "match: x": ", at byte 1", strings.Repeat("[", 20_000): "",
	} {
		err := strict.Decode([]byte(text), &rack{})
		require.ErrorContains(t, err, "the document is not JSON: ", "%.20q", text)
		require.ErrorContains(t, err, position, "%.20q", text)
	}
}

func TestError_StartsWithPath(t *testing.T) {
	require.EqualError(t, &strict.Error{Detail: "is wrong"}, "is wrong")
	require.EqualError(t, &strict.Error{Path: "a[0].b", Detail: "is wrong"}, "a[0].b: is wrong")
}

func TestBelow_PrependsPath(t *testing.T) {
	for inside, want := range map[string]string{"": "part", "a.b": "part.a.b", "[3].a": "part[3].a"} {
		original := &strict.Error{Path: inside, Detail: "d", Valid: []string{"v"}}
		var got *strict.Error
		require.ErrorAs(t, strict.Below("part", fmt.Errorf("outer: %w", original)), &got)
		require.Equal(t, strict.Error{Path: want, Detail: "d", Valid: []string{"v"}}, *got)
		require.Equal(t, inside, original.Path, "the error itself stays as it was")
	}
	other := errors.New("about the disk")
	require.Equal(t, other, strict.Below("part", other))
	require.NoError(t, strict.Below("part", nil))
}

func TestCheck_IgnoresValues(t *testing.T) {
	require.NoError(t, strict.Check([]byte(`{"name":7,"spare":[]}`), reflect.TypeFor[rack]()))
	require.NoError(t, strict.Check([]byte(`{"anything":{"at":"all"}}`), reflect.TypeFor[map[string]any]()))
	err := strict.Check([]byte(`{"anything":{"at":1,"at":2}}`), reflect.TypeFor[map[string]any]())
	require.ErrorContains(t, err, "anything.at: is given twice")
	require.ErrorContains(t, strict.Check(nil, reflect.TypeFor[rack]()), "is not JSON")
}

func TestMembers_InFieldOrder(t *testing.T) {
	var names, docs []string
	for _, m := range strict.Members(reflect.TypeFor[*rack]()) {
		names, docs = append(names, m.Name), append(docs, m.Doc)
	}
	require.Equal(t, []string{"row", "name", "servers", "labels", "power", "spare", "raw", "colour", "Plain"}, names)
	require.Equal(t, "what people call it", docs[1])
}

// Decode never panics, and it accepts only valid JSON.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a"}`, `{"servers":[{"slots":{"a":{}}}]}`, `{"a":1,"a":2}`, `[`, `{}{}`, `{"colour":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := strict.Decode(text, &rack{})
		var wrong *strict.Error
		if err != nil && !errors.As(err, &wrong) {
			t.Fatalf("%T: %v", err, err)
		}
		if err == nil && len(strings.TrimSpace(string(text))) > 0 && !json.Valid(text) {
			t.Fatalf("%q is accepted", text)
		}
	})
}

// hue is an enum.
type hue string

func (hue) EnumNumbers() map[string]int32 { return map[string]int32{"red": 1, "blue": 2} }

func TestDecode_Enum(t *testing.T) {
	var got struct {
		Lamps []struct {
			Hue *hue `json:"hue"`
		} `json:"lamps"`
	}
	require.NoError(t, strict.Decode([]byte(`{"lamps":[{"hue":"red"},{"hue":""},{}]}`), &got))
	err := strict.Decode([]byte(`{"lamps":[{"hue":"red"},{"hue":"rde"}]}`), &got)
	var wrong *strict.Error
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "lamps[1].hue", wrong.Path)
	require.Equal(t, []string{"blue", "red"}, wrong.Valid)
}
