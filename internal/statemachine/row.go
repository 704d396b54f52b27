package statemachine

import (
	"encoding/binary"
	"errors"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// rowCodec stores a row as its life in a few bytes, then the body exactly as the vendor answers it, so that lists are
// joined from stored bytes without decoding.
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

var errShortRow = errors.New("row is shorter or longer than what it holds")

func splitLife(src []byte) (Life, []byte, error) {
	var l Life
	var ok bool
	if l.Version, src, ok = cutUvarint(src); !ok {
		return l, nil, errShortRow
	}
	if l.Stamp, src, ok = cutUvarint(src); !ok {
		return l, nil, errShortRow
	}
	ms, n := binary.Varint(src)
	if n <= 0 {
		return l, nil, errShortRow
	}
	l.Since, src = time.UnixMilli(ms).UTC(), src[n:]
	var text []byte
	if text, src, ok = cutText(src); !ok {
		return l, nil, errShortRow
	}
	l.State = State(text)
	if text, src, ok = cutText(src); !ok {
		return l, nil, errShortRow
	}
	l.By = string(text)
	return l, src, nil
}

func cutUvarint(src []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, src, false
	}
	return v, src[n:], true
}

func cutText(src []byte) (text, rest []byte, ok bool) {
	n, rest, ok := cutUvarint(src)
	if !ok || n > uint64(len(rest)) {
		return nil, src, false
	}
	return rest[:n], rest[n:], true
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// appendTime keeps the instant, not the location.
func appendTime(dst []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, t.Unix()), uint64(t.Nanosecond()))
}

// rowReader reads what appendText, appendTime and package binary wrote. After the first thing that is not there all others
// are zero, and end tells.
type rowReader struct {
	src   []byte
	short bool
}

func (r *rowReader) fail() {
	r.src, r.short = nil, true
}

func (r *rowReader) number() uint64 {
	n, rest, ok := cutUvarint(r.src)
	if r.src = rest; !ok {
		r.fail()
	}
	return n
}

// fixed is a number of eight bytes.
func (r *rowReader) fixed() uint64 {
	if len(r.src) < 8 {
		r.fail()
		return 0
	}
	n := binary.BigEndian.Uint64(r.src)
	r.src = r.src[8:]
	return n
}

func (r *rowReader) text() string {
	text, rest, ok := cutText(r.src)
	if r.src = rest; !ok {
		r.fail()
	}
	return string(text)
}

func (r *rowReader) time() time.Time {
	sec, n := binary.Varint(r.src)
	if n <= 0 {
		r.fail()
		return time.Time{}
	}
	r.src = r.src[n:]
	return time.Unix(sec, int64(r.number())).UTC()
}

func (r *rowReader) end() error {
	if r.short || len(r.src) > 0 {
		return errShortRow
	}
	return nil
}

// Stored is a row as it lies in the table. Body is valid until the transaction ends.
type Stored struct {
	State []byte
	Body  []byte
}

// Peek reads state and body of a stored row without decoding either. A row it cannot read is empty.
func Peek(raw []byte) Stored {
	for range 2 {
		_, n := binary.Uvarint(raw)
		if n <= 0 {
			return Stored{}
		}
		raw = raw[n:]
	}
	_, n := binary.Varint(raw)
	if n <= 0 {
		return Stored{}
	}
	state, rest, ok := cutText(raw[n:])
	if !ok {
		return Stored{}
	}
	_, body, ok := cutText(rest)
	if !ok {
		return Stored{}
	}
	return Stored{State: state, Body: body}
}
