package statemachine

import (
	"errors"
	"maps"
	"slices"
	"time"

	"storagesim/internal/nearest"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// EngineState is the engine's part of a world file: everything but the rows of machines.
type EngineState struct {
	Clock     EngineClock       `json:"clock"`
	Delays    map[string]*Delay `json:"delays,omitempty"` // only those that are set in the world
	LastTimer uint64            `json:"lastTimer"`        // timers are numbered in order of creation
}

// EngineClock is a clock: it showed Now at the wall instant At and continues from there in its mode. Without both it
// shows the time of the wall clock. A frozen clock has no At.
type EngineClock struct {
	Mode Mode      `json:"mode"`
	Rate float64   `json:"rate"`
	Now  time.Time `json:"now,omitzero"`
	At   time.Time `json:"at,omitzero"`
}

// engineTables lists the engine's tables. Their rows are exported in EngineState, with the rows of machines, or in the
// list of partitions.
func engineTables() []store.Verifier {
	return []store.Verifier{timers, clocks, sequences, delayOverrides, partitions}
}

// OwnsTable reports whether ExportEngine and ExportRows export the table's rows.
func (e *Engine) OwnsTable(name string) bool {
	for _, t := range engineTables() {
		if t.Name() == name {
			return true
		}
	}
	for _, m := range e.kinds {
		if m.verifier().Name() == name {
			return true
		}
	}
	return false
}

// ExportEngine returns the engine's state of the transaction's world.
func (e *Engine) ExportEngine(tx *store.Tx) EngineState {
	root := tx.In("")
	clock := clockOf(tx)
	f := EngineState{Clock: EngineClock{Mode: clock.Mode, Rate: clock.Rate, Now: clock.Base}}
	if clock.Mode != Frozen && !clock.Base.IsZero() {
		f.Clock.At = clock.Wall.UTC()
	}
	if seq, err := sequences.Get(root, "seq"); err == nil {
		f.LastTimer = seq.Next
	}
	for name, o := range delayOverrides.All(root, "", "") {
		if f.Delays == nil {
			f.Delays = map[string]*Delay{}
		}
		f.Delays[name] = &o.Delay
	}
	return f
}

// ImportEngine writes the state into an empty world, and sets the transaction's instant to the one that the clock then
// shows. It joins its errors about invalid members, each a *strict.Error.
func (e *Engine) ImportEngine(tx *store.Tx, f *EngineState) error {
	var wrong []error
	if err := e.importClock(tx, f.Clock); err != nil {
		wrong = append(wrong, strict.Below("clock", err))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Delays)) {
		d := f.Delays[name]
		if _, ok := e.defaults[name]; !ok {
			wrong = append(wrong, &strict.Error{Path: "delays." + name, Detail: "is not a delay",
				Valid: nearest.To(name, slices.Collect(maps.Keys(e.defaults)))})
		} else if d == nil {
			wrong = append(wrong, &strict.Error{Path: "delays." + name,
				Detail: "must not be null; leave it out for the default"})
		} else if err := delayOverrides.Put(tx.In(""), &delayOverride{Name: name, Delay: *d}); err != nil {
			return err
		}
	}
	if f.LastTimer > 0 {
		if err := sequences.Put(tx.In(""), &sequence{Next: f.LastTimer}); err != nil {
			return err
		}
	}
	return errors.Join(wrong...)
}

func (e *Engine) importClock(tx *store.Tx, in EngineClock) error {
	wall := e.wall()
	if in.Mode == "" {
		in.Mode = Real
	}
	if in.Rate == 0 {
		in.Rate = 1
	}
	if err := checkEngineClock(&in); err != nil {
		return err
	}
	clock := Clock{Mode: in.Mode, Rate: in.Rate}
	if in.Now.IsZero() && in.Mode == Real && in.Rate == 1 {
		tx.Now = clock.show(wall)
		return nil
	}
	if in.Now.IsZero() {
		in.Now = wall
	}
	if in.At.IsZero() {
		in.At = wall
	}
	clock = clock.at(in.Now, in.At)
	tx.Now = clock.show(wall)
	return clocks.Put(tx.In(""), &clock)
}

// checkEngineClock returns a *strict.Error for a clock that cannot be loaded.
func checkEngineClock(in *EngineClock) error {
	if err := (ClockSetting{Mode: &in.Mode, Rate: &in.Rate}).Check(); err != nil {
		return err
	}
	if in.Now.IsZero() && in.Mode == Frozen {
		return &strict.Error{Path: "now", Detail: "is missing; a frozen clock needs it"}
	}
	if in.Now.IsZero() && !in.At.IsZero() {
		return &strict.Error{Path: "now",
			Detail: `is missing; a clock with "at" needs it: the clock showed "now" at the wall instant "at"`}
	}
	if err := checkOptionalInstant("now", in.Now); err != nil {
		return err
	}
	return checkOptionalInstant("at", in.At)
}
