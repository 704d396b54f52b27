package lightbits_test

import (
	"testing"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// Clusters that the fixture small does not have: an old one, and such with TPMs.
func TestScenarios_Encryption(t *testing.T) {
	simtest.RunScripts(t, "testdata/encryption", func(c *simulator.Config) { c.Fixture = "testdata/encryption/clusters.yaml" })
}
