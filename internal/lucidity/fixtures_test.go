package lucidity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
)

// Each built-in fixture has the expected tenants, instances and partitions in their states.
func TestFixtures(t *testing.T) {
	for name, want := range map[string]struct {
		tenants, instances, partitions, managed, failed int
		gcp                                             int // what a call about a GCP instance answers
	}{
		"small":    {4, 5, 11, 1, 0, 200},
		"large":    {3, 300, 860, 100, 0, 200},
		"degraded": {3, 3, 6, 1, 1, 503},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, func(c *simulator.Config) { c.Fixture = name })
			count := func(kind, state string) (n int) {
				for _, one := range c.Must(200, "GET", "/_sim/resources?limit=1000&kind=lucidity."+kind,
					"").Get(".resources").([]any) {
					if state == "" || one.(map[string]any)["state"] == state {
						n++
					}
				}
				return n
			}
			require.Equal(t, want.tenants, count("tenant", ""))
			require.Equal(t, want.instances, count("instance", ""))
			require.Equal(t, want.partitions, count("partition", ""))
			require.Equal(t, want.managed, count("partition", "ON_BOARDED"))
			require.Equal(t, want.failed, count("partition", "FAILED"))
			id := map[string]string{"large": "4567890123456700000"}[name]
			if id == "" {
				id = "4567890123456789012"
			}
			a := c.call("POST", detailsPath,
				`{"cloudProvider":"GCP","cloudProviderAccountId":"analytics-prod-1","instanceId":"`+id+`"}`)
			require.Equal(t, want.gcp, a.Status, a.Body)
		})
	}
}
