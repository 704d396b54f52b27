package lucidity_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/api/apitest"
	"storagesim/internal/lucidity"
)

func TestConformance(t *testing.T) {
	newServer := func(tb testing.TB) apitest.Target {
		return apitest.Serve(tb, api.Vendor{Service: lucidity.New().API()}, "")
	}
	apitest.Run(t, newServer, apitest.Options{
		Refusal: refusal,
		NoRoute: func(tb testing.TB, a apitest.Answer) {
			require.Equal(tb, 404, a.Status)
			refusal(tb, a)
		},
		NoMethod: func(tb testing.TB, a apitest.Answer) {
			require.Equal(tb, 405, a.Status)
			require.Equal(tb, "POST", a.Header.Get("Allow"))
			refusal(tb, a)
		},
		UnknownPaths: []string{"/external", "/external/api/v1/nothing", "/external/client/api/v1/partition/create/"},
	})
}

// refusal: {"status","message","data","trackingCode"}; status is not the HTTP status, data is null.
func refusal(tb testing.TB, a apitest.Answer) {
	tb.Helper()
	require.Equal(tb, "application/json", a.Header.Get("Content-Type"))
	var body map[string]any
	require.NoError(tb, json.Unmarshal(a.Body, &body), "%s", a.Body)
	require.Len(tb, body, 4)
	require.Contains(tb, body, "data")
	require.Nil(tb, body["data"])
	require.EqualValues(tb, 0, body["status"])
	require.NotEmpty(tb, body["message"])
	require.NoError(tb, uuid.Validate(body["trackingCode"].(string)))
}
