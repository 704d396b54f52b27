package dms_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAttachCluster_AtTheAddressOfTheSimulator checks seeds/003 "Any one of the API endpoints can be used": the address
// at which a client reaches a cluster is one.
func TestAttachCluster_AtTheAddressOfTheSimulator(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	base, err := url.Parse(s.URL)
	require.NoError(t, err)
	port := base.Port()
	east := s.Must(200, http.MethodGet, "/api/v2/cluster", "").Text(".UUID")
	west := s.Must(200, http.MethodGet, "/api/v2/cluster", "", "X-Sim-Cluster", "west").Text(".UUID")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`)
	own := s.Must(200, http.MethodGet, "/api/v1/service-credentials", "")
	body := `{"ID":"` + own.Text(".pubKeyId") + `","type":"RS256PubKey","payload":"` + own.Text(".pubKey") + `"}`
	for _, cluster := range []string{"east", "west"} {
		s.Must(200, http.MethodPost, "/api/v2/projects/system/credentials", body, "X-Sim-Cluster", cluster)
	}
	for endpoint, want := range map[string]string{
		base.Host:                        east,
		"localhost:" + port:              east,
		"[::1]:" + port:                  east,
		"west.localhost:" + port:         west,
		"west.default.localhost:" + port: west,
		"default.localhost:" + port:      east,
		"west.t1.localhost:" + port:      "", // another world
		"north.localhost:" + port:        "",
		"foo.example.com:" + port:        "",
		"localhost:1":                    "",
	} {
		s.Must(200, http.MethodPost, "/_sim/reset", "")
		s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
		for _, cluster := range []string{"east", "west"} {
			s.Must(200, http.MethodPost, "/api/v2/projects/system/credentials", body, "X-Sim-Cluster", cluster)
		}
		id := s.Must(200, http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"`+endpoint+`"}`).Text(".workflowId")
		s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
		workflow := s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "")
		if want == "" {
			require.Equal(t, "FAILED", workflow.Text(".workflow.state"), endpoint)
			require.Contains(t, workflow.Text(".workflow.msg"), "10.1.0.10:443", "the message says where the clusters are")
			continue
		}
		require.Equal(t, "COMPLETED", workflow.Text(".workflow.state"), "%s: %s", endpoint, workflow.Body)
		require.Equal(t, want, s.Must(200, http.MethodGet, "/api/v1/clusters", "").Text(".clusters.0.id"), endpoint)
	}
}
