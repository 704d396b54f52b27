package store

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/google/uuid"
)

const (
	keySeed  = "seed"
	keyDraws = "draws"
)

// randomSpace has the seed and the counter of draws, once for a world, in its own partition.
var randomSpace = append(spacePrefix("~random", ""), rootPartition...)

func (tx *Tx) number(name string) uint64 {
	tx.keyBuf = append(append(tx.keyBuf[:0], randomSpace...), name...)
	v, ok := tx.get(tx.keyBuf)
	if !ok {
		return 0
	}
	if len(v) != 8 {
		panic(&CorruptError{Table: "~random", Key: name, Err: errRecord})
	}
	return binary.BigEndian.Uint64(v)
}

func (tx *Tx) setNumber(name string, n uint64) {
	if !tx.writable {
		panic("store: write in a read transaction")
	}
	v := binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), tagRow), n)
	tx.keyBuf = append(append(tx.keyBuf[:0], randomSpace...), name...)
	tx.put(tx.keyBuf, tx.mem.hold(v))
}

// Seed returns the world's seed, 0 if none was set.
func (tx *Tx) Seed() uint64 { return tx.number(keySeed) }

// SetSeed sets the world's seed. It does not reset the number of draws.
func (tx *Tx) SetSeed(seed uint64) { tx.setNumber(keySeed, seed) }

// Draws returns the number of draws that the world's generator has made.
func (tx *Tx) Draws() uint64 { return tx.number(keyDraws) }

// SetDraws continues the world's generator as if it had made that many draws.
func (tx *Tx) SetDraws(n uint64) { tx.setNumber(keyDraws, n) }

// Rand returns the generator of the next draw, which depends on the world's seed and the number of draws, and counts
// one draw. It panics in a read transaction.
func (tx *Tx) Rand() *rand.Rand {
	draws := tx.number(keyDraws) + 1
	tx.setNumber(keyDraws, draws)
	return rand.New(rand.NewPCG(mix(tx.Seed()), mix(draws)))
}

// NewUUID draws a UUID in the form of version 4.
func (tx *Tx) NewUUID() uuid.UUID {
	r := tx.Rand()
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6] = id[6]&0x0F | 0x40
	id[8] = id[8]&0x3F | 0x80
	return id
}

// mix is the one-to-one finalizer of SplitMix64, which spreads neighboring numbers over all 64 bits.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
