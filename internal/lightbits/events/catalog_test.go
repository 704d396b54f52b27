package events

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every constant of type Name is in the catalogue.
func TestCatalog_Complete(t *testing.T) {
	t.Parallel()
	parsed, err := parser.ParseFile(token.NewFileSet(), "catalog.go", nil, 0)
	require.NoError(t, err)
	names := 0
	ast.Inspect(parsed, func(n ast.Node) bool {
		if c, ok := n.(*ast.ValueSpec); ok && c.Type != nil {
			names++
			require.Contains(t, catalog, Name(c.Names[0].Name))
		}
		return true
	})
	require.Len(t, catalog, names)
}

func TestCatalog_Codes(t *testing.T) {
	t.Parallel()
	codes := map[uint32]Name{}
	for name, k := range catalog {
		require.Empty(t, codes[k.Code], "%s and %s share the code %d", name, codes[k.Code], k.Code)
		codes[k.Code] = name
		require.Equal(t, uint32(typeNumbers[string(k.Type)]), k.Code/1000, "code of %s", name)
		require.Positive(t, severityNumbers[string(k.Severity)], "severity of %s", name)
		require.Positive(t, serviceNumbers[string(k.Service)], "service of %s", name)
		require.NotEmpty(t, k.Text, "text of %s", name)
	}
}
