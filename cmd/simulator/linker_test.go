package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The linker drops the methods that nobody calls, unless something reachable looks methods up by a name that only the
// running program knows, as text/template does. One such function makes the binary megabytes larger.
func TestBinary_UnusedMethodsAreDropped(t *testing.T) {
	dump, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-dumpdep", "-o",
		filepath.Join(t.TempDir(), "simulator"), ".").CombinedOutput()
	require.NoError(t, err, "%.2000s", dump)
	require.Contains(t, string(dump), "main.main -> main.program", "the dump has the program's calls")
	for line := range strings.Lines(string(dump)) {
		require.NotContains(t, line, "<ReflectMethod>", "it calls reflect's MethodByName, or Method with a variable")
	}
}
