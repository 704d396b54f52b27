package lightbits_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// Over a real connection, the archive has no known length, and other requests are served while a client reads it
// slowly.
func TestFetchLogs_Wire(t *testing.T) {
	s := simtest.New(t)
	s.Header.Set("Authorization", "Bearer opaque")
	s.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v2/logs?LogFilename=case", nil)
	require.NoError(t, err)
	req.Header = s.Header.Clone()
	resp, err := s.Client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.EqualValues(t, -1, resp.ContentLength)
	require.Equal(t, "default", resp.Header.Get("X-Sim-World"))

	first := make([]byte, 10)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	s.Must(http.StatusOK, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"meanwhile","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)

	packed, err := gzip.NewReader(io.MultiReader(strings.NewReader(string(first)), resp.Body))
	require.NoError(t, err)
	files := 0
	for archive := tar.NewReader(packed); ; files++ {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(h.Name, "case-lightbits-logs-east-"), h.Name)
	}
	require.Greater(t, files, 20)
	s.Must(http.StatusOK, http.MethodGet, "/api/v2/logs?UseHighCompression=true", "")
}
