package lightbits

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// A failed volume is visible and uses nothing.
func TestVolume_FailedUsesNothing(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v, replicaCount: 3, acl: [ALLOW_ANY]}]"))
	s.must("write-volume", `{"volume":"v","bytes":"1GiB"}`)
	s.must("connect-host", `{"volume":"v","hostNQN":"nqn.2020-01.com.example:h"}`)
	require.Equal(t, "1073741824", s.node("server00-0").Statistics["physicalUsedStorage"])
	s.update(func(tx *store.Tx) error {
		row, _ := s.service.volumeByName(tx, defaultProject, "v")
		return s.service.volumes.Fire(tx, &row, "fail")
	})
	n := s.node("server00-0")
	require.Nil(t, n.Statistics["physicalUsedStorage"])
	require.Nil(t, n.Statistics["logicalStorage"])
	v := s.volumes("default")["v"]
	require.Equal(t, "Failed", v.State)
	require.Empty(t, v.NodeList)
	status, _ := s.do("GET", "/api/v2/hosts/nqn.2020-01.com.example:h", admin, "")
	require.Equal(t, 404, status, "a host without volumes is not connected")
	s.must("fail-node", `{"node":"server00-0"}`)
	require.Equal(t, map[string]any{"numInactiveNodes": 1.0, "state": "Warning"}, clusterHealthOf(s),
		"no volume is affected")
}
