package scenario

import (
	"testing"

	"storagesim/test/docs/generated"
)

// docs/scenarios.md lists every member of a scenario.
func TestScenario_Reference(t *testing.T) {
	generated.Section(t, "../../docs/scenarios.md", "scenario", generated.Members(Scenario{}))
}
