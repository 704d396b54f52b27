package dms_test

import (
	"testing"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// TestScenarios runs the scripts in testdata.
func TestScenarios(t *testing.T) {
	simtest.RunScripts(t, "testdata")
	limited := func(c *simulator.Config) { c.Fixture = "testdata/limited/limited.yaml" }
	simtest.RunScripts(t, "testdata/limited", limited)
}
