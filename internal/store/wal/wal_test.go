package wal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store/wal"
)

// entry is an entry as Each passes it.
type entry struct {
	commit, layer uint64
	key, value    string
}

// written writes a log with two commits, the first one on two layers. It returns the path of the database, the
// entries, and the sizes of the log without a commit, with one and with both.
func written(t *testing.T) (database string, entries []entry, sizes []int64) {
	t.Helper()
	database = filepath.Join(t.TempDir(), "sim[1].db")
	l, err := wal.Create(database, 3, 7, false, 0)
	require.NoError(t, err)
	size := func() int64 {
		info, err := os.Stat(database + ".log.3")
		require.NoError(t, err)
		return info.Size()
	}
	sizes = append(sizes, size())
	first := wal.AppendEntry(wal.AppendGroup(wal.NewRecord(nil), 1, 2), []byte("a"), []byte("1"))
	first = wal.AppendEntry(first, []byte("b"), []byte("2"))
	first = wal.AppendEntry(wal.AppendGroup(first, 5, 1), []byte("c"), []byte("3"))
	require.NoError(t, l.Commit(first))
	sizes = append(sizes, size())
	second := wal.AppendEntry(wal.AppendGroup(wal.NewRecord(first), 1, 1), []byte("a"), []byte("4"))
	require.NoError(t, l.Commit(second))
	sizes = append(sizes, size())
	return database, []entry{{1, 1, "a", "1"}, {1, 1, "b", "2"}, {1, 5, "c", "3"}, {2, 1, "a", "4"}}, sizes
}

func replay(t *testing.T, f *wal.File) (entries []entry) {
	t.Helper()
	require.NoError(t, f.Each(func(commit, layer uint64, key, value []byte) error {
		entries = append(entries, entry{commit, layer, string(key), string(value)})
		return nil
	}))
	return entries
}

func TestReadAll_ReplaysEntries(t *testing.T) {
	database, entries, _ := written(t)
	list, old, err := wal.ReadAll(database, 2)
	require.NoError(t, err)
	require.Empty(t, old)
	require.Len(t, list, 1)
	require.Equal(t, []uint64{3, 7}, []uint64{list[0].Number, list[0].Tree})
	require.Equal(t, entries, replay(t, &list[0]))
}

func TestReadAll_SkipsAppliedLogs(t *testing.T) {
	database, _, _ := written(t)
	list, old, err := wal.ReadAll(database, 3)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Equal(t, []string{database + ".log.3"}, old)
}

// A log that ends in the middle of a record has the commits before that record.
func TestReadAll_CutRecord(t *testing.T) {
	database, entries, sizes := written(t)
	for size := sizes[2] - 1; size >= 0; size-- {
		require.NoError(t, os.Truncate(database+".log.3", size))
		list, _, err := wal.ReadAll(database, 0)
		require.NoError(t, err, "%d bytes", size)
		want := entries[:3]
		if size < sizes[1] {
			want = nil
		}
		require.Equal(t, want, replay(t, &list[0]), "%d bytes", size)
		require.Equal(t, want == nil, list[0].Empty(), "%d bytes", size)
	}
}

// Only the last log may be cut off: a process begins a new log after the old one is complete.
func TestReadAll_CutRecordBeforeLastLog(t *testing.T) {
	database, _, sizes := written(t)
	_, err := wal.Create(database, 4, 8, false, 0)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(database+".log.3", sizes[2]-1))
	_, _, err = wal.ReadAll(database, 0)
	require.ErrorIs(t, err, wal.ErrDamaged)
}

// After a power loss, a log may end with zeros.
func TestReadAll_ZerosAtEnd(t *testing.T) {
	database, entries, sizes := written(t)
	require.NoError(t, os.Truncate(database+".log.3", sizes[2]+4096))
	list, _, err := wal.ReadAll(database, 0)
	require.NoError(t, err)
	require.Equal(t, entries, replay(t, &list[0]))
}

func TestReadAll_FlippedBit(t *testing.T) {
	database, _, _ := written(t)
	whole, err := os.ReadFile(database + ".log.3")
	require.NoError(t, err)
	for at := range whole {
		whole[at] ^= 0x10
		require.NoError(t, os.WriteFile(database+".log.3", whole, 0o600))
		whole[at] ^= 0x10
		_, _, err := wal.ReadAll(database, 0)
		require.ErrorIs(t, err, wal.ErrDamaged, "byte %d", at)
	}
}

// A commit that exceeds the maximum size of the log leaves the log as it was.
func TestCommit_LogFull(t *testing.T) {
	database := filepath.Join(t.TempDir(), "sim.db")
	l, err := wal.Create(database, 1, 1, false, 100)
	require.NoError(t, err)
	small := wal.AppendEntry(wal.AppendGroup(wal.NewRecord(nil), 1, 1), []byte("a"), []byte("1"))
	require.NoError(t, l.Commit(small))
	large := wal.AppendEntry(wal.AppendGroup(wal.NewRecord(nil), 1, 1), []byte("b"), make([]byte, 100))
	require.ErrorContains(t, l.Commit(large), "larger than 100 bytes")
	list, _, err := wal.ReadAll(database, 0)
	require.NoError(t, err)
	require.Equal(t, []entry{{1, 1, "a", "1"}}, replay(t, &list[0]))
}
