package storagesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim"
	"storagesim/lightbits"
)

func TestWorld_AdvanceAndUntil(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen(), storagesim.Realistic())
	create(t, w, "vol1")
	require.Equal(t, http.StatusServiceUnavailable, remove(t, w, "vol1").StatusCode, "it is Creating")
	before := w.Now()
	fired := w.Until(w.Volume("vol1"), "Available")
	require.Len(t, fired, 1)
	require.Equal(t, []string{"east", "lightbits.volume", "ready", "Creating", "Available"},
		[]string{fired[0].Cluster, fired[0].Kind, fired[0].Event, fired[0].From, fired[0].To})
	require.Greater(t, fired[0].At, before)
	remove(t, w, "vol1")
	require.NotEmpty(t, w.Advance(24*time.Hour))
	require.Equal(t, http.StatusNotFound, get(t, w, "vol1").StatusCode)
}

func TestWorld_UntilEndsTheTestIfTheStateNeverComes(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb, storagesim.Frozen())
		w.Hold(lightbits.DelayVolumeCreate)
		create(t, w, "vol1")
		w.Until(w.Volume("vol1"), "Available")
	})
	require.True(t, outcome.ended)
	require.Contains(t, outcome.errors[0], "did not reach Available")
	require.Contains(t, outcome.errors[0], "held")
}

func TestWorld_HoldAndRelease(t *testing.T) {
	w := storagesim.Start(t)
	w.Hold(lightbits.DelayVolumeCreate)
	create(t, w, "vol1")
	w.Advance(24 * time.Hour)
	require.Equal(t, "Creating", w.Volume("vol1").State())
	w.Release(w.Volume("vol1"))
	require.Equal(t, "Available", w.Volume("vol1").State())
	w.SetDelays(storagesim.Delays{lightbits.DelayVolumeCreate: "reads:2"})
	create(t, w, "vol2")
	require.Contains(t, get(t, w, "vol2").text, "Creating")
	require.Contains(t, get(t, w, "vol2").text, "Creating")
	require.Contains(t, get(t, w, "vol2").text, "Available")
}

// Both clusters have a volume of the same name.
func TestWorld_UntilInACluster(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen())
	volume(t, w, "vol1")
	send(t, w, http.MethodPost, volumes, newVol1, "X-Sim-Cluster", "west")
	there := w.Cluster("west").Volume("vol1")
	require.Equal(t, []string{"Available", "Creating"}, []string{w.Volume("vol1").State(), there.State()})
	require.Len(t, w.Until(there, "Available"), 1)
	require.Equal(t, "Available", there.State())
}
