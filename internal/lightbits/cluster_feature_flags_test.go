package lightbits

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFeatureFlags(t *testing.T) {
	s := newServer(t, withCluster("featureFlags: {evict-data: true}"))
	var list struct{ FeatureFlags map[string]FeatureFlag }
	s.get("/api/v2/featureFlags", &list)
	require.Equal(t, map[string]FeatureFlag{
		"event-log": {Name: "event-log", Enabled: true}, "evict-data": {Name: "evict-data", Enabled: true},
		"fail-in-place": {Name: "fail-in-place"}, "in-band-authentication": {Name: "in-band-authentication"},
		"proactive-rebalance": {Name: "proactive-rebalance"}, "cluster-encryption": {Name: "cluster-encryption"},
	}, list.FeatureFlags)
	var f FeatureFlag
	s.get("/api/v2/featureFlags/evict-data", &f)
	require.Equal(t, FeatureFlag{Name: "evict-data", Enabled: true}, f)
	for _, name := range []string{"nonsense", "Event-Log", ""} {
		status, body := s.do(http.MethodGet, "/api/v2/featureFlags/"+name, admin, "")
		require.Equal(t, 400, status)
		require.Contains(t, body, "cluster-encryption, event-log, evict-data")
	}
	_, err := s.action("set-feature-flag", `{"name":"nonsense","enabled":true}`)
	require.ErrorContains(t, err, "there is no feature flag")
	_, err = s.action("set-feature-flag", `{"name":"event-log"}`)
	require.ErrorContains(t, err, "enabled")
}
