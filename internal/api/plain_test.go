package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/strict"
)

type plainPart struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

type plain struct {
	plainPart
	Upper string                `json:"Name"`
	List  []plainPart           `json:"list"`
	Map   map[string]*plainPart `json:"map"`
	Free  any                   `json:"free"`
	Flag  bool                  `json:"flag"`
}

func TestDecodePlain(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 20000)
	for name, c := range map[string]struct {
		text    string
		want    plain
		refused string
	}{
		"nothing":     {},
		"white space": {text: " \n"},
		"null":        {text: "null"},
		"empty":       {text: "{}"},
		"by exact case": {text: `{"name":"a","Name":"b","NAME":"c"}`,
			want: plain{plainPart: plainPart{Name: "a"}, Upper: "b"}},
		"nested": {text: `{"list":[{"name":"a","NAME":"b","x":{}}],"map":{"K":{"Size":1,"size":2}}}`,
			want: plain{List: []plainPart{{Name: "a"}}, Map: map[string]*plainPart{"K": {Size: 2}}}},
		"null members": {text: `{"list":null,"map":{"k":null},"name":null}`,
			want: plain{Map: map[string]*plainPart{"k": nil}}},
		"last counts":   {text: `{"size":1,"size":2}`, want: plain{plainPart: plainPart{Size: 2}}},
		"free as it is": {text: `{"free":{"A":[1]}}`, want: plain{Free: map[string]any{"A": []any{float64(1)}}}},
		"escaped name":  {text: `{"\u006eame":"a"}`, want: plain{plainPart: plainPart{Name: "a"}}},
		"wrong type": {text: `{"list":[{"size":"1"}]}`,
			refused: "list.size: must be a whole number in its range, not string"},
		"too large":      {text: `{"size":99999999999999999999}`, refused: "size: must be a whole number"},
		"object for a":   {text: `{"flag":{}}`, refused: "flag: must be true or false, not object"},
		"list for":       {text: `[]`, refused: "must be a JSON object"},
		"text for":       {text: `"x"`, refused: "must be a JSON object"},
		"cut off":        {text: `{"name":"x"`, refused: "is not JSON: unexpected end"},
		"two":            {text: `{}{}`, refused: "is not JSON"},
		"not UTF-8":      {text: "{\"name\":\"\xff\"}", refused: "not valid UTF-8"},
		"too deep":       {text: deep, refused: "is not JSON"},
		"deep and whole": {text: `{"free":` + deep + "1" + strings.Repeat("}", 20001), refused: "is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			var got plain
			err := api.DecodePlain([]byte(c.text), &got)
			if c.refused != "" {
				var wrong *strict.Error
				require.ErrorAs(t, err, &wrong)
				require.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAppendPlain(t *testing.T) {
	text, err := api.AppendPlain([]byte("before "), plainPart{Name: "<&>\u2028", Size: 1 << 60})
	require.NoError(t, err)
	require.Equal(t, `before {"name":"<&>\u2028","size":1152921504606846976}`, string(text))
	text, err = api.AppendPlain(nil, api.JSON(`{ }`))
	require.NoError(t, err)
	require.Equal(t, `{ }`, string(text))
	_, err = api.AppendPlain(nil, func() {})
	require.Error(t, err)
}

func FuzzDecodePlain(f *testing.F) {
	for _, seed := range []string{`{"name":"a","list":[{"size":1}]}`, `{"map":{"a":null}}`, `[`, `{"Name":1}`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v plain
		if err := api.DecodePlain(data, &v); err != nil {
			var wrong *strict.Error
			require.ErrorAs(t, err, &wrong)
		}
	})
}
