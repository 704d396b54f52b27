package statemachine

import "storagesim/internal/store"

// ViewCheckpoint runs fn in a read transaction of the world as it is kept under the name of a checkpoint, at the present
// instant of its clock. Nothing fires and nothing is observed: the past does not change. store.ErrNoWorld,
// store.ErrNoCheckpoint.
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
