package lightbits_test

import (
	"testing"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// TestScenarios_Encryption runs the scripts that need an old cluster or servers with a TPM, which the fixture small
// lacks.
func TestScenarios_Encryption(t *testing.T) {
	simtest.RunScripts(t, "testdata/encryption",
		func(c *simulator.Config) { c.Fixture = "testdata/encryption/clusters.yaml" })
}
