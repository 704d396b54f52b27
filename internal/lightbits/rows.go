package lightbits

import (
	"errors"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// scopeEnd ends the project's name in a key.
const scopeEnd = "\x00"

func scopedKey(project, id string) string { return project + scopeEnd + id }

// inEveryProject returns the keys that a volume or snapshot with that UUID may have.
func (s *Service) inEveryProject(tx *store.Tx, id string) []string {
	var keys []string
	for _, name := range s.projectNames(tx) {
		keys = append(keys, scopedKey(name, id))
	}
	return keys
}

// named returns the row whose key is name. It returns InvalidArgument for an empty or invalid name and NotFound for an
// unknown one; what is the noun of their messages.
func named[T any](tx *store.Tx, table *store.Table[T], what, name string) (row T, err error) {
	if err := checkName(what, name); err != nil {
		return row, err
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
		dst = varint.AppendBytes(dst, t)
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
