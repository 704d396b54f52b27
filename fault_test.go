package storagesim_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim"
	"storagesim/dms"
	"storagesim/lightbits"
)

func TestFault_Status(t *testing.T) {
	w := storagesim.Start(t)
	volume(t, w, "vol1")
	f := w.Fault(lightbits.UpdateVolume.Status(412).Skip(1).Times(1))
	require.Equal(t, http.StatusOK, resize(t, w).StatusCode)
	w.Until(w.Volume("vol1"), "Available")
	require.Zero(t, f.Hits())
	require.Equal(t, http.StatusPreconditionFailed, resize(t, w).StatusCode)
	require.Equal(t, http.StatusOK, resize(t, w).StatusCode, "the fault is spent")
	require.Equal(t, 1, f.Hits())
}

func TestFault_Remove(t *testing.T) {
	w := storagesim.Start(t)
	f := w.Fault(lightbits.GetCluster.Status(500))
	require.Equal(t, 500, send(t, w, http.MethodGet, "/cluster", "").StatusCode)
	f.Remove()
	require.Equal(t, 200, send(t, w, http.MethodGet, "/cluster", "").StatusCode)
}

// After commits the change, and the client does not learn it.
func TestFault_After(t *testing.T) {
	w := storagesim.Start(t)
	w.Fault(lightbits.CreateVolume.Reset().After().Times(1))
	_, err := try(w.Client, http.MethodPost, w.Lightbits().URL+volumes,
		`{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
	require.Error(t, err)
	require.Equal(t, http.StatusOK, get(t, w, "vol1").StatusCode)
}

func TestFault_Conditions(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen())
	volume(t, w, "vol1")
	volume(t, w, "vol2")
	w.Fault(lightbits.DeleteVolume.Status(503).On("vol1").RetryAfter(7 * time.Second))
	require.Equal(t, "7", remove(t, w, "vol1").Header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, remove(t, w, "vol2").StatusCode)
	w.Fault(lightbits.GetVolume.Status(500).When("Creating"))
	require.Equal(t, http.StatusOK, get(t, w, "vol1").StatusCode)
	create(t, w, "vol3")
	require.Equal(t, http.StatusInternalServerError, get(t, w, "vol3").StatusCode)
}

// Each effect does to a client what its name says.
func TestFault_Effects(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		w.Client.Timeout = time.Minute
		for name, c := range map[string]struct {
			fault storagesim.Fault
			error string // of the client
			took  time.Duration
		}{
			"reset":    {lightbits.GetCluster.Reset(), "connection reset by peer", 0},
			"empty":    {lightbits.GetCluster.Empty(), "EOF", 0},
			"truncate": {lightbits.GetCluster.Truncate(), "unexpected EOF", 0},
			"stall":    {lightbits.GetCluster.Stall(), "Client.Timeout", time.Minute},
			"latency":  {lightbits.GetCluster.Latency(3 * time.Second), "", 3 * time.Second},
			"both":     {lightbits.GetCluster.Reset().Latency(2 * time.Second), "connection reset by peer", 2 * time.Second},
		} {
			f := w.Fault(c.fault)
			w.Client.CloseIdleConnections() // net/http repeats a GET on a connection that was idle
			began := time.Now()
			got, err := try(w.Client, http.MethodGet, w.Lightbits().URL+"/cluster", "")
			if c.error == "" {
				require.NoError(t, err, name)
				require.Equal(t, http.StatusOK, got.StatusCode, name)
			} else {
				require.ErrorContains(t, err, c.error, name)
			}
			require.Equal(t, c.took, time.Since(began), name)
			f.Remove()
		}
		w.Fault(lightbits.GetCluster.Malformed())
		require.NotRegexp(t, `\}\s*$`, send(t, w, http.MethodGet, "/cluster", "").text)
	})
}

func TestFault_Interloper(t *testing.T) {
	w := storagesim.Start(t)
	volume(t, w, "vol1")
	var read struct{ ETag string }
	require.NoError(t, json.Unmarshal([]byte(get(t, w, "vol1").text), &read))
	w.Fault(lightbits.UpdateVolume.Interloper().Times(1))
	refused := resize(t, w, "If-Match", read.ETag)
	require.Equal(t, http.StatusPreconditionFailed, refused.StatusCode, refused.text)
	require.Equal(t, "etag", w.Explain(refused.Response).Cause["kind"])
}

// A fault that is impossible ends the test at the line that asks for it.
func TestFault_Impossible(t *testing.T) {
	for want, f := range map[string]storagesim.Fault{
		"does not document":  lightbits.UpdateVolume.Status(418),
		"UpdateVolum":        storagesim.Operation("lightbits.UpdateVolum").Status(412),
		"times":              lightbits.UpdateVolume.Status(412).Times(0),
		"latency":            lightbits.UpdateVolume.Latency(-time.Second),
		"Gone":               lightbits.UpdateVolume.Status(412).When("Gone"),
		"retryAfter":         lightbits.UpdateVolume.Reset().RetryAfter(time.Second),
		"never hit a reques": dms.Login.Status(401).When("Available"),
	} {
		outcome := observe(func(tb storagesim.TB) { storagesim.Start(tb).Fault(f) })
		require.True(t, outcome.ended, want)
		require.Contains(t, outcome.errors[0], want)
	}
	w := storagesim.Start(t)
	w.Fault(lightbits.GetCluster.Status(418).Force())
	require.Equal(t, 418, send(t, w, http.MethodGet, "/cluster", "").StatusCode)
}

func TestPlan(t *testing.T) {
	w := storagesim.Start(t)
	read := func() int { return send(t, w, http.MethodGet, "/cluster", "").StatusCode }
	nodes := func() int { return send(t, w, http.MethodGet, "/nodes", "").StatusCode }
	cluster := w.Plan(lightbits.GetCluster, "500", "pass", "403")
	require.Equal(t, 500, read())
	list := w.Plan(lightbits.ListNodes, "500")
	require.Equal(t, []int{200, 500, 403, 200}, []int{read(), nodes(), read(), read()})
	require.True(t, cluster.Completed())
	require.True(t, list.Completed())
	again := w.Plan(lightbits.GetCluster, "500")
	require.False(t, again.Completed())
	got, err := try(http.DefaultClient, http.MethodGet, w.Lightbits().URL+"/cluster", "",
		"X-Sim-Fault-Plan", again.ID())
	require.NoError(t, err)
	require.Equal(t, 500, got.StatusCode, "a client of another kind sends the header")

	own := storagesim.Start(t, storagesim.OwnPort())
	own.Plan(lightbits.GetCluster, "500")
	require.Equal(t, 500, send(t, own, http.MethodGet, "/cluster", "").StatusCode, "on a port of its own")

	outcome := observe(func(tb storagesim.TB) { storagesim.Start(tb).Plan(lightbits.GetCluster, "418") })
	require.True(t, outcome.ended)
	require.Contains(t, outcome.errors[0], `"418" is not a valid step of lightbits.GetCluster`)
}
