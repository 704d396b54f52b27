package lightbits

import (
	"encoding/binary"
	"errors"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func scopedKey(project, id string) string { return project + "\x00" + id }

// inEveryProject returns the keys that a volume or snapshot with that UUID may have.
func (s *Service) inEveryProject(tx *store.Tx, id string) []string {
	var keys []string
	for _, name := range s.projectNames(tx) {
		keys = append(keys, scopedKey(name, id))
	}
	return keys
}

// named returns the row whose key is name. It returns InvalidArgument for an empty name and NotFound for an unknown one;
// what is the noun of their messages.
func named[T any](tx *store.Tx, table *store.Table[T], what, name string) (row T, err error) {
	if name == "" {
		return row, refusal.New(refusal.InvalidArgument, "the %s name is missing", what)
	}
	row, err = table.Get(tx, name)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "%s %q was not found", what, name)
	}
	return row, err
}

// ignoreNotFound returns nil for store.ErrNotFound. It is for rows that may have been deleted in the meantime.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func appendTexts(dst []byte, texts ...string) []byte {
	for _, t := range texts {
		dst = append(binary.AppendUvarint(dst, uint64(len(t))), t...)
	}
	return dst
}

func flagBits(on ...bool) byte {
	var b byte
	for i, f := range on {
		if f {
			b |= 1 << i
		}
	}
	return b
}

// compactReader reads what appendTexts and binary.AppendUvarint wrote. After the end of the row every value is empty or 0,
// and end returns errShort.
type compactReader struct {
	src   []byte
	short bool
}

var errShort = errors.New("the row is too short or too long")

func (c *compactReader) number() uint64 {
	n, w := binary.Uvarint(c.src)
	if w <= 0 {
		c.src, c.short = nil, true
		return 0
	}
	c.src = c.src[w:]
	return n
}

func (c *compactReader) text() string {
	n := c.number()
	if n > uint64(len(c.src)) {
		c.src, c.short = nil, true
		return ""
	}
	t := string(c.src[:n])
	c.src = c.src[n:]
	return t
}

func (c *compactReader) byte() byte {
	if len(c.src) == 0 {
		c.short = true
		return 0
	}
	b := c.src[0]
	c.src = c.src[1:]
	return b
}

func (c *compactReader) end() error {
	if c.short || len(c.src) > 0 {
		return errShort
	}
	return nil
}
