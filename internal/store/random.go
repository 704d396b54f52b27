package store

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/google/uuid"
)

var (
	keySeed  = "seed"
	keyDraws = "draws"
)

// numbers is where the seed and the counter of draws are kept: once for a world, whatever the partition.
func (tx *Tx) numbers() *space {
	return tx.space(spaceKey{table: "_random"})
}

func (tx *Tx) number(key string) uint64 {
	v, ok := tx.get(tx.numbers(), key)
	if !ok {
		return 0
	}
	if len(v) != 8 {
		panic(&CorruptError{Table: "_random", Key: key, Err: errRecord})
	}
	return binary.BigEndian.Uint64(v)
}

func (tx *Tx) setNumber(key string, n uint64) {
	tx.put(tx.numbers(), []byte(key), binary.BigEndian.AppendUint64([]byte{tagRow}, n))
}

// Seed is the world's seed, 0 if none was set.
func (tx *Tx) Seed() uint64 { return tx.number(keySeed) }

// SetSeed sets the world's seed. The number of draws goes on counting.
func (tx *Tx) SetSeed(seed uint64) { tx.setNumber(keySeed, seed) }

// Rand answers the generator of the next draw, which depends on the world's seed and on the number of draws so far, and
// counts one draw. It panics in a read transaction.
func (tx *Tx) Rand() *rand.Rand {
	draws := tx.number(keyDraws) + 1
	tx.setNumber(keyDraws, draws)
	return rand.New(rand.NewPCG(mix(tx.Seed()), mix(draws)))
}

// NewUUID draws an id of the form of version 4.
func (tx *Tx) NewUUID() uuid.UUID {
	r := tx.Rand()
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6] = id[6]&0x0F | 0x40
	id[8] = id[8]&0x3F | 0x80
	return id
}

// mix spreads neighbouring numbers over all 64 bits, one to one (the finisher of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
