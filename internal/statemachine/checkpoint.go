package statemachine

import (
	"encoding/json"
	"fmt"
	"time"

	"storagesim/internal/store"
)

// Kept is what is stored with a checkpoint.
type Kept struct {
	Now  time.Time `json:"now"`  // of the world's clock
	Wall time.Time `json:"wall"` // of the wall clock
}

// Checkpoint keeps the present of the world, with the instant that its clock shows, under a name. It replaces the
// checkpoint of that name. The errors are store.ErrNoWorld and store.ErrBadName.
func (e *Engine) Checkpoint(world, name string) (kept Kept, err error) {
	err = e.db.Checkpoint(world, name, func(tx *store.Tx) (json.RawMessage, error) {
		wall := e.wall()
		kept = Kept{Now: clockOf(tx).show(wall), Wall: wall.UTC()}
		return json.Marshal(kept)
	})
	return kept, err
}

// Restore puts the world back to a checkpoint, with its clock. A running clock goes on from the checkpoint's instant.
// The errors are store.ErrNoWorld and store.ErrNoCheckpoint.
func (e *Engine) Restore(world, name string) error {
	return e.rescanned(world, e.db.Restore(world, name, func(tx *store.Tx) (bool, error) { return false, e.anchor(tx) }))
}

// Reset puts the world back to its start, with its clock. A clock that was set then goes on from the instant that it
// was set to; one that was never set shows the wall clock's time. It returns store.ErrNoWorld if the world does not
// exist.
func (e *Engine) Reset(world string) error {
	return e.rescanned(world, e.db.Reset(world, func(tx *store.Tx) (bool, error) {
		clock := clockOf(tx)
		if clock.Mode == Frozen || clock.Base.IsZero() {
			return false, nil
		}
		clock = clock.at(clock.Base, e.wall())
		return false, clocks.Put(tx.In(""), &clock)
	}))
}

// Delete deletes a world. It returns store.ErrNoWorld if the world does not exist.
func (e *Engine) Delete(world string) error { return e.rescanned(world, e.db.DeleteWorld(world)) }

// rescanned calls Rescan if err is nil.
func (e *Engine) rescanned(world string, err error) error {
	if err == nil {
		e.Rescan(world)
	}
	return err
}

// anchor lets a running clock go on from the instant of the checkpoint that the world is being put on, if there is one.
func (e *Engine) anchor(tx *store.Tx) error {
	clock, origin := clockOf(tx), tx.Origin()
	if clock.Mode == Frozen || len(origin) == 0 {
		return nil
	}
	var kept Kept
	if err := json.Unmarshal(origin, &kept); err != nil {
		return fmt.Errorf("the checkpoint's instant: %w", err)
	}
	clock = clock.at(kept.Now, e.wall())
	return clocks.Put(tx.In(""), &clock)
}

// Life returns the present life of a world, or store.ErrNoWorld.
func (e *Engine) Life(world string) (*store.Life, error) { return e.db.Life(world) }

// ViewCheckpoint runs fn in a read transaction of a checkpoint of the world, at the present instant of the world's
// clock. No timers fire and no observations are counted, because a checkpoint does not change. It returns
// store.ErrNoWorld or store.ErrNoCheckpoint if there is no such world or checkpoint.
func (e *Engine) ViewCheckpoint(world, checkpoint, by string, fn func(tx *store.Tx) error) error {
	now, err := e.Now(world)
	if err != nil {
		return err
	}
	return e.db.ViewCheckpoint(world, checkpoint, func(tx *store.Tx) error {
		tx.Now, tx.By, tx.Owner = now, by, &txState{engine: e}
		return fn(tx)
	})
}
