package lucidity_test

import (
	"testing"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// TestScenarios runs the scripts in testdata.
func TestScenarios(t *testing.T) {
	simtest.RunScripts(t, "testdata", func(c *simulator.Config) { c.Fixture = "testdata/fixture.yaml" })
}
