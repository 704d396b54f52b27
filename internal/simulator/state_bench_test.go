package simulator_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// BenchmarkState exports and imports a world of 10,000 volumes.
func BenchmarkState(b *testing.B) {
	s := simtest.New(b, func(c *simulator.Config) { c.Fixture = "large" })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	for _, form := range []string{"json", "yaml"} {
		text := ""
		b.Run("export/"+form, func(b *testing.B) {
			for range b.N {
				text = s.Must(200, http.MethodGet, "/_sim/state", "", "Accept", "application/"+form).Body
			}
			b.SetBytes(int64(len(text)))
		})
		b.Run("import/"+form, func(b *testing.B) {
			for range b.N {
				s.In("t").Must(200, http.MethodPut, "/_sim/state", text)
			}
			b.SetBytes(int64(len(text)))
		})
	}
	require.NotEmpty(b, s.URL)
}
