package redact

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// clean is what Text does to a decoded document.
func clean(v any, hidden bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = clean(member, hidden || IsSecret(name))
		}
	case []any:
		for i := range v {
			v[i] = clean(v[i], hidden)
		}
	case string:
		if !hidden {
			return new(Redactor).inner(v)
		}
		if v != "" {
			return Mark
		}
	case json.Number:
		if hidden {
			return Mark
		}
	}
	return v
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	require.NoError(t, d.Decode(&v), text)
	return v
}

// Text never panics, and of valid JSON it changes nothing but secrets.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,{"password":"x"}],"tokens":{"b":["c",2.5,true,null]},"u":"http://u:p@h/?pin=1"}`,
		`{"a":"{\"secret\":\"x\"}","payload":"\ud800"}`, `["a"`, `{"a":'b',password:x y}`, `a=b&password=%41`, `"x"`,
		`{"a": "b"c", "secrets": [[{`, "name=\"pin\"\r\n\r\nx", "-----BEGIN PRIVATE KEY-----", "{]}:,:", `{"\`, "//@", "=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Text(text)
		URL(text)
		Line(text)
		if !json.Valid([]byte(text)) || bytes.TrimLeft([]byte(text), " \t\r\n")[0] < '"' {
			return
		}
		if first := bytes.TrimLeft([]byte(text), " \t\r\n")[0]; first != '{' && first != '[' && first != '"' {
			return
		}
		require.True(t, json.Valid([]byte(got)), got)
		require.Equal(t, clean(decoded(t, text), false), decoded(t, got))
	})
}
