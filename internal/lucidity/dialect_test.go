package lucidity

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

func request(t *testing.T, method, body string) *api.Request {
	t.Helper()
	op := New(Options{}).operations()[0]
	r, err := api.NewRequest(&op, httptest.NewRequest(method, op.Path, strings.NewReader(body)))
	require.NoError(t, err)
	return r
}

func TestDialect_Refuse(t *testing.T) {
	for kind, status := range map[refusal.Kind]int{
		refusal.InvalidArgument: 400, refusal.Unauthenticated: 401, refusal.PermissionDenied: 403,
		refusal.FailedPrecondition: 412,
		refusal.Internal:           500, refusal.Unavailable: 503, refusal.Kind(99): 500, refusal.ResourceExhausted: 429,
	} {
		resp := dialect{}.Refuse(request(t, "POST", ""), refusal.New(kind, "a <b>"))
		require.Equal(t, status, resp.Status, kind)
		require.Equal(t, `{"status":0,"message":"a <b>","data":null,"trackingCode":"`+string(resp.Body[len(resp.Body)-38:]),
			string(resp.Body))
	}
	for _, status := range New(Options{}).operations()[0].Statuses[1:] {
		resp := dialect{}.Refuse(request(t, "POST", ""), refusal.New(dialect{}.Kind(status), "no"))
		require.Equal(t, status, resp.Status)
	}
	forced := refusal.New(refusal.Internal, "no")
	forced.Status = 413
	require.Equal(t, 413, dialect{}.Refuse(request(t, "POST", ""), forced).Status)
}

// The success of seeds/000.
func TestDialect_Respond(t *testing.T) {
	const want = `{"status":1,"message":"Done Successfully",` +
		`"data":{"isSuccess":true,"message":"Partition Onboarding Started"}}`
	type started struct {
		IsSuccess bool   `json:"isSuccess"`
		Message   string `json:"message"`
	}
	for _, answer := range []any{
		started{true, "Partition Onboarding Started"},
		&started{true, "Partition Onboarding Started"},
		api.JSON(`{"isSuccess":true,"message":"Partition Onboarding Started"}`),
	} {
		resp, err := dialect{}.Respond(request(t, "POST", ""), answer, []byte{})
		require.NoError(t, err)
		require.Equal(t, 202, resp.Status)
		require.Equal(t, "application/json", resp.ContentType)
		require.JSONEq(t, want, string(resp.Body))
	}
	_, err := dialect{}.Respond(request(t, "POST", ""), func() {}, nil)
	require.Error(t, err)
}

func TestDialect_Bind(t *testing.T) {
	type body struct {
		Partition  string `json:"partition"`
		Identifier struct {
			Account string `json:"cloudProviderAccountId"`
		} `json:"instanceIdentifier"`
	}
	for name, c := range map[string]struct {
		method, body string
		want         body
		refused      string
	}{
		"body": {"POST", `{"partition":"D","instanceIdentifier":{"cloudProviderAccountId":"1"},"tenantId":"x"}`,
			body{"D", struct {
				Account string `json:"cloudProviderAccountId"`
			}{"1"}}, ""},
		"other case": {"POST", `{"Partition":"D"}`, body{}, ""},
		"nothing":    {"POST", ``, body{}, ""},
		"wrong type": {"POST", `{"partition":1}`, body{}, "partition: must be a string, not number"},
		"wrong within": {"POST", `{"instanceIdentifier":{"cloudProviderAccountId":1}}`, body{},
			"instanceIdentifier.cloudProviderAccountId: must be a string"},
		"wrong around": {"POST", `{"instanceIdentifier":[]}`, body{}, "instanceIdentifier: must be an object"},
		"cut off":      {"POST", `{"partition`, body{}, "not JSON"},
		"GET":          {"GET", `{"partition`, body{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got body
			r := request(t, c.method, c.body)
			r.HTTP.Header.Set("Content-Type", "application/json")
			err := dialect{}.Bind(r, &got)
			if c.refused != "" {
				require.True(t, refusal.Is(err, refusal.InvalidArgument), "%v", err)
				require.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestDialect_NoMethod(t *testing.T) {
	resp := dialect{}.NoMethod(request(t, "PUT", ""), []string{"POST", "GET"})
	require.Equal(t, 405, resp.Status)
	require.Equal(t, "GET, POST", resp.Header["Allow"])
	require.Equal(t, 404, dialect{}.NoRoute(request(t, "PUT", "")).Status)
}
