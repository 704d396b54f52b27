package statemachine

import (
	"encoding/binary"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/varint"
	"storagesim/internal/wire"
)

// rowCodec stores a row as its life in a few bytes, followed by the body in the form of the vendor's responses, so
// lists
// are joined from stored bytes without decoding.
//
//	uvarint version | uvarint stamp | varint since (ms) | len state | len by | body JSON
func rowCodec[B any](zero wire.Zero) store.Codec[Row[B]] {
	return store.Codec[Row[B]]{
		Append: func(dst []byte, row *Row[B]) ([]byte, error) {
			dst = appendLife(dst, &row.Life)
			return wire.Append(dst, &row.Body, zero)
		},
		Decode: func(src []byte, row *Row[B]) error {
			life, body, err := splitLife(src)
			if err != nil {
				return err
			}
			row.Life = life
			return wire.Unmarshal(body, &row.Body)
		},
	}
}

func appendLife(dst []byte, l *Life) []byte {
	dst = binary.AppendUvarint(dst, l.Version)
	dst = binary.AppendUvarint(dst, l.Stamp)
	dst = binary.AppendVarint(dst, l.Since.UnixMilli())
	dst = binary.AppendUvarint(dst, uint64(len(l.State)))
	dst = append(dst, l.State...)
	dst = binary.AppendUvarint(dst, uint64(len(l.By)))
	return append(dst, l.By...)
}

func splitLife(src []byte) (l Life, body []byte, err error) {
	r := varint.NewReader(src)
	l.Version, l.Stamp = r.Uint(), r.Uint()
	l.Since = time.UnixMilli(r.Int()).UTC()
	l.State, l.By = State(r.Text()), r.Text()
	return l, r.Rest(), r.Err()
}

// appendTime keeps the instant, not the location.
func appendTime(dst []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, t.Unix()), uint64(t.Nanosecond()))
}

// readTime reads what appendTime wrote.
func readTime(r *varint.Reader) time.Time {
	return time.Unix(r.Int(), int64(r.Uint())).UTC()
}

// Stored is the state and body of a stored row. Both are valid until the transaction ends.
type Stored struct {
	State []byte
	Body  []byte
}

// Peek reads the state and body of a stored row without decoding the body. For an invalid row it returns Stored{}.
func Peek(raw []byte) Stored {
	r := varint.NewReader(raw)
	r.Uint() // version
	r.Uint() // stamp
	r.Int()  // since
	state := r.Bytes()
	r.Bytes() // by
	body := r.Rest()
	if r.Err() != nil {
		return Stored{}
	}
	return Stored{State: state, Body: body}
}
