package apitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// routes checks that unknown paths are refused in the vendor's form and change nothing.
func (s *suite) routes(t *testing.T) {
	require.NotEmpty(t, s.UnknownPaths)
	for _, path := range s.UnknownPaths {
		t.Run("unknown path "+path, func(t *testing.T) {
			require.True(t, s.target.Service.Owns(path), "the vendor does not own %s", path)
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
				s.NoRoute(t, s.do(t, method, path, ""))
			}
		})
	}
	s.each(t, all, func(t *testing.T, op *api.Operation, path string) {
		url := unknown(path)
		tried := 0
		for _, method := range []string{http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodGet,
			http.MethodTrace} {
			if !s.hasRoute(method, url) {
				s.NoMethod(t, s.do(t, method, url, ""))
				tried++
			}
		}
		require.Positive(t, tried)
		if !op.EmptyLast {
			require.NotEqual(t, 200, s.do(t, op.Method, url+"/", "").Status, "a slash behind the path is another path")
		}
	})
}

// hasRoute reports whether any operation has the method and the path.
func (s *suite) hasRoute(method, url string) bool {
	for i := range s.target.Service.Operations {
		op := &s.target.Service.Operations[i]
		for _, path := range op.Paths() {
			if op.Method == method && matches(path, url) {
				return true
			}
		}
	}
	return false
}

func matches(path, url string) bool {
	pattern, parts := strings.Split(path, "/"), strings.Split(url, "/")
	if len(pattern) != len(parts) {
		return false
	}
	for i, p := range pattern {
		if p != parts[i] && !strings.HasPrefix(p, "{") {
			return false
		}
	}
	return true
}

// worlds checks that a request for a world that does not exist is refused.
func (s *suite) worlds(t *testing.T) {
	s.each(t, all, func(t *testing.T, op *api.Operation, path string) {
		a := s.do(t, op.Method, unknown(path), s.body(op), header{api.HeaderWorld, "nowhere"})
		s.refused(t, http.StatusNotFound, a)
		require.Contains(t, string(a.Body), "nowhere", "the refusal names the world")
	})
}

// authentication checks that every operation refuses a request without a token, emulated or not.
func (s *suite) authentication(t *testing.T) {
	if s.target.Service.Authorize == nil {
		t.Skip("the vendor does not check tokens yet")
	}
	before := s.target.State(t)
	needs := func(op *api.Operation) bool { return op.Needs != api.Permission{} }
	s.each(t, needs, func(t *testing.T, op *api.Operation, path string) {
		s.refused(t, http.StatusUnauthorized, s.send(t, op.Method, unknown(path), s.body(op), func(*http.Request) {}))
	})
	require.Equal(t, before, s.target.State(t))
}

// notEmulated checks that a row without a handler returns 501 in the vendor's form for every request.
func (s *suite) notEmulated(t *testing.T) {
	pending := func(op *api.Operation) bool { return !op.Implemented() }
	s.each(t, pending, func(t *testing.T, op *api.Operation, path string) {
		for _, body := range []string{"", "{}", `{"broken`} {
			a := s.do(t, op.Method, unknown(path), body)
			s.refused(t, http.StatusNotImplemented, a)
			require.Contains(t, string(a.Body), op.Name, "the refusal names the operation")
		}
	})
}
