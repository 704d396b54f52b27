package lightbits

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server does not reboot if volumes need it by then, unless the upgrade was forced.
func TestUpgradeServer_RiskAppears(t *testing.T) {
	for _, force := range []bool{false, true} {
		s := newServer(t, withCluster("servers: 4\nvolumes: [{name: v, replicaCount: 3}]"))
		v, id := s.volumes("default")["v"], s.firstServer()
		s.ok("POST", "/api/v2/servers/"+id+"/upgrade",
			fmt.Sprintf(`{"InstallPkgUri":"https://packages.example/lightos-3.16.1.tar.gz","ForceUpgrade":%t}`, force))
		s.must("fail-node", fmt.Sprintf(`{"node":%q}`, v.NodeList[1]))
		s.advance(400 * time.Millisecond)
		last := decodeWire[Server](t, s, "/api/v2/servers/"+id).LastUpgrade
		if force {
			require.Equal(t, UpgradeRebooting, last.Status)
			require.Equal(t, "ReadOnly", s.volumes("default")["v"].ProtectionState)
			continue
		}
		require.Equal(t, UpgradeFailed, last.Status)
		require.Contains(t, last.ErrorMessage, "1 volumes would no longer take reads or writes")
		require.Equal(t, "Degraded", s.volumes("default")["v"].ProtectionState)
	}
}
