package dms_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/api/apitest"
	"storagesim/internal/dms"
	"storagesim/internal/store"
)

func TestConformance(t *testing.T) { apitest.Run(t, conformant, conformance()) }

func FuzzDMS(f *testing.F) { apitest.Fuzz(f, conformant, conformance()) }

// conformant returns a server with only this vendor.
func conformant(tb testing.TB) apitest.Target {
	s := dms.New(dms.Options{}, noClusters{})
	return apitest.Serve(tb, api.Vendor{Service: s.API(), Machines: s.Machines(), Seed: s.Seed}, "")
}

// conformance returns the options that the operations do not determine.
func conformance() apitest.Options {
	return apitest.Options{
		Authenticate: func(req *http.Request) {
			if req.URL.Path == "/login" {
				req.SetBasicAuth("admin", "light")
				return
			}
			req.Header.Set("Authorization", "Bearer opaque")
		},
		Refusal: refusal,
		NoRoute: func(tb testing.TB, a apitest.Response) {
			exactly(tb, 404, `{"code":5,"message":"Not Found","details":[]}`, a)
		},
		NoMethod: func(tb testing.TB, a apitest.Response) {
			exactly(tb, 501, `{"code":12,"message":"Method Not Allowed","details":[]}`, a)
		},
		UnknownPaths: []string{"/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/clusters/", "/api/v1/workflows/a/b/c"},
		Good:         []apitest.Good{{Operation: "AttachCluster", Body: `{"apiEndpoint":"10.0.0.1:443"}`}},
	}
}

// noClusters is a world without clusters: no endpoint responds.
type noClusters struct{ dms.Clusters }

func (noClusters) ClusterAt(*store.Tx, string) string { return "" }

func (noClusters) APIEndpoints(*store.Tx) []string { return nil }

func exactly(tb testing.TB, status int, body string, a apitest.Response) {
	tb.Helper()
	require.Equal(tb, status, a.Status)
	require.Equal(tb, "application/json", a.Header.Get("Content-Type"))
	require.Equal(tb, body, string(a.Body))
}

// refusal requires {"code","message","details"} and nothing else, and WWW-Authenticate on a 401.
func refusal(tb testing.TB, a apitest.Response) {
	tb.Helper()
	require.Equal(tb, "application/json", a.Header.Get("Content-Type"))
	var body map[string]any
	require.NoError(tb, json.Unmarshal(a.Body, &body), "%s", a.Body)
	require.Len(tb, body, 3)
	require.Equal(tb, []any{}, body["details"])
	require.NotEmpty(tb, body["message"])
	require.NotZero(tb, body["code"])
	if a.Status == http.StatusUnauthorized {
		require.Equal(tb, body["message"], a.Header.Get("WWW-Authenticate"))
	} else {
		require.Empty(tb, a.Header.Get("WWW-Authenticate"))
	}
}
