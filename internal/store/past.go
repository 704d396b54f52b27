package store

import "strings"

// Hidden begins the names of checkpoints that no list shows: those that the program makes for its own ends.
const Hidden = "\x01"

// visible leaves hidden names out; they are the first ones.
func visible(names []string) []string {
	for len(names) > 0 && strings.HasPrefix(names[0], Hidden) {
		names = names[1:]
	}
	return names
}

// HiddenCheckpoints lists a world's hidden checkpoints in the order of their names: ErrNoWorld.
func (db *DB) HiddenCheckpoints(world string) (names []string, err error) {
	defer db.guard(&err)()
	btx, err := db.begin()
	if err != nil {
		return nil, err
	}
	defer btx.Rollback()
	if _, err := readRecord(btx, world, nil); err != nil {
		return nil, plain(err)
	}
	all := checkpointNames(btx, world)
	return all[:len(all)-len(visible(all))], nil
}

// ViewCheckpoint is View of the world as it is kept under the name of a checkpoint: ErrNoWorld, ErrNoCheckpoint.
func (db *DB) ViewCheckpoint(world, name string, fn func(*Tx) error) (err error) {
	defer db.guard(&err)()
	btx, err := db.begin()
	if err != nil {
		return err
	}
	defer btx.Rollback()
	var src source
	if _, err := src.open(btx, world); err != nil {
		return plain(err)
	}
	if src.chain, err = readCheckpoint(btx, world, name); err != nil {
		return plain(err)
	}
	s := session{src: &src}
	tx := s.whole()
	defer s.end()
	return call1(fn, &tx)
}
