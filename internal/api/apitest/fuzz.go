package apitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/openapi/openapitest"
)

// route is a row on one of its paths: filled with unknown IDs, and with IDs of existing resources, which is empty if
// there are none.
type route struct {
	op                *api.Operation
	strange, existing string
}

// Fuzz sends any body and any query to the rows of a vendor, which are chosen by number, for existing and for unknown
// resources. The response is always the vendor's and never a 500, and what was stored can be read. Every input meets
// the same world.
func Fuzz(f *testing.F, newServer func(testing.TB) Target, o Options) {
	f.Helper()
	s := newSuite(f, newServer(f), o)
	for _, good := range o.Good {
		for _, r := range s.paths(f) {
			// operations that remove something are left out
			if r.op.Name == good.Operation && r.existing != "" && !strings.HasPrefix(good.Operation, "De") {
				s.do(f, r.op.Method, r.existing, good.Body)
				break
			}
		}
	}
	s.target.Keep(f)
	routes := s.paths(f)
	for i, r := range routes {
		f.Add(uint16(i), true, "limit=1&name=conformance&filter=x", []byte(s.template(r.op)))
		f.Add(uint16(i), false, "", []byte(s.body(r.op)))
	}
	f.Fuzz(func(t *testing.T, row uint16, there bool, query string, body []byte) {
		r := routes[int(row)%len(routes)]
		path := r.strange
		if there && r.existing != "" {
			path = r.existing
		}
		s.target.Back(t)
		s.outlives(t, r.op, path, query, body)
		if !r.op.Reads() && s.hasRoute(http.MethodGet, path) {
			s.outlives(t, r.op, path, "", nil) // what was stored
		}
	})
}

// paths returns the rows on all their paths.
func (s *suite) paths(tb testing.TB) []route {
	tb.Helper()
	var all []route
	for i := range s.target.Service.Operations {
		op := &s.target.Service.Operations[i]
		for _, path := range op.Paths() {
			existing, _ := s.existing(tb, path)
			all = append(all, route{op: op, strange: unknown(path), existing: existing})
		}
	}
	return all
}

// template is a body with all members of the row's documents, so that a fuzzer has their names.
func (s *suite) template(op *api.Operation) string {
	members := map[string]string{}
	for _, name := range s.row(op).Body {
		members[name] = "1"
	}
	text, _ := json.Marshal(members) // strings always marshal
	return string(text)
}

// outlives sends one request, a GET if there is no body and no query, and checks the response.
func (s *suite) outlives(t *testing.T, op *api.Operation, path, query string, body []byte) {
	t.Helper()
	method := op.Method
	if body == nil {
		method = http.MethodGet
	}
	req := httptest.NewRequest(method, path, strings.NewReader(string(body)))
	req.URL.RawQuery = query
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Authenticate != nil {
		s.Authenticate(req)
	}
	w := httptest.NewRecorder()
	s.target.Handler.ServeHTTP(w, req)
	a := Response{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	_, err := s.document.Check(method, req.URL.EscapedPath(), openapitest.Answer(a))
	require.NoError(t, err)
	switch {
	case a.Status >= http.StatusBadRequest:
		require.NotEqual(t, http.StatusInternalServerError, a.Status, "%s %s?%s: %s", method, path, query, a.Body)
		require.True(t, a.Status < http.StatusInternalServerError || op.Documents(a.Status) || !op.Implemented(),
			"%s %s?%s: %d", method, path, query, a.Status)
		s.Refusal(t, a)
	case strings.HasPrefix(a.Header.Get("Content-Type"), "application/json"):
		require.True(t, len(a.Body) == 0 || json.Valid(a.Body), "%s %s?%s: %q", method, path, query, a.Body)
	}
}
