package store

import bolt "go.etcd.io/bbolt"

// SetStart makes the world's present its start: what Reset goes back to and ViewStart shows. ErrNoWorld.
func (db *DB) SetStart(world string) error {
	return db.changeWorld(world, func(btx *bolt.Tx, r *record) (err error) {
		r.start, err = r.freeze(btx)
		return err
	})
}
