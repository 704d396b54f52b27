package lightbits

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A lower threshold raises an event at once for each clock beyond it, and never twice for one clock.
func TestClockDrift_LowerThreshold(t *testing.T) {
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
	require.Equal(t, 1, drifts(), "the event was raised before")
	set("1h")
	require.Equal(t, 1, drifts(), "a higher threshold raises no event")
	set("20s")
	require.Equal(t, 3, drifts(), "both clocks are beyond it now")
}
