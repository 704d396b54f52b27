package statemachine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/store"
)

// Engine runs all transactions on worlds. Before a transaction it fires the timers that are due, and it sets the
// transaction's instant from the world's clock. After a transaction it counts the rows that responses show.
type Engine struct {
	db       *store.DB
	log      zerolog.Logger
	kinds    map[string]Lifecycle
	defaults map[string]Delay
	wall     func() time.Time
	wakeups  atomic.Int64 // of the timer loop
	// write runs transactions by store.DB.UpdateEach. Tests count them.
	write  func(world string, next func(tx *store.Tx) (more bool, err error)) error
	turn   func(world string, fire func()) // of the timer loop
	agenda agenda
	moves  moves
	logged logLimit

	mu        sync.Mutex
	listeners []func(world string, moved []Transition)
	replaced  []func(world string)
	clocks    []func(world string, c Clock, now time.Time)
}

// New returns an engine for the machines of all vendors. The profile selects the defaults of their delays.
func New(db *store.DB, profile Profile, log zerolog.Logger, machines ...Lifecycle) (*Engine, error) {
	e := &Engine{
		db: db, log: log, wall: NewWall(wallNow).Now, write: db.UpdateEach, turn: func(_ string, fire func()) { fire() },
		kinds: make(map[string]Lifecycle, len(machines)), defaults: make(map[string]Delay),
	}
	e.agenda.init()
	for _, m := range machines {
		if e.kinds[m.kind()] != nil {
			return nil, fmt.Errorf("two machines are called %s", m.kind())
		}
		e.kinds[m.kind()] = m
		for name, d := range m.Describe().Delays {
			delay, err := ParseDelay([]byte(map[Profile]string{Instant: "0s", Fast: d.Fast, Realistic: d.Realistic}[profile]))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			e.defaults[name] = delay
		}
	}
	return e, nil
}

// Transition is one transition of one resource.
type Transition struct {
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster,omitempty"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Event   Event     `json:"event"`
	From    State     `json:"from"`
	To      State     `json:"to"`
}

// Listen registers fn, which is called after every commit with transitions, in commit order. fn must not block.
func (e *Engine) Listen(fn func(world string, moved []Transition)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners = append(e.listeners, fn)
}

// OnClock registers fn, which is called after every commit that sets a world's clock, on request or in the clock mode
// auto. now is the instant that the clock shows. fn must not block.
func (e *Engine) OnClock(fn func(world string, c Clock, now time.Time)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clocks = append(e.clocks, fn)
}

// tellClock calls the functions that OnClock registered once the transaction, which set the clock, is committed.
func (e *Engine) tellClock(tx *store.Tx, c Clock, now time.Time) {
	world := tx.World()
	tx.OnCommit(func() {
		e.mu.Lock()
		listeners := e.clocks
		e.mu.Unlock()
		for _, fn := range listeners {
			fn(world, c, now)
		}
	})
}

// txState is the engine's state of a transaction.
type txState struct {
	engine   *Engine
	life     uint64 // of the world
	moves    []Transition
	seen     []observation
	auto     bool      // the clock mode is auto: observations of rows with timers count
	earliest time.Time // the earliest due time scheduled in it
}

func stateOf(tx *store.Tx) *txState {
	s, ok := tx.Owner.(*txState)
	if !ok {
		panic("statemachine: transaction was not begun by an Engine")
	}
	return s
}

func (s *txState) moved(tx *store.Tx, kind, id string, on Event, from, to State) {
	s.moves = append(s.moves, Transition{
		At: tx.Now, Cluster: tx.Partition(), Kind: kind, ID: id, Event: on, From: from, To: to,
	})
}

func (s *txState) touch(due time.Time) {
	if !due.IsZero() && (s.earliest.IsZero() || due.Before(s.earliest)) {
		s.earliest = due
	}
}

// errDue stops a transaction at its beginning because timers are due.
var errDue = errors.New("timers are due")

// View runs fn in a read transaction of the world at the present instant of its clock. Timers that are due by then fire
// first. In the clock mode auto, fn may run several times: see poll.
func (e *Engine) View(world, by string, fn func(tx *store.Tx) error) error {
	var p poll
	for {
		state, err := e.viewOnce(world, by, fn)
		again, pollErr := e.poll(world, state, &p)
		if pollErr != nil {
			return pollErr
		}
		if !again {
			return err
		}
	}
}

// viewOnce runs fn once.
func (e *Engine) viewOnce(world, by string, fn func(tx *store.Tx) error) (state *txState, err error) {
	caught := 0 // timers fired so far
	for {
		err := e.db.View(world, func(tx *store.Tx) error {
			ahead := outlooks.Of(tx)
			if err := begin(e, tx, ahead, by, caught); err != nil {
				return err
			}
			state = stateOf(tx)
			return fn(tx)
		})
		if !errors.Is(err, errDue) {
			return state, err
		}
		fired, err := e.catchUp(world, catchUpTimers-caught)
		if caught += fired; err != nil {
			return nil, err
		}
	}
}

// Update runs fn in a write transaction of the world and rolls it back if fn fails. by is the ID of the request, or
// another name for the origin of the change. Timers that are due fire first, in their own transactions, which share the
// commit. A refusal because of a row in a transient state is an observation of that row, as a read is. In the clock
// mode auto, fn may run several times: see poll.
func (e *Engine) Update(world, by string, fn func(tx *store.Tx) error) error {
	var p poll
	for {
		state, err := e.updateOnce(world, by, fn)
		if err == nil || state == nil {
			return err
		}
		if refused := e.refusedBy(world, state, err); refused != nil {
			return refused
		}
		again, pollErr := e.poll(world, state, &p)
		if pollErr != nil {
			return pollErr
		}
		if !again {
			return err
		}
	}
}

// updateOnce runs fn once. state is nil if fn did not run.
func (e *Engine) updateOnce(world, by string, fn func(tx *store.Tx) error) (state *txState, err error) {
	caught := 0
	for {
		ran := false
		err := e.write(world, func(tx *store.Tx) (more bool, err error) {
			ran, err = e.fireOrRun(tx, by, caught, fn)
			if caught++; ran {
				state = stateOf(tx)
			}
			return !ran && caught%turnTimers != 0, err
		})
		if ran || err != nil && !errors.As(err, new(*brokenTimerError)) {
			return state, err
		}
		if err := e.afterBroken(world, err); err != nil {
			return nil, err
		}
	}
}

// fireOrRun fires the first timer that is due or, if none is or too many were fired, runs fn.
func (e *Engine) fireOrRun(tx *store.Tx, by string, caught int, fn func(tx *store.Tx) error) (ran bool, err error) {
	ahead := outlooks.Of(tx)
	err = begin(e, tx, ahead, by, caught)
	if errors.Is(err, errDue) {
		_, _, err = e.fireFirst(tx, ahead.clock, ahead.clock.show(e.wall()), false)
		return false, err
	}
	e.publish(tx, ahead.clock)
	return true, fn(tx)
}

// Start creates a world or replaces its state with put, which calls a method of store.DB with next, and runs fn in a
// write transaction of the world as Update does, in the same commit. The writes of fn are part of the world's start. If
// fn fails, the world is not created or not changed. fn may be nil. The clock of a world that starts as a copy of a
// checkpoint goes on from the checkpoint's instant.
func (e *Engine) Start(
	world, by string, put func(next func(tx *store.Tx) (more bool, err error)) error, fn func(tx *store.Tx) error,
) error {
	var broken []Timer // found by earlier attempts
	caught := 0
	next := func(tx *store.Tx) (more bool, err error) {
		if err := e.anchor(tx); err != nil || fn == nil {
			return false, err
		}
		for i := range broken {
			if err := dropTimer(tx, &broken[i]); err != nil {
				return false, err
			}
		}
		ran, err := e.fireOrRun(tx, by, caught, fn)
		caught++
		return !ran, err
	}
	for {
		err := put(next)
		var b *brokenTimerError
		if errors.As(err, &b) {
			e.logBroken(world, b)
			broken = append(broken, b.timer)
			continue
		}
		if err == nil {
			e.Rescan(world)
		}
		return err
	}
}

// outlook is a world's clock and the due time of its first timer, which are read when a transaction begins.
type outlook struct {
	clock  Clock
	due    time.Time // of the first timer, if awaits is set
	awaits bool
}

var outlooks = store.NewMemo(func(tx *store.Tx) (o outlook) {
	o.clock = clockOf(tx)
	o.due, o.awaits = firstDue(tx)
	return o
})

// overdue reports whether a timer is due at a wall instant.
func (o *outlook) overdue(wall time.Time) bool { return o.awaits && !o.due.After(o.clock.show(wall)) }

// present returns the instant that the world's clock shows. Time does not pass a timer before it fires.
func (o outlook) present(wall time.Time) time.Time {
	if o.overdue(wall) {
		return o.due
	}
	return o.clock.show(wall)
}

// begin sets a transaction's instant. It returns errDue if a timer is due, unless the caller has caught up with
// catchUpTimers of them.
func begin(e *Engine, tx *store.Tx, ahead outlook, by string, caught int) error {
	wall := e.wall()
	if caught < catchUpTimers && ahead.overdue(wall) {
		return errDue
	}
	tx.Now, tx.By, tx.Owner = ahead.present(wall), by, &txState{engine: e, life: tx.Life(), auto: ahead.clock.Mode == Auto}
	return nil
}

// publish passes the transaction's transitions to the listeners, and its timers to the agenda, once it is committed.
func (e *Engine) publish(tx *store.Tx, clock Clock) {
	state := stateOf(tx)
	world := tx.World()
	tx.OnCommit(func() {
		if !state.earliest.IsZero() {
			if at, runs := clock.wallAt(state.earliest); runs {
				e.agenda.add(world, at)
			}
		}
		if len(state.moves) == 0 {
			return
		}
		e.mu.Lock()
		listeners := e.listeners
		e.mu.Unlock()
		for _, fn := range listeners {
			fn(world, state.moves)
		}
	})
}

// Base creates the base with that name, a frozen state on which worlds start, if it does not exist. fill writes it at
// the instant at. The IDs of the base and of its worlds are derived from seed.
func (e *Engine) Base(name string, seed uint64, at time.Time, fill func(tx *store.Tx) error) error {
	return e.db.Base(name, func(tx *store.Tx) error {
		tx.Now, tx.By, tx.Owner = at, "fixture", &txState{engine: e}
		tx.SetSeed(seed)
		return fill(tx)
	})
}

// Verifiers lists the tables of all machines and of the engine itself, for store.Verify.
func (e *Engine) Verifiers() []store.Verifier {
	list := engineTables()
	for _, kind := range slices.Sorted(maps.Keys(e.kinds)) {
		list = append(list, e.kinds[kind].verifier())
	}
	return list
}

// Replace replaces the state and the start of a world by the state that load writes into an empty one. load returns the
// world's meta. If fn is not nil it runs on the result as in Start. If one of them fails, nothing changes. Replace
// returns store.ErrNoWorld if the world does not exist.
func (e *Engine) Replace(
	world, by string, load func(tx *store.Tx) (meta json.RawMessage, err error), fn func(tx *store.Tx) error,
) error {
	return e.startLoaded(world, by, e.db.Replace, load, fn)
}

// Build creates a world whose state and start is what load writes into an empty one, as Replace does for a world that
// exists. It returns store.ErrWorldExists if the world exists.
func (e *Engine) Build(
	world, by string, load func(tx *store.Tx) (meta json.RawMessage, err error), fn func(tx *store.Tx) error,
) error {
	return e.startLoaded(world, by, e.db.BuildWorld, load, fn)
}

func (e *Engine) startLoaded(
	world, by string,
	put func(string, func(*store.Tx) (json.RawMessage, error), func(*store.Tx) (bool, error)) error,
	load func(tx *store.Tx) (json.RawMessage, error), fn func(tx *store.Tx) error,
) error {
	return e.Start(world, by, func(next func(tx *store.Tx) (bool, error)) error {
		return put(world, func(tx *store.Tx) (json.RawMessage, error) {
			tx.Now, tx.By, tx.Owner = e.wall().UTC().Truncate(time.Millisecond), by, &txState{engine: e}
			return load(tx)
		}, next)
	}, fn)
}
