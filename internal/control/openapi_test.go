package control

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// Whoever adds a call says what it takes and answers.
func TestOpenAPI_EveryCallHasAForm(t *testing.T) {
	known, texts, rows := forms(), produced(), map[string]bool{}
	for i := range operations {
		name := operations[i].Name
		rows[name] = true
		_, answers := known[name]
		require.True(t, answers || texts[name] != "", "%s is in neither forms nor produced of openapi.go", name)
	}
	for name := range known {
		require.True(t, rows[name], "%s is no call", name)
	}
	for name := range texts {
		require.True(t, rows[name], "%s is no call", name)
	}
}

// The token endpoint's form has the parameters that the call takes.
func TestOpenAPI_TokenForm(t *testing.T) {
	var names []string
	for _, m := range api.Members(reflect.TypeFor[tokenForm]()) {
		names = append(names, m.Name)
	}
	require.ElementsMatch(t, idpTokenForm[:], names)
}
