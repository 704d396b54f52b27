package lightbits

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

func TestCharge(t *testing.T) {
	s := newServer(t, withCluster("servers: 2"))
	a, b := s.node("server00-0").UUID, s.node("server01-0").UUID
	charge := func(nodes []string, u Usage) error {
		return s.engine.Update("default", "test",
			func(tx *store.Tx) error { return s.service.charge(tx.In(cluster), nodes, u) })
	}
	s.run("first node is the primary one", func(t *testing.T) {
		require.NoError(t, charge([]string{a, b}, Usage{Volumes: 1, Provisioned: 100, Primaries: 7}))
		require.NoError(t, charge(nil, Usage{Volumes: 1}))
		s.view(func(tx *store.Tx) error {
			u := s.service.usages(tx)
			require.Equal(t, Usage{Volumes: 1, Primaries: 1, Provisioned: 100}, u[a].Usage)
			require.Equal(t, Usage{Volumes: 1, Provisioned: 100}, u[b].Usage)
			return nil
		})
	})
	s.run("programming errors", func(t *testing.T) {
		require.ErrorContains(t, charge([]string{a}, Usage{Provisioned: -101}), "negative usage")
		require.ErrorContains(t, charge([]string{a}, Usage{Volumes: -1}), "protection group")
		require.ErrorIs(t, charge([]string{"nobody"}, Usage{}), store.ErrNotFound)
	})
	s.run("read-only above 90 % of the effective storage", func(t *testing.T) {
		const above = 24_192_000_000_001 // of 26.88 TB
		require.NoError(t, charge([]string{a}, Usage{LogicalUsed: above, PhysicalUsed: above}))
		require.True(t, s.node("server00-0").ReadOnly)
		s.view(func(tx *store.Tx) error {
			nodes, err := s.service.place(tx, attachedNodes(tx), 1<<30, 1, nil)
			require.Equal(t, []string{b}, nodes, "a read-only node gets no volume")
			require.NoError(t, err)
			_, err = s.service.place(tx, attachedNodes(tx), 1<<30, 2, nil)
			require.ErrorAs(t, err, new(*physics.TooFewError))
			return nil
		})
	})
	s.run("writable below", func(t *testing.T) {
		require.NoError(t, charge([]string{a}, Usage{LogicalUsed: -1, PhysicalUsed: -1}))
		require.False(t, s.node("server00-0").ReadOnly)
		require.Equal(t, []string{"NodeReadOnly", "NodeWritable"}, s.eventNames("?componentType=Node"))
	})
}
