package lucidlink

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// request returns a request for the operation, as the server reads it.
func request(t *testing.T, op api.Operation, method, target, body string) *api.Request {
	t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req = req.WithContext(context.WithValue(req.Context(), chi.RouteCtxKey, chi.NewRouteContext()))
	r, err := api.NewRequest(&op, req)
	require.NoError(t, err)
	return r
}

func row(name string, status int) api.Operation {
	return api.Operation{Vendor: vendor, Name: name, Statuses: []int{status}}
}

func TestDialect_Refuse(t *testing.T) {
	for _, c := range []struct {
		kind   refusal.Kind
		status int
		body   string
	}{
		{refusal.InvalidArgument, 400, `{"status":400,"message":"a <b>"}`},
		{refusal.Unauthenticated, 401, `{"status":401,"message":"Illegal request"}`},
		{refusal.NotFound, 404, `{"status":404,"message":"a <b>"}`},
		{refusal.AlreadyExists, 409, `{"status":409,"message":"a <b>"}`},
		{refusal.Aborted, 409, `{"status":409,"message":"a <b>"}`},
		{refusal.FailedPrecondition, 422, `{"status":422,"message":"a <b>"}`},
		{refusal.Internal, 500, `{"status":500,"message":"a <b>"}`},
		{refusal.Kind(99), 500, `{"status":500,"message":"a <b>"}`},
		{refusal.Unavailable, 503, `{"status":503,"message":"a <b>"}`},
	} {
		resp := dialect{}.Refuse(request(t, row("CreateFilespace", 201), "POST", "/v1/filespaces", ""),
			refusal.New(c.kind, "a <b>"))
		require.Equal(t, c.status, resp.Status)
		require.Equal(t, c.body, string(resp.Body))
	}
	for status, kind := range map[int]refusal.Kind{400: refusal.InvalidArgument, 404: refusal.NotFound,
		409: refusal.AlreadyExists, 422: refusal.FailedPrecondition} {
		require.Equal(t, kind, dialect{}.Kind(status))
	}
}

func TestDialect_RefuseToken(t *testing.T) {
	for _, c := range []struct {
		kind         refusal.Kind
		forced, want int
		code         string
	}{
		{refusal.InvalidArgument, 0, 400, "invalid_request"},
		{refusal.Unauthenticated, 0, 400, "invalid_client"},
		{refusal.Unauthenticated, 401, 401, "invalid_client"},
		{refusal.PermissionDenied, 0, 400, "unauthorized_client"},
		{refusal.NotFound, 0, 404, "invalid_request"},
		{refusal.Unimplemented, 0, 501, "server_error"},
		{refusal.Internal, 0, 500, "server_error"},
		{refusal.Unavailable, 0, 503, "temporarily_unavailable"},
		{refusal.ResourceExhausted, 413, 413, "invalid_request"},
	} {
		e := refusal.New(c.kind, "no")
		e.Status = c.forced
		resp := dialect{}.Refuse(request(t, row(createAccessToken, 200), "POST", "/oauth2/token", ""), e)
		require.Equal(t, c.want, resp.Status)
		require.Equal(t, `{"error":"`+c.code+`","error_description":"no"}`, string(resp.Body))
	}
}

func TestDialect_Respond(t *testing.T) {
	type domain struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	for _, c := range []struct {
		status      int
		answer      any
		body        string
		contentType string
	}{
		{200, []domain{{"1", "a<b"}}, `[{"id":"1","name":"a<b"}]`, contentJSON},
		{200, []domain{}, `[]`, contentJSON},
		{201, domain{"1", "x"}, `{"id":"1","name":"x"}`, contentJSON},
		{200, api.JSON(`{"id":"1"}`), `{"id":"1"}`, contentJSON},
		{204, api.Empty{}, ``, ""},
		{200, api.Empty{}, ``, ""},
	} {
		resp, err := dialect{}.Respond(request(t, row("X", c.status), "GET", "/v1/x", ""), c.answer, []byte{})
		require.NoError(t, err)
		require.Equal(t, c.status, resp.Status)
		require.Equal(t, c.body, string(resp.Body))
		require.Equal(t, c.contentType, resp.ContentType)
		require.NotEmpty(t, resp.Header["x-trace-id"])
	}
	_, err := dialect{}.Respond(request(t, row("X", 200), "GET", "/v1/x", ""), func() {}, nil)
	require.Error(t, err)
}

func TestDialect_Bind(t *testing.T) {
	type storage struct {
		Owner string `json:"owner"`
	}
	type form struct {
		Name      string   `json:"name"`
		Version   float64  `json:"version"`
		Storage   *storage `json:"storage"`
		Qualified string   `json:"qualifiedName"`
		GrantType string   `json:"grant_type"`
	}
	for name, c := range map[string]struct {
		operation, method, target, body string
		want                            form
		refused                         string
	}{
		"body": {method: "POST", target: "/v1/x",
			body: `{"name":"n","version":3,"storage":{"owner":"customer","customer":"x"}}`,
			want: form{Name: "n", Version: 3, Storage: &storage{"customer"}}},
		"other case": {method: "POST", target: "/v1/x", body: `{"Name":"n","storage":{"OWNER":"x"}}`,
			want: form{Storage: &storage{}}},
		"nothing": {method: "POST", target: "/v1/x"},
		"null":    {method: "POST", target: "/v1/x", body: `{"name":null,"storage":null}`},
		"text for a number": {method: "POST", target: "/v1/x", body: `{"version":"3"}`,
			refused: "version: must be a number, not string"},
		"number for a text": {method: "POST", target: "/v1/x", body: `{"storage":{"owner":3}}`,
			refused: "storage.owner: must be a string, not number"},
		"a list":        {method: "POST", target: "/v1/x", body: `[]`, refused: "must be a JSON object"},
		"cut off":       {method: "POST", target: "/v1/x", body: `{"name":`, refused: "not JSON"},
		"trailing data": {method: "POST", target: "/v1/x", body: `{} {}`, refused: "not JSON"},
		"not UTF-8":     {method: "POST", target: "/v1/x", body: "{\"name\":\"\xff\"}", refused: "UTF-8"},
		"query": {method: "GET", target: "/v1/x?qualifiedName=a.b&other=1",
			want: form{Qualified: "a.b"}},
		"no query beside a body": {method: "POST", target: "/v1/x?name=q", body: `{}`},
		"form": {operation: createAccessToken, method: "POST", target: "/oauth2/token",
			body: "grant_type=client_credentials", want: form{GrantType: "client_credentials"}},
		"not a form": {operation: createAccessToken, method: "POST", target: "/oauth2/token", body: "%zz",
			refused: "form"},
		"JSON is no form of a token": {operation: createAccessToken, method: "POST", target: "/oauth2/token",
			body: `{"grant_type":"client_credentials"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var got form
			err := dialect{}.Bind(request(t, row(c.operation, 200), c.method, c.target, c.body), &got)
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

func TestDialect_BindsThePath(t *testing.T) {
	r := request(t, row("X", 200), "PUT", "/v1/domains/7", `{"id":"9","name":"n"}`)
	chi.RouteContext(r.HTTP.Context()).URLParams.Add("id", "7")
	var got struct {
		ID   string  `json:"id"`
		Name string  `json:"name"`
		Size float64 `json:"size"`
	}
	require.NoError(t, dialect{}.Bind(r, &got))
	require.Equal(t, "7", got.ID, "the path wins")
	require.Equal(t, "n", got.Name)
	chi.RouteContext(r.HTTP.Context()).URLParams.Add("size", "many")
	require.True(t, refusal.Is(dialect{}.Bind(r, &got), refusal.InvalidArgument))
}

func TestDialect_NoRoute(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/x": `{"status":404,"message":"Not Found"}`, "/api/v1/domains/x/y": `{"status":404,"message":"Not Found"}`,
		"/oauth2/x": `{"success":false,"statusCode":404}`, "/v10": `{"success":false,"statusCode":404}`,
	} {
		r := request(t, api.Operation{}, "GET", path, "")
		r.Operation = nil
		require.Equal(t, want, string(dialect{}.NoRoute(r).Body), path)
		require.Equal(t, dialect{}.NoRoute(r), dialect{}.NoMethod(r, []string{"GET"}))
	}
}

func TestOwns(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1": true, "/v1/": true, "/v1/x": true, "/v2": false, "/v1x": false, "/oauth2/token": true, "/oauth2": true,
		"/api/v1/domains": true, "/api/v1/filespaces/1": true, "/api/v1/billing/invoices": true,
		"/api/v1/clusters": false, "/api/v1": false, "/api/v2/domains": false,
	} {
		require.Equal(t, want, owns(path), path)
	}
}
