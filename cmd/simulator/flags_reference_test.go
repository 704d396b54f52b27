package main

import (
	"fmt"
	"strings"
	"testing"

	"storagesim/test/docs/generated"
)

// docs/running.md lists every flag.
func TestFlags_Reference(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| flag | variable | value | what it does |\n| --- | --- | --- | --- |\n")
	for i := range serveOptions {
		o := &serveOptions[i]
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", o.name, o.variable(), strings.ReplaceAll(o.form, "|", " or "), o.doc)
	}
	b.WriteString("\n")
	generated.Section(t, "../../docs/running.md", "flags", b.String())
}
