// Package timeuuid makes UUIDs of version 1 on the world's clock. The real services number workflows and keys with
// them, so that their ids sort by age (facts/dms-lucidlink-lucidity.md 3.3); here the same seed, clock and requests give
// the same ids.
package timeuuid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/store"
)

// gregorian is how many seconds lie between the beginnings of the Gregorian calendar and of Unix time.
const gregorian = 12_219_292_800

// Ticks are the hundreds of nanoseconds since 15 October 1582, which a version 1 UUID holds.
func Ticks(at time.Time) uint64 {
	return uint64(at.Unix()+gregorian)*1e7 + uint64(at.Nanosecond()/100)
}

// New makes the UUID of that instant. The seed stands for the machine: same seed, same last six bytes, marked as made
// up (RFC 9562, 6.10).
func New(ticks, seed uint64) uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint32(id[0:], uint32(ticks))
	binary.BigEndian.PutUint16(id[4:], uint16(ticks>>32))
	binary.BigEndian.PutUint16(id[6:], uint16(ticks>>48)&0x0FFF|0x1000)
	spread := (seed + 1) * 0x9E3779B97F4A7C15
	binary.BigEndian.PutUint64(id[8:], spread)
	id[8] = id[8]&0x3F | 0x80
	id[10] |= 1
	return id
}

// Sequence numbers the things of a world: each id is of the present instant, or of the tick after the last one, so that
// none comes twice and all sort by age.
type Sequence struct{ table *store.Table[last] }

type last struct{ Ticks uint64 }

var errLast = errors.New("the last tick is not eight bytes")

// NewSequence names the table that keeps the last tick; it lies in the world's own partition.
func NewSequence(table string) *Sequence {
	return &Sequence{table: store.NewTable(table, func(*last) string { return "last" }, store.Codec[last]{
		Append: func(dst []byte, l *last) ([]byte, error) { return binary.BigEndian.AppendUint64(dst, l.Ticks), nil },
		Decode: func(src []byte, l *last) error {
			if len(src) != 8 {
				return errLast
			}
			l.Ticks = binary.BigEndian.Uint64(src)
			return nil
		},
	})}
}

// Table is where the last tick lies.
func (s *Sequence) Table() store.Verifier { return s.table }

// Next makes the next id, and answers its ticks, by which the ids sort.
func (s *Sequence) Next(tx *store.Tx) (id uuid.UUID, ticks uint64, err error) {
	root := tx.In("")
	was, err := s.table.Get(root, "last")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return id, 0, err
	}
	was.Ticks = max(Ticks(tx.Now), was.Ticks+1)
	return New(was.Ticks, tx.Seed()), was.Ticks, s.table.Put(root, &was)
}

// Key is the key under which a thing with such an ID lies so that the youngest come first. An ID that is none is its own
// key.
func Key(id string) string {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return id
	}
	return ageKey(uint64(parsed.Time()))
}

func ageKey(ticks uint64) string { return fmt.Sprintf("%016x", ^ticks) }

// PageToken is what a list answers so that the next page begins behind the thing with that key; "" is the end of the
// list, and no token.
func PageToken(key string) []byte {
	age, err := strconv.ParseUint(key, 16, 64)
	if err != nil {
		return []byte{}
	}
	return binary.BigEndian.AppendUint64(nil, age)
}

// AfterToken reads a page token: the key behind which the page begins, "" where there is no token. False for bytes that
// PageToken has never answered.
func AfterToken(token []byte) (key string, ok bool) {
	switch len(token) {
	case 0:
		return "", true
	case 8:
		return fmt.Sprintf("%016x", binary.BigEndian.Uint64(token)), true
	}
	return "", false
}
