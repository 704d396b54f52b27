package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

func TestDecodeStrict(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  plain
		path  string
		words string
	}{
		"nothing": {},
		"good": {text: `{"name":"a","Name":"b","list":[{"size":1}],"map":{"k":{"size":2}},"free":{"x":[]}}`,
			want: plain{plainPart: plainPart{Name: "a"}, Upper: "b", List: []plainPart{{Size: 1}},
				Map: map[string]*plainPart{"k": {Size: 2}}, Free: map[string]any{"x": []any{}}}},
		"unknown":        {text: `{"colour":1}`, path: "colour", words: "is not a member of this object"},
		"other case":     {text: `{"LIST":[]}`, path: "LIST", words: "is not a member of this object"},
		"unknown within": {text: `{"list":[{},{"Size":1}]}`, path: "list[1].Size", words: "is not a member of this object"},
		"in a map":       {text: `{"map":{"k":{"x":1}}}`, path: "map.k.x", words: "is not a member of this object"},
		"twice":          {text: `{"list":[{"size":1,"size":1}]}`, path: "list[0].size", words: "given twice"},
		"wrong type": {text: `{"list":[{"size":"1"}]}`, path: "list.size",
			words: "must be a whole number in its range, not string"},
		"two documents": {text: `{} {}`, words: "data after the end"},
		"cut off":       {text: `{"list":[`, words: "is not JSON: unexpected end"},
		"not an object": {text: `[]`, words: "must be an object, not array"},
		"deep":          {text: `{"free":` + strings.Repeat("[", 1<<20), words: "depth"},
	} {
		t.Run(name, func(t *testing.T) {
			var got plain
			err := strict.Decode([]byte(c.text), &got)
			if c.words == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			var wrong *strict.Error
			require.ErrorAs(t, err, &wrong)
			require.ErrorContains(t, err, c.words)
			if c.path != "" {
				require.Equal(t, c.path, wrong.Path)
			}
		})
	}
	var wrong *strict.Error
	require.ErrorAs(t, strict.Decode([]byte(`{"x":1}`), &plainPart{}), &wrong)
	require.Equal(t, []string{"name", "size"}, wrong.Valid)
}

func TestDo(t *testing.T) {
	type params struct {
		Node    string          `json:"node" doc:"which one"`
		Count   *int            `json:"count"`
		Share   float64         `json:"share"`
		Now     bool            `json:"now"`
		Names   []string        `json:"names"`
		Options map[string]any  `json:"options"`
		Raw     json.RawMessage `json:"raw"`
	}
	a := api.Do("toys", "break-toy", "breaks it", func(_ *store.Tx, p *params) (any, error) { return p.Node, nil })
	require.Equal(t, []api.Param{
		{Name: "node", Type: "string", Doc: "which one"}, {Name: "count", Type: "integer"}, {Name: "share", Type: "number"},
		{Name: "now", Type: "boolean"}, {Name: "names", Type: "array"}, {Name: "options", Type: "object"}, {Name: "raw",
			Type: "string"},
	}, a.Params)
	answer, err := a.Run(nil, []byte(`{"node":"n1"}`))
	require.NoError(t, err)
	require.Equal(t, "n1", answer)
	_, err = a.Run(nil, []byte(`{"Node":"n1"}`))
	require.ErrorContains(t, err, "Node: is not a member of this object")
}
