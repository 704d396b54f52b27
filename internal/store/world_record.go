package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"

	"storagesim/internal/varint"
)

var (
	bucketMeta        = []byte("meta")
	bucketWorlds      = []byte("worlds")
	bucketCheckpoints = []byte("checkpoints")
	bucketBases       = []byte("bases")
	keySchema         = []byte("schema")
)

// worldRecord is a world in the file.
type worldRecord struct {
	chain []uint64 // newest first; chain[0] is the top layer, the rest is frozen
	start []uint64 // frozen: where Reset goes
	life  uint64   // its number; see Life
	meta  []byte
}

var errRecord = errors.New("damaged record")

// appendChain appends an encoded chain.
func appendChain(dst []byte, chain []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(chain)))
	for _, id := range chain {
		dst = binary.AppendUvarint(dst, id)
	}
	return dst
}

// readChain reads the chain at the front of src, appends its layers to dst, and returns the rest of src.
func readChain(src []byte, dst []uint64) (chain []uint64, rest []byte, err error) {
	r := varint.NewReader(src)
	n := r.Uint()
	if n > uint64(len(src)) {
		return nil, nil, errRecord
	}
	for range n {
		dst = append(dst, r.Uint())
	}
	if r.Err() != nil {
		return nil, nil, errRecord
	}
	return dst, r.Rest(), nil
}

func (r worldRecord) encode() []byte {
	dst := binary.AppendUvarint(appendChain(appendChain(nil, r.chain), r.start), r.life)
	return append(dst, r.meta...)
}

// decodeWorld decodes a world. It appends both chains to space, to save allocations. The meta is part of src.
func decodeWorld(src []byte, space []uint64) (r worldRecord, err error) {
	all, src, err := readChain(src, space)
	if err != nil {
		return r, err
	}
	n := len(all)
	if n == 0 {
		return r, errRecord
	}
	if all, src, err = readChain(src, all); err != nil {
		return r, err
	}
	life := varint.NewReader(src)
	if r.life = life.Uint(); life.Err() != nil {
		return r, errRecord
	}
	r.meta = life.Rest()
	r.chain, r.start = all[:n:n], all[n:]
	return r, nil
}

// NoWorldError is the error of a call on a world that does not exist. It matches ErrNoWorld.
type NoWorldError struct{ World string }

func (e *NoWorldError) Error() string { return fmt.Sprintf("world %q: %v", e.World, ErrNoWorld) }

// Unwrap returns ErrNoWorld.
func (e *NoWorldError) Unwrap() error { return ErrNoWorld }

// readWorld returns a *NoWorldError if there is no such world.
func readWorld(btx *bolt.Tx, world string, space []uint64) (worldRecord, error) {
	v := btx.Bucket(bucketWorlds).Get([]byte(world))
	if v == nil {
		return worldRecord{}, refusal{&NoWorldError{World: world}}
	}
	r, err := decodeWorld(v, space)
	if err != nil {
		return r, refusal{fmt.Errorf("world %q: %w", world, err)}
	}
	return r, nil
}

func writeWorld(btx *bolt.Tx, world string, r worldRecord) error {
	return btx.Bucket(bucketWorlds).Put([]byte(world), r.encode())
}

func checkpointKey(world, checkpoint string) []byte {
	return append(append([]byte(world), 0), checkpoint...)
}

// readCheckpoint returns the chain and the meta of a checkpoint. The meta is valid until the end of the transaction.
func readCheckpoint(btx *bolt.Tx, world, checkpoint string) (chain []uint64, meta []byte, err error) {
	v := btx.Bucket(bucketCheckpoints).Get(checkpointKey(world, checkpoint))
	if v == nil {
		return nil, nil, refusal{fmt.Errorf("world %q: checkpoint %q: %w", world, checkpoint, ErrNoCheckpoint)}
	}
	if chain, meta, err = readChain(v, nil); err != nil {
		return nil, nil, refusal{fmt.Errorf("world %q: checkpoint %q: %w", world, checkpoint, err)}
	}
	return chain, meta, nil
}

// checkpointNames returns the sorted names of a world's checkpoints.
func checkpointNames(btx *bolt.Tx, world string) []string {
	var list []string
	prefix := checkpointKey(world, "")
	c := btx.Bucket(bucketCheckpoints).Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		list = append(list, string(k[len(prefix):]))
	}
	return list
}

// LimitError is the error of a checkpoint that would be one too many.
type LimitError struct {
	World string // that has Count checkpoints; "" if all worlds together have as many
	Count int
}

func (e *LimitError) Error() string {
	const remedy = "delete some with DELETE /_sim/checkpoints/{name}"
	if e.World == "" {
		return fmt.Sprintf("there are %d checkpoints, which is the limit for all worlds together; %s", e.Count, remedy)
	}
	return fmt.Sprintf("the world %q has %d checkpoints, which is the limit for one world; %s", e.World, e.Count, remedy)
}

// checkpointRoom returns a refusal if a new checkpoint of the world would exceed a limit. Hidden ones do not count.
func (db *DB) checkpointRoom(btx *bolt.Tx, world, name string) error {
	checkpoints := btx.Bucket(bucketCheckpoints)
	if strings.HasPrefix(name, Hidden) || checkpoints.Get(checkpointKey(world, name)) != nil {
		return nil
	}
	own, prefix, hidden := 0, checkpointKey(world, ""), []byte("\x00"+Hidden)
	all, c := 0, checkpoints.Cursor()
	for k, _ := c.First(); k != nil && all < db.limits.checkpoints; k, _ = c.Next() {
		if bytes.Contains(k, hidden) {
			continue
		}
		if all++; bytes.HasPrefix(k, prefix) {
			own++
		}
	}
	switch {
	case own >= db.limits.worldCheckpoints:
		return refusal{&LimitError{World: world, Count: own}}
	case all >= db.limits.checkpoints:
		return refusal{&LimitError{Count: all}}
	}
	return nil
}

func readBase(btx *bolt.Tx, base string) ([]uint64, error) {
	v := btx.Bucket(bucketBases).Get([]byte(base))
	if v == nil {
		return nil, refusal{fmt.Errorf("base %q: %w", base, ErrNoBase)}
	}
	chain, _, err := readChain(v, nil)
	if err != nil {
		return nil, refusal{fmt.Errorf("base %q: %w", base, err)}
	}
	return chain, nil
}

// freeze makes the world's present a frozen chain, with a new top layer above it, and returns the chain. If nothing was
// written since the last freeze, the top layer stays.
func (r *worldRecord) freeze(btx *bolt.Tx) ([]uint64, error) {
	if !layerEmpty(btx, r.chain[0]) {
		top, err := newLayer(btx)
		if err != nil {
			return nil, err
		}
		r.chain = append([]uint64{top}, r.chain...)
	}
	return r.chain[1:], nil
}

// replace puts the world on a frozen chain, with an empty top layer above it.
func (r *worldRecord) replace(btx *bolt.Tx, frozen []uint64) error {
	top := uint64(0)
	if len(r.chain) > 0 && layerEmpty(btx, r.chain[0]) {
		top = r.chain[0]
	} else {
		var err error
		if top, err = newLayer(btx); err != nil {
			return err
		}
	}
	r.chain = append([]uint64{top}, frozen...)
	return nil
}

// checkName returns ErrBadName unless the name of a world, checkpoint or base has 1 to 256 bytes of printable UTF-8.
// Hidden names may begin with Hidden.
func checkName(kind, name string) error {
	shown := strings.TrimPrefix(name, Hidden)
	if shown == "" || len(name) > 256 || !utf8.ValidString(shown) ||
		strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%s %+.300q: %w: it must have 1 to 256 bytes of printable characters", kind, name, ErrBadName)
	}
	return nil
}
