package store

import (
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// schemaOf returns the schema version of the file, or an error if it has none that this program can read.
func schemaOf(btx *bolt.Tx) (int, error) {
	v := btx.Bucket(bucketMeta).Get(keySchema)
	version, err := strconv.Atoi(string(v))
	if err != nil || version < 1 {
		return 0, fmt.Errorf("%w: schema version %q", ErrNotStore, v)
	}
	if version > schemaVersion {
		return version, fmt.Errorf("%w: schema version %d, this program supports up to %d", ErrNewer, version,
			schemaVersion)
	}
	return version, nil
}

// isOutdated reports whether the file must be upgraded.
func isOutdated(b *bolt.DB) (outdated bool, err error) {
	err = b.View(func(btx *bolt.Tx) error {
		version, err := schemaOf(btx)
		outdated = err == nil && version < schemaVersion
		return err
	})
	return outdated, err
}

// upgrade brings the file of an older program to the present schema.
func upgrade(btx *bolt.Tx) error {
	version, err := schemaOf(btx)
	if err != nil || version == schemaVersion {
		return err
	}
	if err := addLives(btx); err != nil {
		return err
	}
	return btx.Bucket(bucketMeta).Put(keySchema, fmt.Append(nil, schemaVersion))
}

// addLives upgrades from version 1: it gives every world a life.
func addLives(btx *bolt.Tx) error {
	worlds := btx.Bucket(bucketWorlds)
	records := map[string]worldRecord{} // a bucket must not change while it is read
	err := worlds.ForEach(func(k, v []byte) error {
		r, err := decodeWorldV1(v)
		records[string(k)] = r
		return err
	})
	if err != nil {
		return err
	}
	for world, r := range records {
		if r.life, err = worlds.NextSequence(); err != nil {
			return err
		}
		if err := writeWorld(btx, world, r); err != nil {
			return err
		}
	}
	return nil
}

// decodeWorldV1 decodes a world of schema version 1: two chains and the meta.
func decodeWorldV1(src []byte) (r worldRecord, err error) {
	if r.chain, src, err = readChain(src, nil); err != nil {
		return r, err
	}
	if r.start, src, err = readChain(src, nil); err != nil {
		return r, err
	}
	r.meta = append(r.meta, src...)
	return r, nil
}
