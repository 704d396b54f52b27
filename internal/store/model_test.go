package store_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "seed of TestModel, 0 for a new one")
	modelSteps = flag.Int("model.steps", 2500, "steps of TestModel")
)

type item struct {
	ID, Name string
	Tags     []string
	N        int
}

func itemTable(name string) *store.Table[item] {
	return store.NewTable(name, func(r *item) string { return r.ID }, store.JSON[item](),
		store.Index[item]{Name: "name", Unique: true, Keys: func(r *item) []string {
			if r.Name == "" {
				return nil
			}
			return []string{r.Name}
		}},
		store.Index[item]{Name: "tag", Keys: func(r *item) []string { return r.Tags }})
}

var (
	items  = itemTable("items")
	others = itemTable("items-other") // a name that begins with another
	tables = []*store.Table[item]{items, others}
	parts  = []string{"", "east", "e"}
	// Keys that a careless encoding would confuse. All are UTF-8, since the codec is JSON.
	pool = []string{"a", "a\x00", "a\x00\x01", "a\x00\x01b", "a\x01", "aa", "ab", "b", "b\x00a", "\x00", "\x00\x01",
		"\x7f", "z", "zz", "é", "éa"}
)

type place struct{ part, table int }

// state is what a world should have.
type state struct {
	rows  map[place]map[string]item
	seed  uint64
	draws uint64
}

func (s state) clone() state {
	c := state{rows: map[place]map[string]item{}, seed: s.seed, draws: s.draws}
	for p, m := range s.rows {
		c.rows[p] = maps.Clone(m)
	}
	return c
}

type modelWorld struct {
	present, start state
	checkpoints    map[string]state
}

type model struct {
	*testing.T
	r      *rand.Rand
	path   string
	db     *store.DB
	worlds map[string]*modelWorld
	bases  map[string]state
	ids    map[[2]uint64]uuid.UUID
	next   int
}

func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -model.seed=%d", seed)
	m := &model{T: t, r: rand.New(rand.NewPCG(seed, 1)), path: filepath.Join(t.TempDir(), "db"),
		worlds: map[string]*modelWorld{}, bases: map[string]state{}, ids: map[[2]uint64]uuid.UUID{}}
	m.open()
	defer func() { m.db.Close() }()
	m.addBase()
	m.createWorld()
	for i := range *modelSteps {
		name, w := m.pickWorld()
		m.step(name, w)
		if m.worlds[name] != nil {
			m.compare(name)
		}
		if i%20 == 0 {
			m.compareAll()
		}
	}
	m.compareAll()
	require.NoError(t, m.db.Tidy())
	m.compareAll()
	for name := range m.worlds {
		_, chain, err := m.db.Layers(name)
		require.NoError(t, err)
		require.LessOrEqual(t, chain, 8, "chain of %s after folding", name)
	}
	for name := range m.worlds {
		require.NoError(t, m.db.DeleteWorld(name))
	}
	require.NoError(t, m.db.Tidy())
	all, _, _ := m.db.Layers("")
	require.LessOrEqual(t, all, len(m.bases), "layers left without worlds")
}

func (m *model) open() {
	db, err := store.OpenSmall(m.path)
	require.NoError(m, err)
	m.db = db
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (m *model) pickWorld() (string, *modelWorld) {
	name := pick(m.r, slices.Sorted(maps.Keys(m.worlds)))
	return name, m.worlds[name]
}

func (m *model) newName(prefix string) string {
	m.next++
	return fmt.Sprint(prefix, m.next)
}

// step does one random operation on the store and the model.
func (m *model) step(name string, w *modelWorld) {
	checkpoints := slices.Sorted(maps.Keys(w.checkpoints))
	switch n := m.r.IntN(100); {
	case n < 50:
		m.update(name, w)
	case n < 62:
		c := pick(m.r, []string{"c1", "c2", "c3", "c4"})
		require.NoError(m, m.db.Checkpoint(name, c, nil))
		w.checkpoints[c] = w.present.clone()
	case n < 70 && len(m.worlds) < 6:
		m.fork(name, w, checkpoints)
	case n < 76 && len(checkpoints) > 0:
		c := pick(m.r, checkpoints)
		require.NoError(m, m.db.Restore(name, c, nil))
		w.present = w.checkpoints[c].clone()
	case n < 80:
		require.NoError(m, m.db.Reset(name, nil))
		w.present = w.start.clone()
	case n < 83:
		base := pick(m.r, slices.Sorted(maps.Keys(m.bases)))
		require.NoError(m, m.db.ResetTo(name, base, nil, nil))
		w.present, w.start = m.bases[base].clone(), m.bases[base].clone()
	case n < 86 && len(checkpoints) > 0:
		c := pick(m.r, checkpoints)
		require.NoError(m, m.db.DeleteCheckpoint(name, c))
		delete(w.checkpoints, c)
	case n < 89 && len(m.worlds) > 1:
		require.NoError(m, m.db.DeleteWorld(name))
		delete(m.worlds, name)
	case n < 91 && len(m.bases) < 4:
		m.addBase()
	case n < 93 && len(m.worlds) < 6:
		m.createWorld()
	case n < 96:
		require.NoError(m, m.db.Tidy())
	case n < 97:
		require.NoError(m, m.db.Close())
		m.open()
	case n < 98:
		copied, err := m.db.CopyTo(m.TempDir())
		require.NoError(m, err)
		require.NoError(m, m.db.Close())
		m.path = copied
		m.open()
	default:
		require.ErrorIs(m, m.db.Restore(name, "no", nil), store.ErrNoCheckpoint)
		require.ErrorIs(m, m.db.Fork(name, "", name, nil, nil), store.ErrWorldExists)
		require.ErrorIs(m, m.db.ResetTo(name, "no", nil, nil), store.ErrNoBase)
	}
}

func (m *model) addBase() {
	s := state{rows: map[place]map[string]item{}}
	name := m.newName("base")
	require.NoError(m, m.db.Base(name, func(tx *store.Tx) error {
		m.write(tx, &s, m.r.IntN(40))
		return nil
	}))
	m.bases[name] = s
}

func (m *model) createWorld() {
	base, name := pick(m.r, slices.Sorted(maps.Keys(m.bases))), m.newName("w")
	require.NoError(m, m.db.CreateWorld(name, base, []byte(`"`+name+`"`), nil))
	m.worlds[name] = &modelWorld{m.bases[base].clone(), m.bases[base].clone(), map[string]state{}}
}

func (m *model) fork(from string, w *modelWorld, checkpoints []string) {
	name, c, s := m.newName("w"), "", w.present
	if len(checkpoints) > 0 && m.r.IntN(2) == 0 {
		c = pick(m.r, checkpoints)
		s = w.checkpoints[c]
	}
	s = s.clone()
	fails := m.r.IntN(4) == 0
	err := m.db.Fork(from, c, name, nil, func(tx *store.Tx) (bool, error) {
		m.write(tx, &s, m.r.IntN(8))
		m.compareTx(tx, s)
		if fails {
			return true, errModel
		}
		return m.r.IntN(2) == 0, nil
	})
	if fails {
		require.ErrorIs(m, err, errModel)
		return
	}
	require.NoError(m, err)
	m.worlds[name] = &modelWorld{s.clone(), s.clone(), map[string]state{}}
}

var errModel = errors.New("this function fails")

// update writes some rows; every fourth function fails, or panics.
func (m *model) update(name string, w *modelWorld) {
	s := w.present.clone()
	end := m.r.IntN(8)
	run := func() error {
		return m.db.Update(name, func(tx *store.Tx) error {
			m.write(tx, &s, 1+m.r.IntN(8))
			m.compareTx(tx, s) // with what this transaction wrote itself
			switch end {
			case 0:
				return errModel
			case 1:
				panic(errModel)
			}
			return nil
		})
	}
	switch end {
	case 0:
		require.ErrorIs(m, run(), errModel)
	case 1:
		require.PanicsWithValue(m, errModel, func() { _ = run() })
	default:
		require.NoError(m, run())
		w.present = s
	}
}

// write does n random operations on the rows.
func (m *model) write(tx *store.Tx, s *state, n int) {
	for range n {
		p := place{m.r.IntN(len(parts)), m.r.IntN(len(tables))}
		table, in := tables[p.table], tx.In(parts[p.part])
		rows := s.rows[p]
		if rows == nil {
			rows = map[string]item{}
			s.rows[p] = rows
		}
		it := item{ID: pick(m.r, pool), N: m.r.IntN(1000)}
		if m.r.IntN(3) > 0 {
			it.Name = pick(m.r, pool)
		}
		for range m.r.IntN(3) {
			it.Tags = append(it.Tags, pick(m.r, pool[:6]))
		}
		_, exists := rows[it.ID]
		taken := false
		for _, other := range rows {
			taken = taken || it.Name != "" && other.Name == it.Name && other.ID != it.ID
		}
		switch m.r.IntN(7) {
		case 0, 1:
			m.written(table.Insert(in, &it), exists || taken, rows, it)
		case 2, 3:
			m.written(table.Put(in, &it), taken, rows, it)
		case 4, 5:
			err := table.Delete(in, it.ID)
			require.Equal(m, !exists, errors.Is(err, store.ErrNotFound), "delete: %v", err)
			delete(rows, it.ID)
		case 6:
			m.draw(in, s)
		}
	}
}

func (m *model) written(err error, refused bool, rows map[string]item, it item) {
	m.Helper()
	if refused {
		require.ErrorIs(m, err, store.ErrExists)
		return
	}
	require.NoError(m, err)
	rows[it.ID] = it
}

// draw draws an id. The same seed and number of draws give the same id, and all others differ.
func (m *model) draw(tx *store.Tx, s *state) {
	if m.r.IntN(10) == 0 {
		s.seed = m.r.Uint64()
		tx.SetSeed(s.seed)
	}
	require.Equal(m, s.seed, tx.Seed())
	s.draws++
	id, k := tx.NewUUID(), [2]uint64{s.seed, s.draws}
	if known, ok := m.ids[k]; ok {
		require.Equal(m, known, id)
	} else {
		require.NotContains(m, slices.Collect(maps.Values(m.ids)), id)
		m.ids[k] = id
	}
}

func (m *model) compare(name string) {
	w := m.worlds[name]
	require.NoError(m, m.db.View(name, func(tx *store.Tx) error {
		m.compareTx(tx, w.present)
		return nil
	}))
	require.NoError(m, m.db.ViewStart(name, func(tx *store.Tx) error {
		m.compareTx(tx, w.start)
		return nil
	}))
}

func (m *model) compareAll() {
	require.NoError(m, m.db.Verify(items, others))
	list, err := m.db.Worlds()
	require.NoError(m, err)
	require.Len(m, list, len(m.worlds))
	names, err := m.db.WorldNames()
	require.NoError(m, err)
	require.Equal(m, slices.Sorted(maps.Keys(m.worlds)), names)
	for _, w := range list {
		require.NotNil(m, m.worlds[w.Name])
		require.Equal(m, slices.Sorted(maps.Keys(m.worlds[w.Name].checkpoints)), w.Checkpoints)
		m.compare(w.Name)
	}
	bases, err := m.db.Bases()
	require.NoError(m, err)
	require.Equal(m, slices.Sorted(maps.Keys(m.bases)), bases)
}

// compareTx compares all rows and all index lookups.
func (m *model) compareTx(tx *store.Tx, s state) {
	if tx.Seed() != s.seed {
		m.Fatalf("seed %d, want %d", tx.Seed(), s.seed)
	}
	for p := range parts {
		for t, table := range tables {
			m.compareTable(tx.In(parts[p]), table, s.rows[place{p, t}])
		}
	}
}

func (m *model) compareTable(tx *store.Tx, table *store.Table[item], want map[string]item) {
	keys := slices.Sorted(maps.Keys(want))
	at := 0
	for k, row := range table.All(tx, "", "") {
		if at >= len(keys) || keys[at] != k || !sameItem(row, want[k]) {
			m.Fatalf("%s, %q: row %d is %q %+v, want %+v", table.Name(), tx.Partition(), at, k, row, want)
		}
		at++
	}
	if at != len(keys) {
		m.Fatalf("%s, %q: %d rows, want %q", table.Name(), tx.Partition(), at, keys)
	}
	prefix, after := pick(m.r, pool), pick(m.r, append(pool, ""))
	var got, wanted []string
	for k := range table.Scan(tx, prefix, after) {
		got = append(got, k)
	}
	var last string
	for _, k := range keys {
		if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
			last = k
			if k > after {
				wanted = append(wanted, k)
			}
		}
	}
	if greatest, ok := table.Last(tx, prefix); !slices.Equal(got, wanted) || greatest != last || ok != (last != "") {
		m.Fatalf("%s: keys with %q after %q are %q, want %q; last %q, want %q",
			table.Name(), prefix, after, got, wanted, greatest, last)
	}
	for _, value := range pool[:8] {
		m.compareLookup(tx, table, "name", value, keys, func(k string) bool { return want[k].Name == value })
		m.compareLookup(tx, table, "tag", value, keys, func(k string) bool {
			return slices.Contains(want[k].Tags, value)
		})
	}
}

func (m *model) compareLookup(
	tx *store.Tx, table *store.Table[item], index, value string, keys []string, has func(string) bool,
) {
	got := slices.Collect(table.KeysBy(tx, index, value))
	i := 0
	for _, k := range keys {
		if has(k) {
			if i >= len(got) || got[i] != k {
				m.Fatalf("%s %s %q: %q, want %q there too", table.Name(), index, value, got, k)
			}
			i++
		}
	}
	if i != len(got) {
		m.Fatalf("%s %s %q: %q, want %d of them", table.Name(), index, value, got, i)
	}
}

func sameItem(a, b item) bool {
	return a.ID == b.ID && a.Name == b.Name && a.N == b.N && slices.Equal(a.Tags, b.Tags)
}
