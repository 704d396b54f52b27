package simulator

import (
	"os"
	"path/filepath"
	"time"

	"storagesim/internal/store"
)

// youngDir is the age up to which RemoveUnused leaves a directory, since its process may not have opened its data yet.
const youngDir = time.Minute

// RemoveUnused removes the directories for temporary files whose names begin with prefix and whose data no process has
// open, up to a hundred of them. It is for data that ends with its process. What it cannot remove stays.
func RemoveUnused(prefix string) {
	dirs, _ := filepath.Glob(filepath.Join(escapeGlob(os.TempDir()), prefix+"*")) // the pattern is valid
	for _, dir := range dirs[:min(len(dirs), 100)] {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < youngDir {
			continue
		}
		if !store.InUse(filepath.Join(dir, fileName)) {
			_ = os.RemoveAll(dir) // another user's
		}
	}
}
