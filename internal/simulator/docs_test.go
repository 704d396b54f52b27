package simulator

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateDocs = flag.Bool("update-docs", false, "write the documents that are made from the rows and machines")

// generated compares a document with what it is made from.
func generated(t *testing.T, file, want string) {
	t.Helper()
	if *updateDocs {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "%s is not up to date: go test ./internal/simulator -run Documents -update-docs", file)
}

// Documents are made from the machines and the rows, so that they cannot say anything else.
func TestDocuments_Machines(t *testing.T) {
	var b strings.Builder
	b.WriteString("# State machines\n\nMade from the machines themselves, see `internal/simulator/docs_test.go`. The same is answered by `GET /_sim/machines`.\n")
	for _, v := range vendors(Default()) {
		for _, m := range v.Machines {
			d := m.Describe()
			fmt.Fprintf(&b, "\n## %s\n\n```mermaid\n%s```\n", d.Kind, d.Mermaid())
			if len(d.Guards) == 0 {
				continue
			}
			b.WriteString("\n| operation | is refused in | as | saying |\n| --- | --- | --- | --- |\n")
			for _, g := range d.Guards {
				states := make([]string, len(g.In))
				for i := range g.In {
					states[i] = string(g.In[i])
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.Operation, strings.Join(states, ", "), g.Kind, g.Message)
			}
		}
	}
	generated(t, "../../docs/machines.md", b.String())
}

// Every operation of the four vendors, and whether it is emulated.
func TestDocuments_Operations(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Operations\n\nMade from the rows themselves, see `internal/simulator/docs_test.go`. The same is answered by `GET /_sim/operations`.\n" +
		"What is not emulated yet answers 501 in its vendor's words.\n")
	for _, v := range vendors(Default()) {
		fmt.Fprintf(&b, "\n## %s\n\n| operation | request | documented statuses | emulated |\n| --- | --- | --- | --- |\n", v.Service.Vendor)
		for i := range v.Service.Operations {
			op := &v.Service.Operations[i]
			emulated := "yes"
			if !op.Implemented() {
				emulated = "501"
			}
			statuses := strings.Trim(fmt.Sprint(op.AllStatuses()), "[]")
			for _, path := range op.Paths() {
				fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", op.Name, op.Method, path, statuses, emulated)
			}
		}
	}
	generated(t, "../../docs/operations.md", b.String())
}
