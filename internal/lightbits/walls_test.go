package lightbits

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// internals are the tables and functions for placement, protection and capacity. Handlers and actions must use the
// functions of the files with the prefixes block_, place_ and space_ instead.
var internals = map[string]bool{
	"usageTable": true, "groupTable": true, "blockTable": true, "charge": true, "chargeNode": true, "countGroup": true,
	"volumeUsage": true,
	"Place":       true, "Relocate": true, "Fill": true, "ProtectionOf": true, "SpaceOf": true, "Sum": true,
	"Account": true,
}

// No handler uses the internals of placement, protection and capacity.
func TestHandlers_UseNoInternals(t *testing.T) {
	t.Parallel()
	handlers := 0
	for file, parsed := range sources(t) {
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !isHandler(fn) {
				continue
			}
			handlers++
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					require.False(t, internals[id.Name], "%s: %s uses %s", file, fn.Name.Name, id.Name)
				}
				return true
			})
		}
	}
	require.Greater(t, handlers, 100)
}

// Every event of the catalogue is recorded by something.
func TestEvents_EveryNameIsRecorded(t *testing.T) {
	t.Parallel()
	recorded := map[string]bool{}
	for _, parsed := range sources(t) {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				recorded[selector.Sel.Name] = true
			}
			return true
		})
	}
	catalog, err := parser.ParseFile(gotoken.NewFileSet(), "events/catalog.go", nil, 0)
	require.NoError(t, err)
	names := 0
	ast.Inspect(catalog, func(n ast.Node) bool {
		if c, ok := n.(*ast.ValueSpec); ok && c.Type != nil {
			names++
			require.True(t, recorded[c.Names[0].Name], "nothing records %s", c.Names[0].Name)
		}
		return true
	})
	require.Greater(t, names, 60)
}

// Every file has a prefix of the table in the package comment, and the table has no prefix without files.
func TestPackageComment_ListsEveryPrefix(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, prefix := range listedPrefixes(t) {
		require.NotContains(t, used, prefix, "listed twice")
		used[prefix] = false
	}
	for file := range sources(t) {
		prefix, _, rest := strings.Cut(strings.TrimSuffix(file, ".go"), "_")
		if _, shared := used[prefix+"_"]; shared || rest {
			prefix += "_"
		}
		require.Contains(t, used, prefix, "file %s: the package comment in lightbits.go does not list its prefix", file)
		used[prefix] = true
	}
	for prefix, found := range used {
		require.True(t, found, "no file has the prefix %s, which the package comment in lightbits.go lists", prefix)
	}
}

// listedPrefixes returns the first word of each row of the tables in the package comment.
func listedPrefixes(t *testing.T) []string {
	t.Helper()
	parsed, err := parser.ParseFile(gotoken.NewFileSet(), "lightbits.go", nil,
		parser.PackageClauseOnly|parser.ParseComments)
	require.NoError(t, err)
	var prefixes []string
	for line := range strings.Lines(parsed.Doc.Text()) {
		if row, ok := strings.CutPrefix(line, "\t"); ok {
			prefixes = append(prefixes, strings.Fields(row)[0])
		}
	}
	require.NotEmpty(t, prefixes)
	return prefixes
}

// sources returns the files of this package without its tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	product := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	packages, err := parser.ParseDir(gotoken.NewFileSet(), ".", product, 0) //nolint:staticcheck // it has no build tags
	require.NoError(t, err)
	return packages["lightbits"].Files
}

// isHandler reports whether a function is an operation or an action: it takes a pointer to …Request or …Params.
func isHandler(fn *ast.FuncDecl) bool {
	for _, p := range fn.Type.Params.List {
		star, ok := p.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if id, ok := star.X.(*ast.Ident); ok &&
			(strings.HasSuffix(id.Name, "Request") || strings.HasSuffix(id.Name, "Params")) {
			return true
		}
	}
	return false
}
