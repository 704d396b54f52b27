package lightbits_test

import (
	"testing"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// TestFederation runs the scripts about clusters that are a federation.
func TestFederation(t *testing.T) {
	simtest.RunScripts(t, "testdata/federation", func(c *simulator.Config) { c.Federation = true })
}
