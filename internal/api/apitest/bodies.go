package apitest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// overflow does not fit into 64 bits.
const overflow = "123456789012345678901234567890"

// twoObjects is a body with a value after the message.
const twoObjects = `{} {}`

// hostileBodies checks that the response to any body is the vendor's, and not an internal error.
func (s *suite) hostileBodies(t *testing.T) {
	s.each(t, s.takesBody, func(t *testing.T, op *api.Operation, path string) {
		url := unknown(path)
		before := s.target.State(t)
		limit := op.MaxBody
		if limit == 0 {
			limit = api.DefaultMaxBody
		}
		s.refused(t, http.StatusRequestEntityTooLarge, s.do(t, op.Method, url, `{"x":"`+strings.Repeat("x", int(limit))+`"}`))
		if !op.Implemented() {
			return
		}
		for _, body := range []string{`{"name":`, `{"name":"x"`, `{"name" "x"}`, `{name:1}`, `[1,2]`, `"text"`, twoObjects,
			"\x00"} {
			if body != twoObjects || !s.FirstValue {
				s.refused(t, http.StatusBadRequest, s.do(t, op.Method, url, body))
			}
		}
		for _, body := range []string{
			strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 20000), `{"x":` + strings.Repeat("[", 20000) +
				strings.Repeat("]", 20000) + `}`,
		} {
			s.refused(t, http.StatusBadRequest, s.do(t, op.Method, url, body))
		}
		for _, member := range s.row(op).Body {
			for _, value := range []string{overflow, "-" + overflow, `"` + overflow + `"`, "1e999", `"` + "\xff\xfe" + `"`, "[]",
				"{}", "null", "true", `""`} {
				s.survives(t, op, member, s.do(t, op.Method, url, `{"`+member+`":`+value+`}`))
			}
		}
		s.survives(t, op, "invalid UTF-8", s.do(t, op.Method, url, "{\"\xff\":\"\xfe\"}"))
		if strings.Contains(path, "{") { // without parameters a strange body may still be a good one
			require.Equal(t, before, s.target.State(t))
		}
	})
}

// survives checks the response to a hostile request: a refusal is one that the caller caused, in the vendor's form; a
// success is JSON.
func (s *suite) survives(t testing.TB, op *api.Operation, what string, a Response) {
	t.Helper()
	if a.Status >= http.StatusBadRequest {
		// A documented 503 waits for something else, and the product itself does not support every kind of update.
		documented := op.Documents(a.Status) && a.Status != http.StatusInternalServerError
		require.True(t, a.Status < http.StatusInternalServerError || documented, "%s answers %d to %s: %s", op.ID(), a.Status,
			what, a.Body)
		s.Refusal(t, a)
		return
	}
	require.True(t, len(a.Body) == 0 || json.Valid(a.Body), "%s: %s", op.ID(), a.Body)
}

// unknownIDs checks that unknown IDs are not found, in the vendor's form.
func (s *suite) unknownIDs(t *testing.T) {
	before := s.target.State(t)
	wanted := func(op *api.Operation) bool { return op.Implemented() && strings.Contains(op.Path, "{") }
	s.each(t, wanted, func(t *testing.T, op *api.Operation, path string) {
		if !strings.Contains(path, "{") {
			return
		}
		a := s.do(t, op.Method, unknown(path), s.body(op))
		if own, ok := s.Unknown[op.Name]; ok && a.Status == own {
			return
		}
		if a.Status == http.StatusBadRequest && op.Documents(a.Status) {
			s.Refusal(t, a)
			return
		}
		s.refused(t, http.StatusNotFound, a)
	})
	require.Equal(t, before, s.target.State(t))
}
