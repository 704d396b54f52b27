package store_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"storagesim/internal/store"
)

// roleVariable is the environment variable with the role that the test program has when it runs itself.
const roleVariable = "STORE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch path := os.Getenv("STORE_TEST_PATH"); os.Getenv(roleVariable) {
	case "opener":
		_, err := store.Open(path, store.Options{})
		fmt.Println(err)
	case "writer":
		writeForEver(path)
	default:
		os.Exit(m.Run())
	}
}

// processTime bounds how long another process may run.
const processTime = time.Minute

// otherProcess returns a command that runs the test program in a role. The process is killed when the test ends, or
// after processTime.
func otherProcess(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), processTime)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "STORE_TEST_PATH="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestOpen_RefusesASecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	defer db.Close()
	out, err := otherProcess(t, "opener", path).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "another process has the file open")
	require.Contains(t, string(out), path)
	_, err = store.Open(path, store.Options{})
	require.ErrorIs(t, err, store.ErrLocked)
}

func TestOpen_UnreadableFiles(t *testing.T) {
	good := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(good, store.Options{})
	require.NoError(t, err)
	addWorld(t, db, "w")
	update(t, db, func(tx *store.Tx) {
		for i := range 500 {
			require.NoError(t, items.Put(tx, &item{ID: fmt.Sprint(i), Name: fmt.Sprint(i)}))
		}
	})
	require.NoError(t, db.Close())
	content, err := os.ReadFile(good)
	require.NoError(t, err)

	newer := filepath.Join(t.TempDir(), "newer")
	require.NoError(t, os.WriteFile(newer, content, 0o600))
	db, err = store.Open(newer, store.Options{})
	require.NoError(t, err)
	require.NoError(t, db.SetSchema("3"))
	require.NoError(t, db.Close())
	newerContent, err := os.ReadFile(newer)
	require.NoError(t, err)

	foreign := filepath.Join(t.TempDir(), "foreign")
	b, err := bolt.Open(foreign, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, b.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("somebody else's"))
		return err
	}))
	require.NoError(t, b.Close())
	foreignContent, err := os.ReadFile(foreign)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"text":              {[]byte("hello\n"), store.ErrNotStore},
		"zeros":             {make([]byte, 1<<16), store.ErrNotStore},
		"noise":             {bytes.Repeat([]byte{0xED, 0xDA, 0x0C, 0xED}, 1<<14), store.ErrNotStore},
		"one page":          {content[:4096], store.ErrNotStore},
		"two pages":         {content[:8192], store.ErrNotStore},
		"half":              {content[:len(content)/2], store.ErrNotStore},
		"all but one byte":  {content[:len(content)-1], store.ErrNotStore},
		"newer schema":      {newerContent, store.ErrNewer},
		"foreign database":  {foreignContent, store.ErrNotStore},
		"root page damaged": {slicesZero(content, 2*4096), store.ErrNotStore},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			require.NoError(t, os.WriteFile(path, c.content, 0o600))
			_, err := store.Open(path, store.Options{})
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(c.content, after), "the file was changed")
		})
	}
}

// slicesZero returns content with zeros from offset on.
func slicesZero(content []byte, offset int) []byte {
	return append(bytes.Clone(content[:offset]), make([]byte, len(content)-offset)...)
}

func TestOpen_Directories(t *testing.T) {
	dir := t.TempDir()
	_, err := store.Open(filepath.Join(dir, "missing", "db"), store.Options{})
	require.ErrorContains(t, err, "missing must exist and be writable")
	_, err = store.Open(dir, store.Options{})
	require.ErrorIs(t, err, store.ErrNotStore)
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	db, err := store.Open(empty, store.Options{SyncDisk: true})
	require.NoError(t, err)
	addWorld(t, db, "w")
	require.NoError(t, db.Close())
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o500))
		_, err = store.Open(filepath.Join(dir, "new"), store.Options{})
		require.ErrorContains(t, err, "must exist and be writable")
	}
}

// writeForEver runs eight writers. Each prints a key when its Update has returned.
func writeForEver(path string) {
	db, err := store.OpenSmall(path)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				var key string
				err := db.Update("w", func(tx *store.Tx) error {
					key = tx.NewUUID().String()
					return items.Insert(tx, &item{ID: key, Name: "name of " + key, Tags: []string{fmt.Sprint(w)}})
				})
				if err == nil && i%40 == 0 {
					err = db.Checkpoint("w", fmt.Sprint("c", w), nil)
				}
				out.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("key", key)
				}
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestKill_AcknowledgedRowsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	addWorld(t, db, "w")
	require.NoError(t, db.Close())
	var keys []string
	for round := range 5 {
		child := otherProcess(t, "writer", path)
		pipe, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(pipe)
		for n := 0; lines.Scan(); n++ {
			kind, key, _ := strings.Cut(lines.Text(), " ")
			require.Equal(t, "key", kind, key)
			if len(key) == 36 { // the last line may be cut
				keys = append(keys, key)
			}
			if n == 300+100*round {
				require.NoError(t, child.Process.Kill())
			}
		}
		_ = child.Wait()

		db, err := store.Open(path, store.Options{})
		require.NoError(t, err)
		view(t, db, "w", func(tx *store.Tx) {
			for _, key := range keys {
				row, err := items.Get(tx, key)
				require.NoError(t, err, "round %d", round)
				require.Equal(t, "name of "+key, row.Name)
			}
		})
		require.NoError(t, db.Verify(items))
		require.NoError(t, db.Close())
	}
	require.Greater(t, len(keys), 2000)
}
