package lucidlink_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/api/apitest"
	"storagesim/internal/lucidlink"
)

func TestConformance(t *testing.T) { apitest.Run(t, conformant, conformance()) }

func FuzzLucidLink(f *testing.F) { apitest.Fuzz(f, conformant, conformance()) }

// conformant returns a server with only this vendor.
func conformant(tb testing.TB) apitest.Target {
	s := lucidlink.New(lucidlink.Options{})
	return apitest.Serve(tb, api.Vendor{Service: s.API(), Machines: s.Machines(), Seed: s.Seed}, "")
}

// conformance returns the options that the operations do not determine.
func conformance() apitest.Options {
	noRoute := func(tb testing.TB, a apitest.Response) {
		framed(tb, a)
		require.Equal(tb, 404, a.Status)
		require.Contains(tb, []string{`{"status":404,"message":"Not Found"}`, `{"success":false,"statusCode":404}`},
			string(a.Body))
	}
	return apitest.Options{
		// not linked
		Unknown:      map[string]int{"GetUser": 409, "UpdateUser": 409, "DeleteUser": 409, "DeleteSnapshot": 409},
		Authenticate: func(req *http.Request) { req.Header.Set("Authorization", "opaque") },
		// The domain of a world without a fixture.
		Good: []apitest.Good{{Operation: "CreateFilespace",
			Body: `{"domain":"160649d5-6754-55cb-a32a-0f5682e32898","name":"conformance",` +
				`"storage":{"provider":"AWS","region":"eu-west-1"}}`}},
		Refusal: refusal, NoRoute: noRoute, NoMethod: noRoute,
		UnknownPaths: []string{"/v1", "/v1/nothing", "/v1/domains/", "/api/v1/domains/a/b", "/api/v1/billing",
			"/oauth2/authorize"},
	}
}

// refusal: {"status","message"}, the number being the HTTP status; of the token request it is
// {"error","error_description"}.
func refusal(tb testing.TB, a apitest.Response) {
	tb.Helper()
	framed(tb, a)
	var body map[string]any
	require.NoError(tb, json.Unmarshal(a.Body, &body), "%s", a.Body)
	require.Len(tb, body, 2)
	if body["error"] != nil {
		require.NotEmpty(tb, body["error_description"])
		return
	}
	require.EqualValues(tb, a.Status, body["status"])
	require.NotEmpty(tb, body["message"])
}

var traceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// framed requires the headers of every response (facts/dms-lucidlink-lucidity.md 1.1).
func framed(tb testing.TB, a apitest.Response) {
	tb.Helper()
	require.Equal(tb, "application/json", a.Header.Get("Content-Type"))
	require.Regexp(tb, traceID, a.Header.Get("x-trace-id"))
	for name, value := range map[string]string{
		"Access-Control-Expose-Headers": "Retry-After", "Strict-Transport-Security": "max-age=15552000; includeSubDomains",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "default-src 'self'",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		require.Equal(tb, value, a.Header.Get(name), name)
	}
}
