package dms

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// The table of facts/dms-lucidlink-lucidity.md 3.1, column v2.
func TestDialect_Refuse(t *testing.T) {
	for kind, status := range map[refusal.Kind]int{
		refusal.Canceled: 499, refusal.Unknown: 500, refusal.InvalidArgument: 400, refusal.DeadlineExceeded: 504,
		refusal.NotFound: 404, refusal.AlreadyExists: 409, refusal.PermissionDenied: 403, refusal.ResourceExhausted: 429,
		refusal.FailedPrecondition: 400, refusal.Aborted: 409, refusal.OutOfRange: 400, refusal.Unimplemented: 501,
		refusal.Internal: 500, refusal.Unavailable: 503, refusal.DataLoss: 500, refusal.Unauthenticated: 401,
		refusal.Kind(99): 500,
	} {
		resp := dialect{}.Refuse(&api.Request{}, refusal.New(kind, "no"))
		require.Equal(t, status, resp.Status, kind)
		require.Equal(t, kind == refusal.Unauthenticated, resp.Header["WWW-Authenticate"] == "no", kind)
	}
	for _, c := range []struct{ message, body string }{
		{"unexpected EOF", `{"code":3,"message":"unexpected EOF","details":[]}`},
		{"", `{"code":3,"message":"","details":[]}`},
		{`a "b" <c> & ` + "\n", `{"code":3,"message":"a \"b\" <c> & \n","details":[]}`},
	} {
		resp := dialect{}.Refuse(&api.Request{}, refusal.New(refusal.InvalidArgument, "%s", c.message))
		require.Equal(t, c.body, string(resp.Body))
		require.Equal(t, "application/json", resp.ContentType)
	}
	broken := dialect{}.Refuse(&api.Request{}, refusal.New(refusal.InvalidArgument, "\xff"))
	require.True(t, strings.HasPrefix(string(broken.Body), `{"code":3,"message":"`), "%s", broken.Body)
	forced := refusal.New(refusal.Internal, "no")
	forced.Status = 418
	require.Equal(t, 418, dialect{}.Refuse(&api.Request{}, forced).Status)
}

type part struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`
}

type body struct {
	WorkflowID string `json:"workflowId"`
	PageSize   *int32 `json:"pageSize"`
	Token      []byte `json:"nextPageToken"`
	Part       *part  `json:"part"`
	Verify     bool   `json:"verify"`
	SectorSize uint32 `json:"sectorSize"`
}

func TestDialect_Bind(t *testing.T) {
	one := int32(1)
	for name, c := range map[string]struct {
		operation, method, target, body string
		want                            body
		refused                         string
	}{
		"nothing": {method: "POST", target: "/w/"},
		"body without a type": {method: "POST", target: "/w/",
			body: `{"part":{"name":"x","size":"5"},"sectorSize":"512","other":1}`,
			want: body{Part: &part{"x", 5}, SectorSize: 512}},
		"numbers as numbers": {method: "POST", target: "/w/", body: `{"part":{"size":5},"sectorSize":512}`,
			want: body{Part: &part{"", 5}, SectorSize: 512}},
		"case counts": {method: "POST", target: "/w/", body: `{"Verify":true,"PART":{}}`},
		"path beats query beats body": {method: "POST", target: "/w/p?workflowId=q&pageSize=1",
			body: `{"workflowId":"b","pageSize":2}`, want: body{WorkflowID: "p", PageSize: &one}},
		"unknown query": {method: "GET", target: "/w/?colour=red"},
		"bytes": {method: "GET", target: "/w/?nextPageToken=%2BA%3D%3D",
			want: body{Token: []byte{0xf8}}},
		"bad bytes":              {method: "GET", target: "/w/?nextPageToken=%25", refused: "nextPageToken"},
		"bad number":             {method: "GET", target: "/w/?pageSize=many", refused: "pageSize"},
		"number too large":       {method: "GET", target: "/w/?pageSize=2147483648", refused: "pageSize"},
		"bad body":               {method: "POST", target: "/w/", body: `{"verify":"yes"}`, refused: "verify"},
		"cut body":               {method: "POST", target: "/w/", body: `{"verify":`, refused: "end"},
		"no body is read on GET": {method: "GET", target: "/w/", body: `{"verify":true}`},
		"no body is read if the page has none": {operation: "CancelWorkflow", method: "POST", target: "/w/p", body: `{`,
			want: body{WorkflowID: "p"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got body
			err := bound(t, c.operation, c.method, c.target, c.body, &got)
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

// bound sends a request through a router, and returns the error of Bind.
func bound(t *testing.T, operation, method, target, body string, q *body) (err error) {
	t.Helper()
	router := chi.NewRouter()
	router.MethodFunc(method, "/w/{workflowId}",
		func(_ http.ResponseWriter, req *http.Request) { err = bindRead(operation, req, q) })
	router.MethodFunc(method, "/w/", func(_ http.ResponseWriter, req *http.Request) { err = bindRead(operation, req, q) })
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, strings.NewReader(body)))
	return err
}

func bindRead(operation string, req *http.Request, q *body) error {
	r, err := api.NewRequest(&api.Operation{Vendor: vendor, Name: operation}, req)
	if err != nil {
		return err
	}
	return dialect{}.Bind(r, q)
}

// The conventions of facts/dms-lucidlink-lucidity.md 3.1, "JSON details".
func TestDialect_Respond(t *testing.T) {
	type progress struct {
		Percent int32  `json:"percent"`
		Stage   string `json:"stage"`
	}
	type workflow struct {
		ID       string    `json:"id"`
		Created  time.Time `json:"createdAt"`
		Ended    time.Time `json:"endedAt"`
		Progress *progress `json:"progress"`
		Clone    *progress `json:"clone,oneof"`
		Size     uint64    `json:"size"`
		Tags     []string  `json:"tags"`
	}
	resp, err := dialect{}.Respond(&api.Request{},
		workflow{ID: "w", Created: time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC), Size: 512}, nil)
	require.NoError(t, err)
	require.Equal(t, 200, resp.Status)
	require.JSONEq(t,
		`{"id":"w","createdAt":"2026-01-02T03:04:05.600Z","endedAt":null,"progress":null,"size":"512","tags":[]}`,
		string(resp.Body))
	resp, err = dialect{}.Respond(&api.Request{}, api.Empty{}, nil)
	require.NoError(t, err)
	require.Equal(t, `{}`, string(resp.Body))
	resp, err = dialect{}.Respond(&api.Request{}, api.JSON(`{"a":1}`), []byte{})
	require.NoError(t, err)
	require.Equal(t, `{"a":1}`, string(resp.Body))
}

func TestDialect_Kind(t *testing.T) {
	for _, op := range New(Options{}, nil).API().Operations {
		for _, status := range op.Statuses[1:] {
			resp := dialect{}.Refuse(&api.Request{}, refusal.New(dialect{}.Kind(status), "no"))
			require.Equal(t, status, resp.Status, op.Name)
		}
	}
}
