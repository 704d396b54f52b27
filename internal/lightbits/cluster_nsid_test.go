package lightbits

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func TestNextNsid_CountsUpToTheMaximum(t *testing.T) {
	s := newServer(t, withCluster("servers: 1"))
	var got []uint32
	s.update(func(tx *store.Tx) error {
		for range 3 {
			n, err := s.service.nextNsid(tx)
			require.NoError(t, err)
			got = append(got, n)
		}
		require.NoError(t, nsidTable.Put(tx, &lastNsid{N: maxNsid}))
		_, err := s.service.nextNsid(tx)
		require.True(t, refusal.Is(err, refusal.ResourceExhausted))
		return nil
	})
	require.Equal(t, []uint32{1, 2, 3}, got)
}
