// Package timeuuid generates UUIDs of version 1 on the world's clock. The real services number workflows and keys with
// them, so that the IDs sort by age (facts/dms-lucidlink-lucidity.md 3.3). Here the same seed, clock and requests give
// the same IDs.
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

// gregorian is the number of seconds from 15 October 1582 to the Unix epoch.
const gregorian = 12_219_292_800

// Ticks returns the timestamp of a version 1 UUID: the number of 100 ns intervals since 15 October 1582.
func Ticks(at time.Time) uint64 {
	return uint64(at.Unix()+gregorian)*1e7 + uint64(at.Nanosecond()/100)
}

// New returns the UUID of an instant. The seed determines the last eight bytes, which stand for the machine. The node
// ID is marked as random (RFC 9562, 6.10).
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

// Sequence generates the IDs of a world. Each ID has the present instant, or the tick after the last ID if that is
// later: no ID repeats, and all sort by age.
type Sequence struct{ table *store.Table[last] }

type last struct{ Ticks uint64 }

var errLast = errors.New("the last tick is not eight bytes")

// NewSequence returns a sequence that stores its last tick in the table of that name, in the world's partition "".
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

// Table returns the table with the last tick.
func (s *Sequence) Table() store.Verifier { return s.table }

// Next returns the next ID and its ticks, by which the IDs sort.
func (s *Sequence) Next(tx *store.Tx) (id uuid.UUID, ticks uint64, err error) {
	root := tx.In("")
	previous, err := s.table.Get(root, "last")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return id, 0, err
	}
	next := last{Ticks: max(Ticks(tx.Now), previous.Ticks+1)}
	return New(next.Ticks, tx.Seed()), next.Ticks, s.table.Put(root, &next)
}

// Key returns a key for the ID that sorts the newest first. For a text that is not a UUID it returns the text.
func Key(id string) string {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return id
	}
	return ageKey(uint64(parsed.Time()))
}

func ageKey(ticks uint64) string { return fmt.Sprintf("%016x", ^ticks) }

// PageToken returns the token of the page that begins after the object with the key. The key "" means the end of the
// list; its token is empty.
func PageToken(key string) []byte {
	age, err := strconv.ParseUint(key, 16, 64)
	if err != nil {
		return []byte{}
	}
	return binary.BigEndian.AppendUint64(nil, age)
}

// AfterToken returns the key after which the page of a token begins, and "" for an empty token. It returns false for
// bytes that PageToken never returns.
func AfterToken(token []byte) (key string, ok bool) {
	switch len(token) {
	case 0:
		return "", true
	case 8:
		return fmt.Sprintf("%016x", binary.BigEndian.Uint64(token)), true
	}
	return "", false
}
