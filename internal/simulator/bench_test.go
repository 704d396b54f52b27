package simulator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// sink is a response writer that keeps nothing but the status.
type sink struct {
	header http.Header
	status int
}

func (w *sink) Header() http.Header         { return w.header }
func (w *sink) WriteHeader(status int)      { w.status = status }
func (w *sink) Write(p []byte) (int, error) { return len(p), nil }

func benchHandler(b *testing.B) http.Handler {
	b.Helper()
	config := Default()
	config.Listen, config.TLSListen = "127.0.0.1:0", ""
	s, err := New(config)
	require.NoError(b, err)
	require.NoError(b, s.Open())
	b.Cleanup(func() { require.NoError(b, s.Close(context.Background())) })
	return s.handler
}

func call(h http.Handler, method, path, body string) int {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer x")
	req.Header.Set("Content-Type", "application/json")
	w := &sink{header: make(http.Header, 8)}
	h.ServeHTTP(w, req)
	return w.status
}

const volumesPath = "/api/v2/projects/default/volumes"

func create(h http.Handler, name string) int {
	return call(h, http.MethodPost, volumesPath, `{"name":"`+name+`","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
}

// The cost of making a request is part of these figures: some 2 µs.
func BenchmarkGetVolume(b *testing.B) {
	h := benchHandler(b)
	require.Equal(b, http.StatusOK, create(h, "fixed"))
	b.ReportAllocs()
	for b.Loop() {
		if status := call(h, http.MethodGet, volumesPath+"/?name=fixed", ""); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}

func BenchmarkListVolumes1000(b *testing.B) {
	h := benchHandler(b)
	for i := range 1000 {
		require.Equal(b, http.StatusOK, create(h, fmt.Sprintf("v%d", i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if status := call(h, http.MethodGet, volumesPath, ""); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}

func BenchmarkCreateVolume(b *testing.B) {
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			h := benchHandler(b)
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(max(clients/2, 1))
			if clients == 1 {
				for b.Loop() {
					if status := create(h, fmt.Sprintf("v%d", n.Add(1))); status != http.StatusOK {
						b.Fatal(status)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if status := create(h, fmt.Sprintf("v%d", n.Add(1))); status != http.StatusOK {
						b.Error(status)
					}
				}
			})
		})
	}
}
