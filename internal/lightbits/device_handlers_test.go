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
	for name, c := range map[string]struct {
		query string
		want  int
	}{
		"no filter":                         {"", 12},
		"server":                            {"?serverUUID=" + node.ServerUUID, 6},
		"node":                              {"?nodeUUID=" + node.UUID, 3},
		"node of another server":            {"?nodeUUID=" + node.UUID + "&serverUUID=" + other.ServerUUID, 0},
		"documented spelling has no effect": {"?NodeUUID=" + node.UUID, 12},
		"unknown node":                      {"?nodeUUID=nobody", 0},
		"any of two usages":                 {"?deviceUsages=Data&deviceUsages=OS", 12},
		"usage that no device has":          {"?deviceUsages=Journal", 0},
	} {
		s.run(name, func(t *testing.T) { require.Len(t, list(c.query), c.want) })
	}
	s.run("unknown usage is 400", func(t *testing.T) {
		status, _ := s.do(http.MethodGet, "/api/v2/nvmeDevices?deviceUsages=Toys", admin, "")
		require.Equal(t, 400, status)
	})
	s.run("get returns the same device", func(t *testing.T) {
		d := list("?nodeUUID=" + node.UUID)[0]
		require.Equal(t, uint64(1<<40), d.Size)
		require.Equal(t, DeviceHealthy, d.State)
		require.Equal(t, uint64(1), d.NumaNodeID)
		var one NvmeDevice
		s.get("/api/v2/nvmeDevices/"+d.Serial, &one)
		require.Equal(t, *d, one)
	})
	s.run("get of an unknown serial is 404", func(t *testing.T) {
		status, body := s.do(http.MethodGet, "/api/v2/nvmeDevices/nobody", admin, "")
		require.Equal(t, 404, status, body)
	})
	s.run("node with fewer than eight devices has no parity", func(t *testing.T) { require.False(t, node.Ec) })
}
