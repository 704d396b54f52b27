package statemachine_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// job is a resource whose life has several timed stages.
type job struct {
	ID       string `json:"ID"`
	Progress int    `json:"progress"`
}

// jobBench is an engine with a machine of jobs, in the clock mode auto.
type jobBench struct {
	testing.TB
	engine *statemachine.Engine
	jobs   *statemachine.Machine[job]
}

func newJobBench(t testing.TB) *jobBench {
	t.Helper()
	b := &jobBench{TB: t}
	in := func(states ...statemachine.State) []statemachine.State { return states }
	b.jobs = statemachine.Define(statemachine.Machine[job]{
		Kind: "test.job", Initial: in("Queued"), Ends: in("Done"), Key: func(j *job) string { return j.ID },
		Rules: []statemachine.Rule[job]{
			{From: in("Queued"), On: "start", To: "Running", After: "stage"},
			{From: in("Running"), On: "step", To: "Running", After: "stage",
				Do: func(_ *store.Tx, r *statemachine.Row[job]) error { r.Body.Progress += 25; return nil },
				Unless: func(_ *store.Tx, r *statemachine.Row[job]) statemachine.Event {
					if r.Body.Progress == 100 {
						return "end"
					}
					return ""
				}},
			{From: in("Running"), On: "end", To: "Done"},
		},
		Delays: map[string]statemachine.DelayDefault{"stage": {Fast: "1h", Realistic: "1h"}},
	})
	db, err := store.Open(filepath.Join(t.TempDir(), "sim.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	b.engine, err = statemachine.New(db, statemachine.Fast, zerolog.Nop(), b.jobs)
	require.NoError(t, err)
	require.NoError(t, b.engine.Base("b", 1, start, func(*store.Tx) error { return nil }))
	require.NoError(t, db.CreateWorld("w", "b", nil, nil))
	b.engine.SetWall(func() time.Time { return start })
	auto := statemachine.Auto
	require.NoError(t, b.engine.SetClock(t.Context(), "w", statemachine.ClockSetting{Mode: &auto}))
	return b
}

func (b *jobBench) create(id string) {
	b.Helper()
	require.NoError(b, b.engine.Update("w", "test", func(tx *store.Tx) error {
		_, err := b.jobs.Create(tx, job{ID: id}, "Queued")
		return err
	}))
}

// read returns the states of the jobs as one request shows them.
func (b *jobBench) read(ids ...string) (states []string) {
	b.Helper()
	require.NoError(b, b.engine.View("w", "test", func(tx *store.Tx) error {
		states = nil
		for _, id := range ids {
			row, err := b.jobs.Get(tx, id)
			require.NoError(b, err)
			b.jobs.Observed(tx, &row)
			states = append(states, string(row.Life.State))
		}
		return nil
	}))
	return states
}

func TestAuto_SecondReadFindsTheFinalState(t *testing.T) {
	b := newJobBench(t)
	b.create("a")
	require.Equal(t, []string{"Queued"}, b.read("a"))
	require.Equal(t, []string{"Done"}, b.read("a"))
	now, err := b.engine.Now("w")
	require.NoError(t, err)
	require.Equal(t, start.Add(6*time.Hour), now)
}

func TestAuto_ListCountsEachRow(t *testing.T) {
	b := newJobBench(t)
	b.create("a")
	b.read("a")
	_, err := b.engine.Advance(t.Context(), "w", statemachine.Advance{By: time.Hour})
	require.NoError(t, err)
	b.create("b")
	require.Equal(t, []string{"Done", "Running"}, b.read("a", "b"),
		"the clock jumps for a, which was read in an earlier stage, and not for b")
	require.Equal(t, []string{"Done", "Done"}, b.read("a", "b"))
}

func TestAuto_SecondRefusalFindsTheFinalState(t *testing.T) {
	b := newJobBench(t)
	b.create("a")
	errBusy := errors.New("busy")
	write := func(refuse func(tx *store.Tx, row *statemachine.Row[job]) error) error {
		return b.engine.Update("w", "test", func(tx *store.Tx) error {
			row, err := b.jobs.Get(tx, "a")
			require.NoError(t, err)
			if row.Life.State != "Done" {
				return refuse(tx, &row)
			}
			return nil
		})
	}
	observed := func(tx *store.Tx, row *statemachine.Row[job]) error {
		b.jobs.Observed(tx, row)
		return errBusy
	}
	require.ErrorIs(t, write(observed), errBusy)
	require.NoError(t, write(observed))

	b = newJobBench(t)
	b.create("a")
	illegal := func(tx *store.Tx, row *statemachine.Row[job]) error { return b.jobs.Fire(tx, row, "none") }
	require.Error(t, write(illegal))
	require.NoError(t, write(illegal), "the cause of the refusal names the row")
}

// A request whose world is replaced while it runs neither moves the clock of the new life nor counts there.
func TestAuto_ReplacedDuringTheRequest(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Auto)
	b.create("a")
	_, err := b.engine.Checkpoint("w", "c")
	require.NoError(t, err)
	before := b.worldNow()
	require.Equal(t, "Warming", b.state("a"), "the first read")

	runs := 0
	require.NoError(t, b.engine.View("w", "test", func(tx *store.Tx) error {
		runs++
		row, err := b.lamps.Get(tx, "a")
		if err != nil {
			return err
		}
		b.lamps.Observed(tx, &row)
		return b.engine.Restore("w", "c")
	}))
	require.Equal(t, 1, runs, "the second read is of the life that is over")
	require.Equal(t, before, b.worldNow())
	require.Equal(t, "Warming", b.state("a"), "the first read of the new life")
	require.Equal(t, "Shining", b.state("a"))
}

// A read of a row that never leaves its transient states ends after a number of jumps; the next one goes on.
func TestAuto_EndlessStages(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Auto)
	b.create("endless")
	before := b.worldNow()
	require.Equal(t, "Warming", b.state("endless"))
	require.Equal(t, "Warming", b.state("endless"))
	require.Equal(t, before.Add(statemachine.MaxJumps*2*time.Second), b.worldNow())
}
