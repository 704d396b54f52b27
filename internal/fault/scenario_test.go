package fault_test

import (
	"testing"

	"storagesim/internal/simulator/simtest"
)

func TestScenarios(t *testing.T) { simtest.RunScripts(t, "testdata") }
