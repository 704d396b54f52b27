package timeuuid

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 123e6, time.UTC)

func TestNew_IsVersion1(t *testing.T) {
	t.Parallel()
	id := New(Ticks(noon), 7)
	require.Equal(t, uuid.Version(1), id.Version())
	require.Equal(t, uuid.RFC4122, id.Variant())
	sec, nsec := id.Time().UnixTime()
	require.True(t, time.Unix(sec, nsec).Equal(noon), "another implementation decodes the same instant")
	require.Equal(t, id, New(Ticks(noon), 7))
	require.NotEqual(t, id, New(Ticks(noon), 8))
	require.Equal(t, byte(1), id[10]&1, "the node ID is not that of a real machine")
}

func TestSequence_NeverRepeats(t *testing.T) {
	t.Parallel()
	db, err := store.Open(filepath.Join(t.TempDir(), "sim.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Base("b", func(*store.Tx) error { return nil }))
	require.NoError(t, db.CreateWorld("w", "b", nil, nil))
	s := NewSequence("test.ids")
	var before uint64
	seen := map[uuid.UUID]bool{}
	for _, now := range []time.Time{noon, noon, noon.Add(time.Millisecond), noon, noon.Add(time.Hour)} {
		require.NoError(t, db.Update("w", func(tx *store.Tx) error {
			tx.Now = now
			id, ticks, err := s.Next(tx.In("a partition"))
			require.NoError(t, err)
			require.Greater(t, ticks, before)
			require.False(t, seen[id])
			before, seen[id] = ticks, true
			return nil
		}))
	}
}

func TestKey_SortsTheNewestFirst(t *testing.T) {
	t.Parallel()
	newest, oldest := New(Ticks(noon), 7).String(), New(Ticks(noon)-1, 7).String()
	require.Less(t, Key(newest), Key(oldest))
	require.Equal(t, "no id", Key("no id"))

	token := PageToken(Key(oldest))
	require.Len(t, token, 8)
	after, ok := AfterToken(token)
	require.True(t, ok)
	require.Equal(t, Key(oldest), after)

	after, ok = AfterToken(PageToken(""))
	require.True(t, ok)
	require.Empty(t, after)
	_, ok = AfterToken([]byte("abc"))
	require.False(t, ok)
}
