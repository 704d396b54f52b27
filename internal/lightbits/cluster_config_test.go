package lightbits

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// Each kind of parameter is parsed as its type.
func TestClusterConfig_Reads(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	s.view(func(tx *store.Tx) error {
		require.Equal(t, time.Hour, s.service.configDuration(tx, configPermanentFailure))
		require.True(t, s.service.configOn(tx, configTrim))
		require.False(t, s.service.configOn(tx, configNoVolumeStatistics))
		require.Equal(t, "local", s.service.configText(tx, configClusterName))
		for _, k := range configKinds() {
			require.NoError(t, k.check(s.service, tx, k.name, s.service.config(tx, k)),
				"the initial value of %s is invalid", k.name)
		}
		return nil
	})
	require.Len(t, configKinds(), 11)
}
