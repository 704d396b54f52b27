// Package varint reads what stored rows, records and logs are made of: varints as package encoding/binary writes them,
// bytes that follow their length, and single bytes.
package varint

import (
	"encoding/binary"
	"errors"
)

// ErrLength is the error of bytes that end before or after what they should hold.
var ErrLength = errors.New("row is shorter or longer than what it holds")

// Reader takes values off the front of a byte slice. Once a value is missing, all later ones are zero, and Err and End
// return ErrLength.
type Reader struct {
	src   []byte
	short bool
}

// NewReader returns a Reader of src.
func NewReader(src []byte) Reader { return Reader{src: src} }

func (r *Reader) fail() { r.src, r.short = nil, true }

// Uint reads what binary.AppendUvarint wrote.
func (r *Reader) Uint() uint64 {
	n, w := binary.Uvarint(r.src)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.src = r.src[w:]
	return n
}

// Int reads what binary.AppendVarint wrote.
func (r *Reader) Int() int64 {
	n, w := binary.Varint(r.src)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.src = r.src[w:]
	return n
}

// Uint64 reads eight bytes, big endian.
func (r *Reader) Uint64() uint64 {
	if len(r.src) < 8 {
		r.fail()
		return 0
	}
	n := binary.BigEndian.Uint64(r.src)
	r.src = r.src[8:]
	return n
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.src) == 0 {
		r.fail()
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

// Bytes reads what AppendBytes wrote. The result is a part of the Reader's slice.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.src)) {
		r.fail()
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

// Text is Bytes as a string.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Rest returns the bytes that have not been read, nil if a value was missing.
func (r *Reader) Rest() []byte { return r.src }

// Err returns ErrLength if a value was missing.
func (r *Reader) Err() error {
	if r.short {
		return ErrLength
	}
	return nil
}

// End returns ErrLength if a value was missing or not all bytes have been read.
func (r *Reader) End() error {
	if len(r.src) > 0 {
		return ErrLength
	}
	return r.Err()
}

// AppendBytes appends b and, before it, its length as a uvarint.
func AppendBytes[B ~[]byte | ~string](dst []byte, b B) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
