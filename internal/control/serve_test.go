package control

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A handler that panics, with a runtime error or with any value, is a 500 that reveals nothing about the program.
func TestServe_Panic(t *testing.T) {
	for name, handler := range map[string]func() map[string]int{
		"runtime error": func() map[string]int { return map[string]int{"x": 1 / len(t.Name()[:0])} },
		"text":          func() map[string]int { panic("a secret of the program") },
	} {
		t.Run(name, func(t *testing.T) {
			row := &Row{Name: "Broken", Method: get, Statuses: []int{http.StatusOK},
				Endpoint: query(func(*Control, *call) (map[string]int, error) { return handler(), nil })}
			r := &call{id: "sim-7", row: row, http: httptest.NewRequestWithContext(t.Context(), get, "/_sim/broken", nil)}
			resp := new(Control).respond(r)
			require.Equal(t, http.StatusInternalServerError, resp.Status)
			require.Equal(t, "application/problem+json", resp.ContentType)
			require.Contains(t, string(resp.Body), "sim-7")
			require.NotContains(t, string(resp.Body), "secret")
		})
	}
}
