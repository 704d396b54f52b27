package pagefile

import (
	"encoding/binary"
	"os"
)

// FreeRoot makes the list of free pages of a file name the root page.
func FreeRoot(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m, err := newestMeta(data)
	if err != nil {
		return err
	}
	binary.NativeEndian.PutUint64(data[m.freelist*m.pageSize+pageHeader:], m.root)
	return os.WriteFile(path, data, 0o600)
}
