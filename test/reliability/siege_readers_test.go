package reliability

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

// latencies returns how long requests of a client of another world take, in order, while the others keep on.
func latencies(t *testing.T, p *program.Program, count int) (p50, p99 time.Duration) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, count)
	for i := range took {
		began := time.Now()
		a, err := program.Call(client, http.MethodGet, p.HTTP+volumesPath+"?limit=10", "other", "")
		took[i] = time.Since(began)
		require.NoError(t, err, p.Stderr())
		require.Equal(t, 200, a.Status, a.Text)
	}
	slices.Sort(took)
	return took[count/2], took[count*99/100]
}

// Clients that never read their responses, the listing of a full journal and a document of a million volumes take a
// bounded amount of memory, and another world is served meanwhile.
func TestSiege_ReadersThatNeverRead(t *testing.T) {
	long(t)
	const connections = 24
	p := start(t, "--fixture", "large")
	must(t, p, 201, http.MethodPost, "/_sim/worlds", "", `{"name":"other","from":"small"}`, nil)
	filler := strings.Repeat("x", 8000)
	for range 10_000 { // more than the journal holds
		a, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+"/api/v2/cluster", "", "", "X-Filler", filler)
		require.NoError(t, err)
		require.Equal(t, 200, a.Status, a.Text)
	}
	quiet50, quiet99 := latencies(t, p, 2000)
	paths := []string{"/_sim/requests?limit=1000", volumesPath + "?limit=1000", "/_sim/state", "/_sim/events"}
	for i := range connections {
		c := dial(t, p)
		defer c.Close()
		for range 20 { // pipelined, so that the server always has a next response
			_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n", paths[i%len(paths)])
			require.NoError(t, err)
		}
	}
	million := `{"lightbits":{"clusters":[{"name":"east","volumes":[{"count":1000000,"namePrefix":"v","size":"1GiB"}]}]}}`
	a, err := program.Call(http.DefaultClient, http.MethodPut, p.HTTP+"/_sim/state", "default", million)
	require.NoError(t, err, p.Stderr())
	require.Equal(t, 400, a.Status, a.Text)
	busy50, busy99 := latencies(t, p, 2000)
	list, err := http.Get(p.HTTP + "/_sim/requests?limit=1000")
	require.NoError(t, err)
	length, err := io.Copy(io.Discard, list.Body)
	require.NoError(t, err)
	require.NoError(t, list.Body.Close())
	t.Logf("%d readers that never read: %d MiB resident, p50 %s (%s without them), p99 %s (%s); a page of the journal "+
		"has %.1f MiB", connections, p.Resident()/mib, busy50, quiet50, busy99, quiet99, float64(length)/mib)
	require.Less(t, p.Resident(), int64(300*mib))
}
