package fault

import (
	"testing"

	"storagesim/test/docs/generated"
)

// docs/faults.md lists every member of a rule.
func TestRule_Reference(t *testing.T) {
	generated.Section(t, "../../docs/faults.md", "rule", generated.Members(Rule{}))
}
