package lightbits_test

import (
	"net/http"
	"testing"

	"storagesim/internal/api"
	"storagesim/internal/api/apitest"
	"storagesim/internal/lightbits"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// TestFederation runs the scripts about a federation of clusters.
func TestFederation(t *testing.T) {
	simtest.RunScripts(t, "testdata/federation", func(c *simulator.Config) { c.Federation = true })
}

// The conformance suite also holds with the operations of a federation.
func TestFederation_Conformance(t *testing.T) {
	newServer := func(tb testing.TB) apitest.Target {
		s := lightbits.New(lightbits.Options{Federation: true})
		return apitest.Serve(tb, api.Vendor{Service: s.API(), Machines: s.Machines(), Seed: s.Seed},
			`{"clusters":[{"name":"east"}]}`)
	}
	elsewhere := func(testing.TB, apitest.Response) {} // checked by TestConformance
	apitest.Run(t, newServer, apitest.Options{
		Authenticate: func(req *http.Request) {
			if req.URL.Path == "/cflogin" || req.URL.Path == "/api/v2/cflogin" {
				req.SetBasicAuth("admin", "light")
				return
			}
			req.Header.Set("Authorization", "Bearer opaque")
		},
		FirstValue: true, Refusal: refusal, NoRoute: elsewhere, NoMethod: elsewhere,
		UnknownPaths: []string{"/api/v2/nothing"},
		Good:         []apitest.Good{{Operation: "AttachCluster", Body: `{"apiEndpoint":"10.1.0.10:443"}`}},
	})
}
