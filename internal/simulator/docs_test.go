package simulator

import (
	"fmt"
	"strings"
	"testing"

	"storagesim/test/docs/generated"
)

// docs/machines.md is generated from the state machines of the vendors.
func TestDocuments_Machines(t *testing.T) {
	var b strings.Builder
	b.WriteString("# State machines\n\nGenerated from the state machines by `internal/simulator/docs_test.go`; " +
		"`GET /_sim/machines` returns the same.\n")
	for _, v := range vendors(Default()) {
		for _, m := range v.Machines {
			d := m.Describe()
			fmt.Fprintf(&b, "\n## %s\n\n```mermaid\n%s```\n", d.Kind, d.Mermaid())
			if len(d.Guards) == 0 {
				continue
			}
			b.WriteString("\n| operation | refused in state | kind of error | message |\n| --- | --- | --- | --- |\n")
			for _, g := range d.Guards {
				states := make([]string, len(g.In))
				for i := range g.In {
					states[i] = string(g.In[i])
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n",
					g.Operation, strings.Join(states, ", "), g.Kind, g.Message)
			}
		}
	}
	generated.File(t, "../../docs/machines.md", b.String())
}

// docs/operations.md lists every operation of the vendors, and whether it is emulated.
func TestDocuments_Operations(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Operations\n\nGenerated from the tables of operations by `internal/simulator/docs_test.go`;\n" +
		"`GET /_sim/operations` returns the same. An operation that is not emulated returns 501 in the error format of " +
		"its vendor.\n")
	for _, v := range vendors(Default()) {
		fmt.Fprintf(&b, "\n## %s\n\n| operation | request | documented statuses | emulated |\n| --- | --- | --- | --- |\n",
			v.Service.Vendor)
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
	generated.File(t, "../../docs/operations.md", b.String())
}
