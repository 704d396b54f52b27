package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

// The size that the journal reports is the memory that it holds.
func TestJournal_SizeIsItsMemory(t *testing.T) {
	for name, request := range map[string]func(i int) (method, path, body string){
		"a long URL": func(i int) (string, string, string) {
			return http.MethodGet, fmt.Sprintf("/toys?n=%d%s", i, strings.Repeat("x", 30_000)), ""
		},
		"a long URL of no operation": func(i int) (string, string, string) {
			return http.MethodGet, fmt.Sprintf("/nothing?n=%d%s", i, strings.Repeat("x", 30_000)), ""
		},
		"a refusal that names much": func(i int) (string, string, string) {
			return http.MethodGet, fmt.Sprintf("/toys/%d%s", i, strings.Repeat("x", 10_000)), ""
		},
		"a body": func(i int) (string, string, string) {
			return http.MethodPost, "/toys/x/paint", fmt.Sprintf(`{"name":"%d%s"}`, i, strings.Repeat("y", 10_000))
		},
		"little": func(int) (string, string, string) { return http.MethodGet, "/toys", "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			journal := api.NewJournal(10_000, 1<<30)
			server, err := api.NewServer(s.engine, journal, zerolog.Nop(), time.Now, toyService())
			require.NoError(t, err)
			router := chi.NewRouter()
			server.Mount(router)
			served := httptest.NewServer(router)
			defer served.Close()
			send := func(n int) {
				for i := range n {
					method, path, body := request(i)
					req, err := http.NewRequestWithContext(t.Context(), method, served.URL+path, strings.NewReader(body))
					require.NoError(t, err)
					resp, err := served.Client().Do(req)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
				}
			}
			send(50) // pools and caches
			before, counted := heap(), size(journal)
			send(1000)
			grown, reported := heap()-before, size(journal)-counted
			t.Logf("the heap has grown by %d bytes, the journal by %d", grown, reported)
			require.InEpsilon(t, grown, reported, 0.25)
			runtime.KeepAlive(journal)
		})
	}
}

func size(j *api.Journal) int64 {
	_, bytes, _ := j.Size()
	return bytes
}

func heap() int64 {
	var m runtime.MemStats
	for range 3 { // pools survive two collections
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
