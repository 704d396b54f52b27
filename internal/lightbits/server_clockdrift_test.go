package lightbits

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever lowers the threshold hears at once of the clocks that are beyond it, and of none twice.
func TestClockDrift_ThresholdIsLowered(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	set := func(threshold string) {
		s.ok("PUT", "/api/v2/clusterConfig/ClockDriftIntervalForRaisingEvent",
			fmt.Sprintf(`{"configParam":{"value":%q}}`, threshold))
	}
	drifts := func() int { return len(s.eventNames("?componentType=Server")) }
	s.must("age-clock-drift", `{"server":"server01","by":"-40s"}`)
	s.must("age-clock-drift", `{"server":"server02","by":"20s"}`)
	require.Zero(t, drifts())
	set("30s")
	require.Equal(t, []string{"ServerClockDrift"}, s.eventNames("?componentType=Server"))
	set("25s")
	require.Equal(t, 1, drifts(), "that one is known")
	set("1h")
	require.Equal(t, 1, drifts(), "a higher one tells nothing")
	set("20s")
	require.Equal(t, 3, drifts(), "both are beyond it now")
}
