package pagefile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"storagesim/internal/store/pagefile"
)

// newFile makes a file of some hundred pages, several levels and a list of free pages, without a seal.
func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	b, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	require.NoError(t, err)
	for _, rows := range []int{4000, 400} { // the second transaction leaves free pages
		require.NoError(t, b.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("rows"))
			if err != nil {
				return err
			}
			for i := range rows {
				if err := bucket.Put(fmt.Appendf(nil, "%0200d", i), []byte("row")); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(t, b.Close())
	return path
}

func TestCheck_WithoutSeal(t *testing.T) {
	path := newFile(t)
	require.NoError(t, pagefile.Check(path))
	require.NoError(t, pagefile.FreeRoot(path))
	require.ErrorContains(t, pagefile.Check(path), "is free and in use")
}

func TestSeal_DetectsAChangedRow(t *testing.T) {
	path := newFile(t)
	change := func() {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		at := len(content) / 2
		content[at] ^= 1
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	seal(t, path)
	require.NoError(t, pagefile.Check(path))
	change()
	require.ErrorContains(t, pagefile.Check(path), "checksum of its pages")
	change()
	require.NoError(t, pagefile.Check(path))
}

func TestSeal_EndsWithTheNextTransaction(t *testing.T) {
	path := newFile(t)
	seal(t, path)
	b, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, b.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("rows")) }))
	require.NoError(t, b.Close())
	require.NoError(t, pagefile.Check(path))
}

// seal seals a file that is closed.
func seal(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, pagefile.Seal(path, info))
}

func TestSeal_NotAnotherFile(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own"), filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(own, []byte("own"), 0o600))
	require.NoError(t, os.WriteFile(other, []byte("other"), 0o600))
	info, err := os.Stat(own)
	require.NoError(t, err)
	require.NoError(t, os.Rename(other, own))
	require.ErrorContains(t, pagefile.Seal(own, info), "another file is in its place")
	text, err := os.ReadFile(own)
	require.NoError(t, err)
	require.Equal(t, "other", string(text))
}
