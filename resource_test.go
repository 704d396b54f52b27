package storagesim_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim"
)

func TestNode_FailAndRecover(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen())
	node := w.Node("server00-0")
	require.Equal(t, "Active", node.State())
	node.Fail()
	require.Equal(t, "Inactive", node.State())
	require.Equal(t, "Active", w.Cluster("west").Node("server00-0").State(), "the other cluster has one of that name")
	node.Recover()
	w.Until(node.Resource, "Active")
}

func TestDevice_PullInsertAndFail(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen())
	var listed struct {
		NvmeDevices []struct{ Serial string }
	}
	require.NoError(t, json.Unmarshal([]byte(send(t, w, http.MethodGet, "/nvmeDevices", "").text), &listed))
	require.NotEmpty(t, listed.NvmeDevices)
	device := w.Device(listed.NvmeDevices[0].Serial)
	healthy := device.State()
	device.Pull()
	outcome := observe(func(tb storagesim.TB) {
		storagesim.Start(tb, storagesim.From(w.Checkpoint())).Device(listed.NvmeDevices[0].Serial).State()
	})
	require.True(t, outcome.ended, "a pulled device is not there")
	device.Insert()
	require.NotEqual(t, healthy, device.State(), "it is unmanaged until it is added to a node")
	other := w.Device(listed.NvmeDevices[1].Serial)
	other.Fail()
	require.Equal(t, "Failed", other.State())
}

func TestCluster_PartitionFillAndHeal(t *testing.T) {
	w := storagesim.Start(t)
	west := []string{"X-Sim-Cluster", "west"}
	w.Cluster("west").Partition()
	require.GreaterOrEqual(t, send(t, w, http.MethodGet, "/cluster", "", west...).StatusCode, 500)
	require.Equal(t, http.StatusOK, send(t, w, http.MethodGet, "/cluster", "").StatusCode)
	w.Cluster("west").Heal()
	require.Equal(t, http.StatusOK, send(t, w, http.MethodGet, "/cluster", "", west...).StatusCode)
	w.Cluster("west").Fill(50)
	require.Equal(t, "Available", w.Cluster("west").Volume("fill-1").State())
}

func TestWorld_DoAndFire(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen())
	volume(t, w, "vol1")
	written := w.Do("lightbits/write-volume", map[string]any{"volume": "vol1", "offset": 0, "bytes": "64KiB"})
	require.InDelta(t, 16, written["lbas"], 0)
	tenant := w.Resource("lucidity.tenant", "123456789012")
	before := tenant.State()
	tenant.Fire("deboard")
	require.NotEqual(t, before, tenant.State())
}

// What a test names wrongly ends it at once.
func TestResources_UnknownNames(t *testing.T) {
	for want, test := range map[string]func(w *storagesim.World){
		`not ""`:                  func(w *storagesim.World) { w.Volume("").State() },
		`"vol9"`:                  func(w *storagesim.World) { w.Volume("vol9").State() },
		`"lightbits.vollume"`:     func(w *storagesim.World) { w.Resource("lightbits.vollume", "x").State() },
		"Unheard":                 func(w *storagesim.World) { w.Until(w.Node("server00-0").Resource, "Unheard") },
		"lightbits/fail-nod":      func(w *storagesim.World) { w.Do("lightbits/fail-nod", nil) },
		"server77-0":              func(w *storagesim.World) { w.Node("server77-0").Fail() },
		`"north"`:                 func(w *storagesim.World) { w.Cluster("north").Partition() },
		"lightbits.volume.create": func(w *storagesim.World) { w.Hold("lightbits.volume.creat") },
		"explode":                 func(w *storagesim.World) { w.Resource("lucidity.tenant", "123456789012").Fire("explode") },
	} {
		outcome := observe(func(tb storagesim.TB) { test(storagesim.Start(tb)) })
		require.True(t, outcome.ended, want)
		require.Contains(t, outcome.errors[0], want)
	}
}
