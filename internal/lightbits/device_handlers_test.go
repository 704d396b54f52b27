package lightbits

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A node that manages the maximum number of devices gets no other.
func TestAddNvmeDevice_TooMany(t *testing.T) {
	s := newServer(t, withCluster("servers: 1\nmaxReplicas: 1"))
	node := s.node("server00-0")
	for k := range maxDevicesPerNode - defaultDevices + 1 {
		s.must("insert-device", fmt.Sprintf(`{"serial":"NEW%d","server":"server00"}`, k))
		status, body := s.do("POST", "/api/v2/nvmeDevices", admin,
			fmt.Sprintf(`{"serialNumber":"NEW%d","nodeUUID":"%s"}`, k, node.UUID))
		if k < maxDevicesPerNode-defaultDevices {
			require.Equal(t, 200, status, body)
			continue
		}
		require.Equal(t, 400, status, body)
		require.Contains(t, body, "manages 24 NVMe devices, which is the maximum")
	}
	s.advance(time.Minute)
	require.Equal(t, maxDevicesPerNode, s.node("server00-0").NumManagedDevices)
}

func TestListNvmeDevices(t *testing.T) {
	s := newServer(t, withCluster("servers: 2\nnodesPerServer: 2\ndevicesPerNode: 3\ndeviceSize: 1TiB"))
	list := func(query string) []*NvmeDevice {
		var list listNvmeDevicesResponse
		s.get("/api/v2/nvmeDevices"+query, &list)
		return list.NvmeDevices
	}
	node, other := s.node("server01-1"), s.node("server00-0")
	require.Len(t, list(""), 12)
	require.Len(t, list("?serverUUID="+node.ServerUUID), 6)
	require.Len(t, list("?nodeUUID="+node.UUID), 3)
	require.Empty(t, list("?nodeUUID="+node.UUID+"&serverUUID="+other.ServerUUID))
	require.Len(t, list("?NodeUUID="+node.UUID), 12, "the documented spelling has no effect")
	require.Empty(t, list("?nodeUUID=nobody"))
	require.Len(t, list("?deviceUsages=Data&deviceUsages=OS"), 12)
	require.Empty(t, list("?deviceUsages=Journal"))
	status, _ := s.do(http.MethodGet, "/api/v2/nvmeDevices?deviceUsages=Toys", admin, "")
	require.Equal(t, 400, status)
	d := list("?nodeUUID=" + node.UUID)[0]
	require.Equal(t, uint64(1<<40), d.Size)
	require.Equal(t, DeviceHealthy, d.State)
	require.Equal(t, uint64(1), d.NumaNodeID)
	var one NvmeDevice
	s.get("/api/v2/nvmeDevices/"+d.Serial, &one)
	require.Equal(t, *d, one)
	status, body := s.do(http.MethodGet, "/api/v2/nvmeDevices/nobody", admin, "")
	require.Equal(t, 404, status, body)
	require.False(t, node.Ec, "fewer than eight devices")
}
