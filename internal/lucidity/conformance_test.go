package lucidity_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/api/apitest"
	"storagesim/internal/lucidity"
)

// goodFixture has the objects that the good requests below name.
const goodFixture = `{"tenants":[{"cloudProvider":"AWS","cloudProviderAccountId":"1","instances":[
	{"instanceId":"i-1","partitions":[{"partition":"/mnt/a"},{"partition":"/mnt/b","status":"ON_BOARDED"}]}]}]}`

const (
	goodInstance = `"instanceIdentifier":{"cloudProviderAccountId":"1","cloudProvider":"AWS","instanceId":"i-1"}`
	goodTenant   = `"cloudEntityInformation":{"cloudProvider":"AWS","cloudProviderAccountId":"2","externalId":"e",` +
		`"awsIAMRoleName":"r","awsIAMPolicyName":"p"}`
)

func TestConformance(t *testing.T) { apitest.Run(t, conformant, conformance()) }

func FuzzLucidity(f *testing.F) { apitest.Fuzz(f, conformant, conformance()) }

// conformant returns a server with only this vendor.
func conformant(tb testing.TB) apitest.Target {
	s := lucidity.New(lucidity.Options{})
	return apitest.Serve(tb, api.Vendor{Service: s.API(), Machines: s.Machines(), Seed: s.Seed}, goodFixture)
}

// conformance returns the options that the operations do not determine.
func conformance() apitest.Options {
	return apitest.Options{
		Authenticate: func(req *http.Request) {
			req.Header.Set("X-Authtype", "lucidity_access_token")
			req.Header.Set("Authorization", "opaque")
		},
		Refusal: refusal,
		Either:  map[string]string{"GetInstanceDetails": "instanceIdentifier", "RequestBuffer": "instanceIdentifier"},
		NoRoute: func(tb testing.TB, a apitest.Response) {
			require.Equal(tb, 404, a.Status)
			refusal(tb, a)
		},
		NoMethod: func(tb testing.TB, a apitest.Response) {
			require.Equal(tb, 405, a.Status)
			require.NotEmpty(tb, a.Header.Get("Allow"))
			refusal(tb, a)
		},
		UnknownPaths: []string{"/external", "/external/api/v1/nothing", "/external/client/api/v1/partition/create/",
			"/external/client/api/v1/tenants/1"},
		Good: []apitest.Good{
			{Operation: "CreatePartition", Body: `{` + goodInstance + `,"partition":"/mnt/a"}`},
			{Operation: "GetPartitionStatus", Body: `{` + goodInstance + `,"partition":"/mnt/b"}`},
			{Operation: "GetInstanceDetails", Body: `{` + goodInstance + `}`},
			{Operation: "OnboardTenant", Body: `{` + goodTenant + `,"displayName":"d","productList":["AUTOSCALER"]}`},
			{Operation: "UpdateTenant", Body: `{` + goodTenant + `,"displayName":"e"}`},
			{Operation: "RequestBuffer", Body: `{` + goodInstance + `}`},
			{Operation: "DeboardTenant", Body: `{` + goodTenant + `}`},
		},
	}
}

// refusal requires {"status","message","data","trackingCode"} with a status that is not the HTTP status, or
// {"success","data","error":{"code","message"},"requestId"} of the tenant API. The data is null.
func refusal(tb testing.TB, a apitest.Response) {
	tb.Helper()
	require.Equal(tb, "application/json", a.Header.Get("Content-Type"))
	var body map[string]any
	require.NoError(tb, json.Unmarshal(a.Body, &body), "%s", a.Body)
	require.Len(tb, body, 4)
	require.Contains(tb, body, "data")
	require.Nil(tb, body["data"])
	if success, ok := body["success"]; ok {
		require.Equal(tb, false, success)
		e := body["error"].(map[string]any)
		require.Len(tb, e, 2)
		require.NotEmpty(tb, e["message"])
		require.Equal(tb, strings.ToUpper(e["code"].(string)), e["code"])
		require.NotEmpty(tb, e["code"])
		require.NoError(tb, uuid.Validate(body["requestId"].(string)))
		return
	}
	require.EqualValues(tb, 0, body["status"])
	require.NotEmpty(tb, body["message"])
	require.NoError(tb, uuid.Validate(body["trackingCode"].(string)))
}
