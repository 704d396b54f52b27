package lightbits_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/api/apitest"
	"storagesim/internal/lightbits"
)

func TestConformance(t *testing.T) { apitest.Run(t, conformant, conformance(t)) }

func FuzzLightbits(f *testing.F) { apitest.Fuzz(f, conformant, conformance(f)) }

// conformant returns a server with this vendor alone.
func conformant(tb testing.TB) apitest.Target {
	s := lightbits.New(lightbits.Options{})
	return apitest.Serve(tb, api.Vendor{Service: s.API(), Machines: s.Machines(), Seed: s.Seed},
		`{"clusters":[{"name":"east"}]}`)
}

// conformance returns what the suite needs beside the rows of operations.
func conformance(tb testing.TB) apitest.Options {
	text := func(status int, body string) func(testing.TB, apitest.Response) {
		return func(tb testing.TB, a apitest.Response) {
			tb.Helper()
			require.Equal(tb, status, a.Status)
			require.Equal(tb, "text/plain; charset=utf-8", a.Header.Get("Content-Type"))
			require.Equal(tb, body, string(a.Body))
		}
	}
	return apitest.Options{
		Authenticate: func(req *http.Request) { req.Header.Set("Authorization", "Bearer opaque") },
		Refusal:      refusal,
		FirstValue:   true,
		NoRoute:      text(http.StatusNotFound, "Not Found\n"),
		NoMethod:     text(http.StatusMethodNotAllowed, "Method Not Allowed\n"),
		UnknownPaths: []string{"/api/v2/", "/api/v2/nothing", "/api/v2/volumes/a/b/c/d/e"},
		Good: []apitest.Good{
			{Operation: "CreateProject", Body: `{"name":"conformance"}`},
			{Operation: "CreatePolicy",
				Body: `{"name":"conformance","qosRateLimitPolicy":{"limitIOPS":{"readIOPSLimit":1024,"writeIOPSLimit":1024}}}`},
			{Operation: "CreateVolume",
				Body: `{"name":"conformance","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]},` +
					`"projectName":"default"}`},
			{Operation: "UpdateVolume", Body: `{"size":"2GiB","projectName":"conformance"}`},
			{Operation: "UpdatePolicy", Body: `{"description":"changed"}`},
			{Operation: "CreateSnapshot",
				Body: `{"name":"conformance","sourceVolumeName":"conformance","projectName":"default"}`},
			{Operation: "CreateResourcePolicy",
				Body: `{"name":"conformance","resourceName":"conformance","schedulePolicy":{"retentionTime":"60s",` +
					`"snapshotSchedulePolicy":{"weeklySchedule":{"daysOfWeek":[{"day":"Monday"}]}}},` +
					`"projectName":"default"}`},
			{Operation: "UpdateResourcePolicy", Body: `{"description":"changed"}`},
			{Operation: "CreateAdminEndpoint", Body: `{"port":22,"ips":["10.0.0.1"]}`},
			{Operation: "UpdateClusterConfigParam", Body: `{"configParam":{"value":"conformance"}}`},
			{Operation: "CreateCredential",
				Body: `{"ID":"conformance","type":"RS256PubKey","payload":"` + publicKey(tb) + `"}`},
		},
	}
}

// refusal checks that a refusal is {"error","code","message"} and nothing else (facts/lightbits.md 2.3).
func refusal(tb testing.TB, a apitest.Response) {
	tb.Helper()
	require.Equal(tb, "application/json", a.Header.Get("Content-Type"))
	var body map[string]any
	require.NoError(tb, json.Unmarshal(a.Body, &body), "%s", a.Body)
	require.Len(tb, body, 3)
	require.NotEmpty(tb, body["message"])
	require.Equal(tb, body["message"], body["error"])
	require.NotZero(tb, body["code"])
}

// publicKey returns the payload of a credential on the wire: a PEM block in base64.
func publicKey(tb testing.TB) string {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(tb, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
