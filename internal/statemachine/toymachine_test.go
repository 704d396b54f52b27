package statemachine_test

import (
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// lamp is a resource with a lifecycle: it warms up, shines, may be dimmed for a while, and is switched off.
type lamp struct {
	ID      string `json:"ID"`
	State   string `json:"state"`
	Version string `json:"version"`
	Broken  bool   `json:"broken"`
}

const (
	warming = statemachine.State("Warming")
	shining = statemachine.State("Shining")
	dimmed  = statemachine.State("Dimmed")
	dead    = statemachine.State("Dead")
)

// lamps returns a new machine: machines are values, and each engine of a test has its own.
func lamps() *statemachine.Machine[lamp] {
	return statemachine.Define(statemachine.Machine[lamp]{
		Kind: "test.lamp", Initial: []statemachine.State{warming, shining}, Ends: []statemachine.State{dead},
		Key: func(l *lamp) string { return l.ID }, Name: func(l *lamp) string { return "lamp " + l.ID },
		Mirror: func(l *lamp, life statemachine.Life) {
			l.State, l.Version = string(life.State), strconv.FormatUint(life.Version, 10)
		},
		Rules: []statemachine.Rule[lamp]{
			{From: []statemachine.State{warming}, On: "shine", To: shining, After: "warm",
				Unless: func(_ *store.Tx, r *statemachine.Row[lamp]) statemachine.Event {
					switch {
					case r.Body.Broken:
						return "die"
					case r.Body.ID == "stubborn":
						return statemachine.Stay
					case r.Body.ID == "endless":
						return "blink"
					case r.Body.ID == "explosive":
						panic("boom")
					}
					return ""
				}},
			{From: []statemachine.State{warming}, On: "blink", To: warming},
			{From: []statemachine.State{warming, shining}, On: "die", To: dead},
			{From: []statemachine.State{shining}, On: "dim", To: dimmed},
			{From: []statemachine.State{dimmed}, On: "brighten", To: shining, After: "dim"},
			{From: []statemachine.State{shining}, On: "putout", To: statemachine.Gone},
		},
		Delays: map[string]statemachine.DelayDefault{
			"warm": {Fast: "2s", Realistic: "1m"}, "dim": {Fast: "1s", Realistic: "1m"},
		},
	})
}

// bench is an engine on its own database, with a wall clock that the test moves.
type bench struct {
	testing.TB
	dir    string
	db     *store.DB
	engine *statemachine.Engine
	lamps  *statemachine.Machine[lamp]
	full   atomic.Bool // writes to the world "w" fail, in a bubble

	mu   sync.Mutex
	wall time.Time
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newBench(t testing.TB, profile statemachine.Profile) *bench {
	t.Helper()
	b := &bench{TB: t, dir: t.TempDir(), wall: start}
	b.open(profile)
	require.NoError(t, b.engine.Base("empty", 7, start, func(*store.Tx) error { return nil }))
	require.NoError(t, b.db.CreateWorld("w", "empty", nil, nil))
	t.Cleanup(func() { require.NoError(t, b.db.Close()) })
	return b
}

func (b *bench) open(profile statemachine.Profile) {
	b.Helper()
	db, err := store.Open(filepath.Join(b.dir, "sim.db"), store.Options{})
	require.NoError(b, err)
	b.db, b.lamps = db, lamps()
	b.engine, err = statemachine.New(db, profile, zerolog.Nop(), b.lamps)
	require.NoError(b, err)
	b.engine.SetWall(b.now)
}

// reopen closes the database and opens it again, as a restart does.
func (b *bench) reopen(profile statemachine.Profile) {
	b.Helper()
	require.NoError(b, b.db.Close())
	b.open(profile)
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wall
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wall = b.wall.Add(d)
}

func (b *bench) clock(mode statemachine.Mode) {
	b.Helper()
	require.NoError(b, b.engine.SetClock(b.Context(), "w", statemachine.ClockSetting{Mode: &mode}))
}

func (b *bench) update(fn func(tx *store.Tx) error) {
	b.Helper()
	require.NoError(b, b.engine.Update("w", "test", fn))
}

func (b *bench) create(ids ...string) {
	b.Helper()
	b.update(func(tx *store.Tx) error {
		for _, id := range ids {
			if _, err := b.lamps.Create(tx, lamp{ID: id}, warming); err != nil {
				return err
			}
		}
		return nil
	})
}

// state returns the state as a client sees it, including observation.
func (b *bench) state(id string) string {
	b.Helper()
	state := "gone"
	require.NoError(b, b.engine.View("w", "test", func(tx *store.Tx) error {
		row, err := b.lamps.Get(tx, id)
		if err != nil {
			state = "gone"
			return nil
		}
		b.lamps.Observed(tx, &row)
		state = row.Body.State
		return nil
	}))
	return state
}

func (b *bench) warmUpTakes(value string) {
	b.Helper()
	d, err := statemachine.ParseDelay([]byte(value))
	require.NoError(b, err)
	b.update(func(tx *store.Tx) error {
		return b.engine.SetDelays(tx, map[string]*statemachine.Delay{"test.lamp.warm": &d})
	})
}

func (b *bench) advance(d time.Duration) []string {
	b.Helper()
	done, err := b.engine.Advance(b.Context(), "w", statemachine.Advance{By: d})
	require.NoError(b, err)
	return lines(done.Fired)
}

func lines(fired []statemachine.Transition) []string {
	list := []string{}
	for _, f := range fired {
		list = append(list, f.At.Sub(start).String()+" "+f.ID+" "+string(f.Event)+" "+string(f.From)+">"+string(f.To))
	}
	return list
}
