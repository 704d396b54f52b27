package store

import (
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// replay brings the logs that a killed process has left into the tree.
func replay(b *bolt.DB) error {
	logs, old, err := leftBehind(b)
	if err != nil {
		return err
	}
	if len(logs) > 0 {
		if err := b.Update(func(btx *bolt.Tx) error { return replayInto(btx, logs) }); err != nil {
			return err
		}
	}
	for _, f := range logs {
		old = append(old, f.name)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// leftBehind reads the logs beside a database that its tree lacks, and names those that it does not.
func leftBehind(b *bolt.DB) (logs []walFile, old []string, err error) {
	err = b.View(func(btx *bolt.Tx) (err error) {
		if btx.Bucket(bucketMeta) == nil {
			return nil
		}
		if logs, old, err = readWALs(b.Path(), applied(btx)); err != nil {
			return err
		}
		for i, f := range logs {
			tree := uint64(btx.ID())
			if f.number != applied(btx)+1+uint64(i) || len(f.records) > 0 && f.tree != tree && f.tree+1 != tree {
				return fmt.Errorf("%s: %w: it does not go on from this file, but from another state of it", f.name, errWAL)
			}
		}
		return nil
	})
	return logs, old, err
}

// replayInto writes what stands in the logs to the tree that they go on from.
func replayInto(btx *bolt.Tx, logs []walFile) error {
	worlds := map[uint64]string{} // by their top layers
	err := btx.Bucket(bucketWorlds).ForEach(func(k, v []byte) error {
		r, err := decodeRecord(v, nil)
		if err == nil {
			worlds[r.chain[0]] = string(k)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range logs {
		if len(f.records) == 0 {
			continue
		}
		g := newGeneration(f.number)
		err := f.each(func(commit, layer uint64, key, value []byte) error {
			world, ok := worlds[layer]
			if !ok {
				return fmt.Errorf("%w: layer %d is not the top of any world", errWAL, layer)
			}
			g.mustTable(layer, world).put(key, value, commit)
			return nil
		})
		if err == nil {
			err = g.write(btx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}
