package statemachine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/store"
)

// Engine runs all transactions on worlds. It fires the timers that are due before a transaction begins, sets the instant
// of the transaction from the world's clock, and counts afterwards which rows clients were shown.
type Engine struct {
	db       *store.DB
	log      zerolog.Logger
	kinds    map[string]Lifecycle
	defaults map[string]Delay
	wall     func() time.Time
	// write runs transactions by store.DB.UpdateEach. Tests count them.
	write  func(world string, next func(tx *store.Tx) (more bool, err error)) error
	turn   func(world string, fire func()) // of the timer loop
	agenda agenda

	mu        sync.Mutex
	listeners []func(world string, moved []Transition)
	replaced  []func(world string)
	clocks    []func(world string, c Clock, now time.Time)
}

// New makes an engine for the machines of all vendors. The profile chooses the defaults of their delays.
func New(db *store.DB, profile Profile, log zerolog.Logger, machines ...Lifecycle) (*Engine, error) {
	e := &Engine{
		db: db, log: log, wall: wallNow, write: db.UpdateEach, turn: func(_ string, fire func()) { fire() },
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

// Transition is one move of one thing.
type Transition struct {
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster,omitempty"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	Event   Event     `json:"event"`
	From    State     `json:"from"`
	To      State     `json:"to"`
}

// Listen calls fn after every commit that moved something, in commit order. fn must not block.
func (e *Engine) Listen(fn func(world string, moved []Transition)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners = append(e.listeners, fn)
}

// OnClock calls fn after every commit that set a world's clock, on request or by the clock mode auto, with what it shows
// from then on. fn must not block.
func (e *Engine) OnClock(fn func(world string, c Clock, now time.Time)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clocks = append(e.clocks, fn)
}

// tellClock hands a clock that the transaction has set to those who asked for it once it is committed.
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

// observation is a row that a client was shown while a timer was pending for it.
type observation struct{ partition, kind, key string }

// txState is what the engine keeps beside a transaction.
type txState struct {
	engine   *Engine
	moves    []Transition
	seen     []observation
	auto     bool      // the clock's mode: every observation of what is pending counts
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

// observed notes a row whose timers count what clients are shown; any other observation changes nothing.
func (s *txState) observed(tx *store.Tx, kind, key string) {
	counts := func(t Timer) bool { return t.Reads > 0 || s.auto && !t.Held }
	o := observation{tx.Partition(), kind, key}
	if slices.ContainsFunc(pending(tx, kind, key), counts) && !slices.Contains(s.seen, o) {
		s.seen = append(s.seen, o)
	}
}

func (s *txState) touch(due time.Time) {
	if !due.IsZero() && (s.earliest.IsZero() || due.Before(s.earliest)) {
		s.earliest = due
	}
}

// errDue stops a transaction before it does anything, because timers are due before it.
var errDue = errors.New("timers are due")

// View runs fn in a read transaction of the world at the present instant of its clock. What was due by then has
// happened before. fn may run twice in the clock mode auto.
func (e *Engine) View(world, by string, fn func(tx *store.Tx) error) error {
	for {
		var state *txState
		err := e.db.View(world, func(tx *store.Tx) error {
			ahead := outlooks.Of(tx)
			if err := begin(e, tx, ahead, by); err != nil {
				return err
			}
			state = stateOf(tx)
			state.auto = ahead.clock.Mode == Auto
			return fn(tx)
		})
		if errors.Is(err, errDue) {
			if _, err := e.catchUp(world); err != nil {
				return err
			}
			continue
		}
		if state == nil || len(state.seen) == 0 {
			return err
		}
		again, oerr := e.observe(world, state.seen, state.auto)
		if oerr != nil {
			return oerr
		}
		if !again {
			return err
		}
	}
}

// Update runs fn in a write transaction of the world. An error rolls all of it back. By names who does it. What is due
// by then happens before, in transactions of its own that share the commit.
func (e *Engine) Update(world, by string, fn func(tx *store.Tx) error) error {
	for {
		ran := false
		err := e.write(world, func(tx *store.Tx) (more bool, err error) {
			ran, more, err = e.fireOrRun(tx, by, fn)
			return more, err
		})
		if ran || err != nil && !errors.As(err, new(*brokenTimerError)) {
			return err
		}
		if err := e.afterBroken(world, err); err != nil {
			return err
		}
	}
}

// fireOrRun fires the first timer that is due or, if none is, runs fn.
func (e *Engine) fireOrRun(tx *store.Tx, by string, fn func(tx *store.Tx) error) (ran, more bool, err error) {
	ahead := outlooks.Of(tx)
	err = begin(e, tx, ahead, by)
	if errors.Is(err, errDue) {
		_, more, err = e.fireFirst(tx, ahead.clock, ahead.clock.show(e.wall()), false)
		return false, more, err
	}
	e.publish(tx, ahead.clock)
	return true, false, fn(tx)
}

// Start puts a world on another state by put, which is a method of store.DB that takes next, and runs fn in a write
// transaction of the world as Update does, in the same commit. What fn writes is part of the world's start. If fn fails,
// the world stays as it is, or is not made. A nil fn writes nothing.
func (e *Engine) Start(
	world, by string, put func(next func(tx *store.Tx) (more bool, err error)) error, fn func(tx *store.Tx) error,
) error {
	var broken []Timer // found by earlier attempts
	next := func(tx *store.Tx) (more bool, err error) {
		for i := range broken {
			if err := dropTimer(tx, &broken[i]); err != nil {
				return false, err
			}
		}
		ran, more, err := e.fireOrRun(tx, by, fn)
		return more || !ran, err
	}
	if fn == nil {
		next = nil
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

// outlook is what a transaction must know of time before it can begin.
type outlook struct {
	clock  Clock
	due    time.Time // of the first timer, where awaits
	awaits bool
}

var outlooks = store.NewMemo(func(tx *store.Tx) (o outlook) {
	o.clock = clockOf(tx)
	o.due, o.awaits = firstDue(tx)
	return o
})

// begin sets a transaction's instant, or answers errDue.
func begin(e *Engine, tx *store.Tx, ahead outlook, by string) error {
	now := ahead.clock.show(e.wall())
	if ahead.awaits && !ahead.due.After(now) {
		return errDue
	}
	tx.Now, tx.By, tx.Owner = now, by, &txState{engine: e}
	return nil
}

// publish hands the transaction's moves to the listeners and its timers to the agenda once it is committed.
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

// Base makes, if it is not there yet, a frozen state of that name on which worlds start, as fill makes it at one
// instant. Seed is where its ids and those of its worlds come from.
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

// Replace puts a world on what load writes into an empty one; that is then where the world starts. load returns the
// world's meta. If fn is not nil it runs on the result as in Start. If one of them fails, nothing changes.
// store.ErrNoWorld.
func (e *Engine) Replace(
	world, by string, load func(tx *store.Tx) (meta json.RawMessage, err error), fn func(tx *store.Tx) error,
) error {
	return e.Start(world, by, func(next func(tx *store.Tx) (bool, error)) error {
		return e.db.Replace(world, func(tx *store.Tx) (json.RawMessage, error) {
			tx.Now, tx.By, tx.Owner = e.wall().UTC().Truncate(time.Millisecond), by, &txState{engine: e}
			return load(tx)
		}, next)
	}, fn)
}
