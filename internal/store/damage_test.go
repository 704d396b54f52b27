package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// someFile returns the content of a database, closed or as a killed process leaves it.
func someFile(t *testing.T, closed bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	addWorld(t, db, "w")
	for round := range 8 {
		update(t, db, func(tx *store.Tx) {
			for i := range 200 {
				row := item{ID: fmt.Sprint(i), Name: fmt.Sprint("name ", i), Tags: []string{fmt.Sprint(round)}}
				require.NoError(t, items.Put(tx, &row))
			}
		})
		require.NoError(t, db.Checkpoint("w", fmt.Sprint(round), nil))
	}
	if closed {
		require.NoError(t, db.Close())
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return content
	}
	var content []byte
	require.NoError(t, db.Update("w", func(*store.Tx) (err error) { // nothing is written meanwhile
		content, err = os.ReadFile(path)
		return err
	}))
	require.NoError(t, db.Close())
	return content
}

// openBytes opens a copy of a file, and reads and writes it. It returns the error of Open, which must leave the file
// unchanged.
func openBytes(t *testing.T, content []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	db, err := store.Open(path, store.Options{})
	if err != nil {
		require.ErrorIs(t, err, store.ErrNotStore)
		after, rerr := os.ReadFile(path)
		require.NoError(t, rerr)
		require.True(t, bytes.Equal(content, after), "the file was changed")
		return err
	}
	_ = db.Verify(items)
	readAndWrite(db)
	require.NoError(t, db.Close())
	return nil
}

// readAndWrite reads and writes what it can. A row with a wrong bit is an error, and nothing ends the process.
func readAndWrite(db *store.DB) {
	_ = db.View("w", func(tx *store.Tx) error {
		for range items.All(tx, "", "") {
			continue
		}
		return nil
	})
	for i := range 20 {
		_ = db.Update("w", func(tx *store.Tx) error {
			return items.Put(tx, &item{ID: fmt.Sprint("new ", i), Name: fmt.Sprint("new ", i)})
		})
	}
	_ = db.Restore("w", "3", nil)
}

// A closed file is sealed: a change of any bit is detected.
func TestOpen_FlippedBitOfAClosedFile(t *testing.T) {
	content := someFile(t, true)
	require.NoError(t, openBytes(t, content))
	seed := rand.Uint64()
	t.Logf("seed %d, %d bytes", seed, len(content))
	random := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		at, bit := random.IntN(len(content)-32), random.IntN(8) // not in the seal itself
		damaged := append([]byte(nil), content...)
		damaged[at] ^= 1 << bit
		require.ErrorIs(t, openBytes(t, damaged), store.ErrNotStore, "bit %d of byte %d", bit, at)
	}
}

// A file without a seal opens or is refused. No damage ends the process.
func TestOpen_DamageToAFileThatWasNotClosed(t *testing.T) {
	content := someFile(t, false)
	require.NoError(t, openBytes(t, content))
	seed := rand.Uint64()
	t.Logf("seed %d, %d bytes", seed, len(content))
	random := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for i := range 120 {
		damaged := append([]byte(nil), content...)
		page := random.IntN(len(content) / 4096)
		switch i % 3 {
		case 0: // anywhere
			damaged[random.IntN(len(content))] ^= 1 << random.IntN(8)
		case 1: // in the header of a page
			damaged[page*4096+random.IntN(64)] ^= 1 << random.IntN(8)
		default:
			clear(damaged[page*4096 : (page+1)*4096])
		}
		if openBytes(t, damaged) != nil {
			refused++
		}
	}
	require.Greater(t, refused, 20)
	for _, meta := range []int{0, 4096} {
		damaged := append([]byte(nil), content...)
		damaged[meta+20] ^= 1
		require.ErrorContains(t, openBytes(t, damaged), "one of its two meta pages")
	}
}

func TestOpen_TruncatedFile(t *testing.T) {
	for _, closed := range []bool{true, false} {
		content := someFile(t, closed)
		for size := 1; size < len(content); size += 1 + len(content)/97 {
			require.ErrorIs(t, openBytes(t, content[:size]), store.ErrNotStore, "%d of %d bytes", size, len(content))
		}
	}
}

// Damage to an open file is an error of the function that meets it, and no write succeeds afterwards.
func TestOpenFile_IsDamaged(t *testing.T) {
	for name, hurt := range map[string]func(path string) error{
		"cut off": func(path string) error { return os.Truncate(path, 8192) },
		"overwritten": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, info.Size()-8192), 8192)
			return errors.Join(err, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			require.NoError(t, os.WriteFile(path, someFile(t, true), 0o600))
			db, err := store.Open(path, store.Options{})
			require.NoError(t, err)
			require.NoError(t, db.Err())
			require.NoError(t, hurt(path))
			readAndWrite(db)
			_, _ = db.Worlds()
			select {
			case <-db.Failed():
			case <-time.After(time.Minute):
				t.Fatal("the damage was not noticed")
			}
			require.ErrorIs(t, db.Err(), store.ErrDamaged)
			require.ErrorContains(t, db.Err(), path)
			require.ErrorIs(t, db.Update("w", func(*store.Tx) error { return nil }), store.ErrDamaged)
			require.ErrorIs(t, db.Close(), store.ErrDamaged)
		})
	}
}

// A panic of the function itself is not taken for damage to the file.
func TestView_OtherPanicsGoOn(t *testing.T) {
	db := newStore(t)
	for _, run := range []func(string, func(*store.Tx) error) error{db.View, db.Update} {
		require.PanicsWithValue(t, "mine", func() { _ = run("w", func(*store.Tx) error { panic("mine") }) })
		require.Panics(t, func() {
			_ = run("w", func(tx *store.Tx) error {
				return errors.New(([]string{})[len(tx.Partition())])
			})
		})
	}
	require.NoError(t, db.Err())
}
