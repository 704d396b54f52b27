package control

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/strict"
)

// Each row defines what its call returns: JSON of a type, text of a media type, or both.
func TestOpenAPI_EveryCallHasAResponse(t *testing.T) {
	for i := range operations {
		row := &operations[i]
		require.True(t, row.Endpoint.response != nil || row.Produces != "", row.Name)
	}
}

// The token endpoint's form has the parameters that the call takes.
func TestOpenAPI_TokenForm(t *testing.T) {
	var names []string
	for _, m := range strict.Members(reflect.TypeFor[tokenForm]()) {
		names = append(names, m.Name)
	}
	require.ElementsMatch(t, idpTokenForm[:], names)
}

// The names of components say whose they are, and every component is used by a call.
func TestOpenAPI_Names(t *testing.T) {
	text, err := (&Control{rows: operations}).openAPI()
	require.NoError(t, err)
	var document struct {
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(text, &document))
	schemas := document.Components.Schemas
	for _, word := range []string{"Action", "Description", "Document", "Effect", "Entry", "Exchange", "Finding", "Flaw",
		"Key", "KeySet",
		"Latency", "Leak", "Listed", "Match", "Outcome", "Param", "Report", "Rule", "Standing", "Timer", "Transition",
		"Verdict", "When"} {
		require.NotContains(t, schemas, word)
		require.NotContains(t, schemas, word+"Input")
	}
	for _, name := range names() {
		require.True(t, schemas[name] != nil || schemas[name+"Input"] != nil, "%s is no component", name)
	}
}
