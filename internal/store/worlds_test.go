package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

func TestWorlds_AreDescribed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	addWorld(t, db, "w")
	require.NoError(t, db.Checkpoint("w", "two", nil))
	require.NoError(t, db.Checkpoint("w", "one", nil))
	require.NoError(t, db.Fork("w", "", "w2", []byte(`{"a":1}`), nil))
	require.NoError(t, db.SetMeta("w", []byte(`[]`)))
	require.NoError(t, db.Close())

	db, err = store.Open(path, store.Options{})
	require.NoError(t, err)
	defer db.Close()
	list, err := db.Worlds()
	require.NoError(t, err)
	require.Equal(t, []store.World{
		{Name: "w", Meta: []byte(`[]`), Checkpoints: []string{"one", "two"}},
		{Name: "w2", Meta: []byte(`{"a":1}`)},
	}, list)
	view(t, db, "w2", func(tx *store.Tx) {
		require.Equal(t, "w2", tx.World())
		require.JSONEq(t, `{"a":1}`, string(tx.Meta()))
		require.False(t, tx.Writable())
	})
	bases, err := db.Bases()
	require.NoError(t, err)
	require.Equal(t, []string{"empty"}, bases)
}

func TestWorlds_Refusals(t *testing.T) {
	db := newStore(t)
	nothing := func(*store.Tx) error { return nil }
	for name, c := range map[string]struct{ got, want error }{
		"view":              {db.View("no", nothing), store.ErrNoWorld},
		"view start":        {db.ViewStart("no", nothing), store.ErrNoWorld},
		"update":            {db.Update("no", nothing), store.ErrNoWorld},
		"create twice":      {db.CreateWorld("w", "empty", nil, nil), store.ErrWorldExists},
		"create on nothing": {db.CreateWorld("w2", "no", nil, nil), store.ErrNoBase},
		"create unnamed":    {db.CreateWorld("", "empty", nil, nil), store.ErrBadName},
		"create with zero":  {db.CreateWorld("a\x00b", "empty", nil, nil), store.ErrBadName},
		"name too long":     {db.CreateWorld(strings.Repeat("w", 257), "empty", nil, nil), store.ErrBadName},
		"fork nothing":      {db.Fork("no", "", "w2", nil, nil), store.ErrNoWorld},
		"fork no point":     {db.Fork("w", "no", "w2", nil, nil), store.ErrNoCheckpoint},
		"fork onto itself":  {db.Fork("w", "", "w", nil, nil), store.ErrWorldExists},
		"meta":              {db.SetMeta("no", nil), store.ErrNoWorld},
		"delete":            {db.DeleteWorld("no"), store.ErrNoWorld},
		"checkpoint":        {db.Checkpoint("no", "c", nil), store.ErrNoWorld},
		"checkpoint name":   {db.Checkpoint("w", "", nil), store.ErrBadName},
		"restore":           {db.Restore("w", "no", nil), store.ErrNoCheckpoint},
		"delete checkpoint": {db.DeleteCheckpoint("w", "no"), store.ErrNoCheckpoint},
		"reset":             {db.Reset("no", nil), store.ErrNoWorld},
		"reset to":          {db.ResetTo("w", "no", nil, nil), store.ErrNoBase},
	} {
		require.ErrorIs(t, c.got, c.want, name)
	}
	_, err := db.World("no")
	require.ErrorIs(t, err, store.ErrNoWorld)
	require.EqualError(t, db.Reset("no", nil), `world "no": no such world`)
}

func TestBase_IsFilledOnceOnSuccess(t *testing.T) {
	db := newStore(t)
	require.ErrorIs(t, db.Base("b", func(tx *store.Tx) error {
		tx.OnCommit(func() { t.Error("hook of a failed function") })
		require.NoError(t, items.Put(tx, &item{ID: "a"}))
		return errModel
	}), errModel)
	require.ErrorIs(t, db.CreateWorld("v", "b", nil, nil), store.ErrNoBase)
	calls, hooks := 0, 0
	for range 2 {
		require.NoError(t, db.Base("b", func(tx *store.Tx) error {
			calls++
			tx.OnCommit(func() { hooks++ })
			tx.SetSeed(5)
			require.NoError(t, items.Put(tx, &item{ID: "a"}))
			require.NoError(t, items.Put(tx, &item{ID: "gone"}))
			require.NoError(t, items.Delete(tx, "gone"))
			return items.Put(tx.In("east"), &item{ID: "e"})
		}))
	}
	require.Equal(t, 1, calls)
	require.Equal(t, 1, hooks)
	require.NoError(t, db.CreateWorld("v", "b", nil, nil))
	require.NoError(t, db.ResetTo("w", "b", nil, nil))
	for _, world := range []string{"v", "w"} {
		view(t, db, world, func(tx *store.Tx) {
			require.Equal(t, uint64(5), tx.Seed())
			require.Equal(t, []string{"a"}, keysOf(tx))
			require.Equal(t, []string{"e"}, keysOf(tx.In("east")))
		})
	}
	require.NoError(t, db.Verify(items))
}

// A base is being filled in many steps while the background work looks for layers that no chain names.
func TestBase_IsNotCollectedWhileItGrows(t *testing.T) {
	db, err := store.OpenSmall(filepath.Join(t.TempDir(), "db"))
	require.NoError(t, err)
	defer db.Close()
	addWorld(t, db, "w")
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := db.Tidy(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for b := range 5 {
		require.NoError(t, db.Base(fmt.Sprint("b", b), func(tx *store.Tx) error {
			for i := range 200 {
				require.NoError(t, items.Put(tx, &item{ID: fmt.Sprint(i), Name: fmt.Sprint(i)}))
			}
			return nil
		}))
	}
	close(done)
	await(t, &wg)
	for b := range 5 {
		require.NoError(t, db.ResetTo("w", fmt.Sprint("b", b), nil, nil))
		view(t, db, "w", func(tx *store.Tx) { require.Len(t, keysOf(tx), 200) })
		require.NoError(t, db.Verify(items))
	}
}

// foldLog sums the entries that folding has copied, from its log.
type foldLog struct{ entries atomic.Int64 }

func (l *foldLog) Write(line []byte) (int, error) {
	var entry struct{ Entries int64 }
	err := json.Unmarshal(line, &entry)
	l.entries.Add(entry.Entries)
	return len(line), err
}

// Forks and checkpoints share layers while the chains above them are folded.
func TestFold_KeepsChainsShortAndLargeLayersInPlace(t *testing.T) {
	var copied foldLog
	db, err := store.Open(filepath.Join(t.TempDir(), "db"), store.Options{Log: zerolog.New(&copied)})
	require.NoError(t, err)
	defer db.Close()
	addWorld(t, db, "w")
	require.NoError(t, db.Base("large", func(tx *store.Tx) error {
		for i := range 3000 {
			require.NoError(t, items.Put(tx, &item{ID: fmt.Sprintf("%04d", i), Name: fmt.Sprint(i)}))
		}
		return nil
	}))
	require.NoError(t, db.ResetTo("w", "large", nil, nil))
	const rounds = 300
	for i := range rounds {
		update(t, db, func(tx *store.Tx) {
			require.NoError(t, items.Put(tx, &item{ID: fmt.Sprintf("%04d", i), Name: fmt.Sprint("new", i)}))
			require.NoError(t, items.Delete(tx, fmt.Sprintf("%04d", 1000+i)))
		})
		require.NoError(t, db.Checkpoint("w", fmt.Sprint("c", i), func(*store.Tx) (json.RawMessage, error) {
			return json.RawMessage(strconv.Itoa(i)), nil
		}))
		require.NoError(t, db.Tidy())
		_, chain, err := db.Layers("w")
		require.NoError(t, err)
		require.LessOrEqual(t, chain, 8)
	}
	t.Logf("%d entries copied for %d written", copied.entries.Load(), rounds*5)
	require.Less(t, copied.entries.Load(), int64(rounds*5*16), "the base alone has 6000 entries")
	require.Positive(t, copied.entries.Load())
	for i := range rounds {
		if i%37 != 0 {
			require.NoError(t, db.DeleteCheckpoint("w", fmt.Sprint("c", i)))
		}
	}
	require.NoError(t, db.Tidy())
	for i := 0; i < rounds; i += 37 {
		meta, err := db.CheckpointMeta("w", fmt.Sprint("c", i))
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(i), string(meta))
		require.NoError(t, db.Restore("w", fmt.Sprint("c", i), nil))
		view(t, db, "w", func(tx *store.Tx) {
			require.Len(t, keysOf(tx), 3000-i-1)
			last, err := items.Get(tx, fmt.Sprintf("%04d", i))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("new", i), last.Name)
			next, err := items.Get(tx, fmt.Sprintf("%04d", i+1))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i+1), next.Name)
		})
	}
	require.NoError(t, db.Verify(items))
	require.NoError(t, db.DeleteWorld("w"))
	require.NoError(t, db.Tidy())
	all, _, _ := db.Layers("w")
	require.Equal(t, 1, all, "the base alone is left")
}

// Readers see the same world while layers are folded and deleted under them.
func TestFold_ReadersSeeOneState(t *testing.T) {
	db, err := store.OpenSmall(filepath.Join(t.TempDir(), "db"))
	require.NoError(t, err)
	defer db.Close()
	addWorld(t, db, "w")
	const rows = 50
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				err := db.View("w", func(tx *store.Tx) error {
					first, n := -1, 0
					for k, row := range items.All(tx, "", "") {
						if n++; first < 0 {
							first = row.N
						}
						if row.N != first {
							t.Errorf("row %s is of round %d, the first of %d", k, row.N, first)
						}
					}
					if first >= 0 && n != rows {
						t.Errorf("%d rows in round %d", n, first)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for round := range 80 {
		update(t, db, func(tx *store.Tx) {
			for i := range rows {
				require.NoError(t, items.Put(tx, &item{ID: fmt.Sprintf("%d-%02d", i*round%3, i), N: round}))
				for other := range 3 {
					if other != i*round%3 {
						_ = items.Delete(tx, fmt.Sprintf("%d-%02d", other, i))
					}
				}
			}
		})
		require.NoError(t, db.Checkpoint("w", fmt.Sprint("c", round%4), nil))
	}
	close(done)
	await(t, &wg)
	require.NoError(t, db.Tidy())
	require.NoError(t, db.Verify(items))
}

func TestAtStart(t *testing.T) {
	db := newStore(t)
	atStart := func(world string) bool {
		is, err := db.AtStart(world)
		require.NoError(t, err)
		return is
	}
	write := func(world, id string) {
		require.NoError(t, db.Update(world, func(tx *store.Tx) error { return items.Put(tx, &item{ID: id}) }))
	}
	require.NoError(t, db.CreateWorld("made", "empty", nil, func(tx *store.Tx) (bool, error) {
		return false, items.Put(tx, &item{ID: "of the start"})
	}))
	require.True(t, atStart("made"), "what next writes is part of the start")
	require.NoError(t, db.Checkpoint("made", "c", nil))
	require.True(t, atStart("made"), "a checkpoint writes nothing to the world")
	write("made", "a")
	require.False(t, atStart("made"))
	require.NoError(t, db.Checkpoint("made", "d", nil))
	require.False(t, atStart("made"), "what a checkpoint froze was written after the start")
	require.NoError(t, db.Fork("made", "d", "fork", nil, nil))
	require.True(t, atStart("fork"))
	require.NoError(t, db.Reset("made", nil))
	require.True(t, atStart("made"))
	_, err := db.AtStart("no")
	require.ErrorIs(t, err, store.ErrNoWorld)
}
