package lightbits

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFeatureFlags(t *testing.T) {
	s := newServer(t, withCluster("featureFlags: {evict-data: true}"))
	s.run("list has all flags, event-log and the fixture's are enabled", func(t *testing.T) {
		var list struct{ FeatureFlags map[string]FeatureFlag }
		s.get("/api/v2/featureFlags", &list)
		require.Equal(t, map[string]FeatureFlag{
			"event-log": {Name: "event-log", Enabled: true}, "evict-data": {Name: "evict-data", Enabled: true},
			"fail-in-place": {Name: "fail-in-place"}, "in-band-authentication": {Name: "in-band-authentication"},
			"proactive-rebalance": {Name: "proactive-rebalance"}, "cluster-encryption": {Name: "cluster-encryption"},
		}, list.FeatureFlags)
	})
	s.run("get", func(t *testing.T) {
		var f FeatureFlag
		s.get("/api/v2/featureFlags/evict-data", &f)
		require.Equal(t, FeatureFlag{Name: "evict-data", Enabled: true}, f)
	})
	for name, flag := range map[string]string{
		"unknown name is 400": "nonsense", "name in upper case is 400": "Event-Log", "empty name is 400": "",
	} {
		s.run(name, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/featureFlags/"+flag, admin, "")
			require.Equal(t, 400, status)
			require.Contains(t, body, "cluster-encryption, event-log, evict-data")
		})
	}
	for name, c := range map[string]struct{ params, want string }{
		"action with an unknown name": {`{"name":"nonsense","enabled":true}`, "there is no feature flag"},
		"action without enabled":      {`{"name":"event-log"}`, "enabled"},
	} {
		s.run(name, func(t *testing.T) {
			_, err := s.action("set-feature-flag", c.params)
			require.ErrorContains(t, err, c.want)
		})
	}
}
