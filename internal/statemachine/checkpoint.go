package statemachine

import "storagesim/internal/store"

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
