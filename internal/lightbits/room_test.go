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

// behindTheDoor is what placement, protection and capacity are kept and computed with. Handlers and actions go through
// the functions of capacity.go, placement.go, chains.go and blockchanges.go.
var behindTheDoor = map[string]bool{
	"usageTable": true, "groupTable": true, "blockTable": true, "charge": true, "chargeNode": true, "countGroup": true, "volumeUsage": true,
	"Place": true, "Relocate": true, "Fill": true, "ProtectionOf": true, "SpaceOf": true, "Sum": true, "Account": true,
}

// No handler reaches around the physics.
func TestPhysics_OneDoor(t *testing.T) {
	t.Parallel()
	packages, err := parser.ParseDir(gotoken.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // one directory, no build tags
	require.NoError(t, err)
	handlers := 0
	for file, parsed := range packages["lightbits"].Files {
		for _, d := range parsed.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !isHandler(fn) {
				continue
			}
			handlers++
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					require.False(t, behindTheDoor[id.Name], "%s: %s uses %s", file, fn.Name.Name, id.Name)
				}
				return true
			})
		}
	}
	require.Greater(t, handlers, 100)
}

// isHandler: operations and actions take what was asked as a pointer to …Request or …Params.
func isHandler(fn *ast.FuncDecl) bool {
	for _, p := range fn.Type.Params.List {
		star, ok := p.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if id, ok := star.X.(*ast.Ident); ok && (strings.HasSuffix(id.Name, "Request") || strings.HasSuffix(id.Name, "Params")) {
			return true
		}
	}
	return false
}
