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

// Save stores a thing anew without a change, so that its version moves on as if somebody else had written it.
func (e *Engine) Save(tx *store.Tx, kind string, partitions []string, id string) (Resource, error) {
	m, err := e.lifecycle(kind)
	if err != nil {
		return Resource{}, err
	}
	return inPartitions(tx, partitions, func(tx *store.Tx) (Resource, error) { return m.saveByID(tx, id) })
}

func (m *Machine[B]) saveByID(tx *store.Tx, id string) (Resource, error) {
	row, err := m.findRow(tx, id)
	if err != nil {
		return Resource{}, err
	}
	row.Life.By = tx.By
	if err := m.Save(tx, &row); err != nil {
		return Resource{}, err
	}
	return m.resource(tx, &row), nil
}
