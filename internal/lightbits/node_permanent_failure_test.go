package lightbits

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A new DurationToTurnIntoPermanentFailure also applies to nodes that are already Inactive.
func TestNode_NewPermanentFailureTimeout(t *testing.T) {
	for _, c := range []struct {
		timeout string
		failed  []bool // after half an hour, one hour, two hours
	}{
		{"10m", []bool{true, true, true}}, {"90m", []bool{false, false, true}}, {"0s", []bool{false, false, false}},
	} {
		s := newServer(t, withCluster("servers: 3"))
		path := "/api/v2/nodes/" + s.node("server00-0").UUID
		s.must("fail-node", `{"node":"server00-0"}`)
		s.advance(20 * time.Minute)
		s.ok("PUT", "/api/v2/clusterConfig/DurationToTurnIntoPermanentFailure",
			fmt.Sprintf(`{"configParam":{"value":%q}}`, c.timeout))
		var failed []bool
		for _, by := range []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour} {
			s.advance(by)
			failed = append(failed, decodeWire[Node](t, s, path).PermanentFailure)
		}
		require.Equal(t, c.failed, failed, c.timeout)
		s.ok("PUT", "/api/v2/clusterConfig/DurationToTurnIntoPermanentFailure", `{"configParam":{"value":"1h"}}`)
		s.advance(time.Second)
		require.True(t, decodeWire[Node](t, s, path).PermanentFailure, "two hours are more than the timeout")
	}
}
