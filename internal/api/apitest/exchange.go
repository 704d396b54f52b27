package apitest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/control"
	"storagesim/internal/control/explaintest"
	"storagesim/internal/openapi/openapitest"
)

// unknownID is a well-formed UUID and a well-formed name, and nothing has it.
const unknownID = "5b0f3c1e-6f43-4e6a-9a53-0d4dd3e5a0c1"

// fill replaces every parameter of a path by a value.
func fill(path string, value func(name string) string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = value(strings.Trim(p, "{}"))
		}
	}
	return strings.Join(parts, "/")
}

func unknown(path string) string { return fill(path, func(string) string { return unknownID }) }

// header is a header line of a request.
type header struct{ name, value string }

// do sends a request with a valid token. It checks that the response names its world and its request ID.
func (s *suite) do(t testing.TB, method, path, body string, headers ...header) Response {
	t.Helper()
	return s.send(t, method, path, body, func(req *http.Request) {
		if s.Authenticate != nil {
			s.Authenticate(req)
		}
		for _, h := range headers {
			req.Header.Set(h.name, h.value)
		}
	})
}

func (s *suite) send(t testing.TB, method, path, body string, prepare func(*http.Request)) Response {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	prepare(req)
	w := httptest.NewRecorder()
	s.target.Handler.ServeHTTP(w, req)
	a := Response{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	require.NotEmpty(t, a.Header.Get(api.HeaderRequestID), "every response carries %s", api.HeaderRequestID)
	world := req.Header.Get(api.HeaderWorld)
	if world == "" {
		world = api.DefaultWorld
	}
	require.Equal(t, world, a.Header.Get(api.HeaderWorld), "every response carries %s", api.HeaderWorld)
	_, err := s.document.Check(method, req.URL.EscapedPath(), openapitest.Answer(a))
	require.NoError(t, err)
	s.explained(t, a)
	return a
}

// explained checks that every refusal has a cause, by explaintest.Check.
func (s *suite) explained(t testing.TB, a Response) {
	t.Helper()
	if !explaintest.Refused(a.Status) {
		return
	}
	w := httptest.NewRecorder()
	s.target.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet,
		control.Prefix+"/requests/"+a.Header.Get(api.HeaderRequestID)+"/explain", nil))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	kind, err := explaintest.Check(a.Status, a.Header.Get(api.HeaderFault) != "", w.Body.Bytes())
	require.NoError(t, err, "%d %s", a.Status, a.Body)
	s.kinds[kind] = true
}
