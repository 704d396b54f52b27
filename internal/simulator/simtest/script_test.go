package simtest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

func TestScenarios(t *testing.T) { simtest.RunScripts(t, "testdata", simtest.ToyVendor) }

func TestServer_In(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	require.Equal(t, "t", s.In("t").Must(200, http.MethodGet, "/lamps", "").Header.Get("X-Sim-World"))
}
