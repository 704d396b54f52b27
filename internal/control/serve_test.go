package control

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"

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

// A body with a Content-Length beyond the limit is refused before any of it is read.
func TestCall_TooLargeIsRefusedUnread(t *testing.T) {
	req := httptest.NewRequestWithContext(t.Context(), post, "/_sim/reset", iotest.ErrReader(errors.New("was read")))
	for length, status := range map[int64]int{11: http.StatusRequestEntityTooLarge, 10: http.StatusBadRequest} {
		req.ContentLength = length
		var p *Problem
		_, err := (&call{http: req}).bodyOf(10)
		require.ErrorAs(t, err, &p)
		require.Equal(t, status, p.Status)
	}
}

// A request that waits until a document may be loaded ends with its client.
func TestEnterLoading_EndsWithTheClient(t *testing.T) {
	c := &Control{loading: make(chan struct{}, 1)}
	ctx, leave := context.WithCancel(t.Context())
	r := &call{http: httptest.NewRequestWithContext(ctx, put, "/_sim/state", nil)}
	done, err := c.enterLoading(r)
	require.NoError(t, err)
	leave()
	_, err = c.enterLoading(r)
	require.ErrorIs(t, err, context.Canceled)
	done()
	require.Empty(t, c.loading)
}
