package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"storagesim/internal/store/wal"
)

// ErrGone is the error of an open database of which the file or a log was removed or replaced.
var ErrGone = errors.New("it was removed or replaced while it was open; what was written since may be lost")

// owned is what the process has opened at its paths. Whatever is removed, truncated or sealed by its path must still be
// that: another process may have made new files there after somebody has removed the old ones.
type owned struct {
	path string
	file os.FileInfo // of the database

	mu   sync.Mutex
	logs map[*wal.Log]bool

	quit, done chan struct{}
}

// lookEvery is the time after which a missing file is noticed at the latest. The next commit usually notices it before.
const lookEvery = 5 * time.Second

// check returns an error that wraps ErrGone unless the database and the logs are where they were opened.
func (o *owned) check() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if info, err := os.Stat(o.path); err != nil || !os.SameFile(info, o.file) {
		return fmt.Errorf("%s: %w", o.path, ErrGone)
	}
	for log := range o.logs {
		if !log.InPlace() {
			return fmt.Errorf("%s: %w", log.Name(), ErrGone)
		}
	}
	return nil
}

// InPlace returns an error that wraps ErrGone if the file or a log of the database was removed or replaced.
func (db *DB) InPlace() error { return db.owned.check() }

// remove removes a log. A file that has taken its place stays.
func (o *owned) remove(log *wal.Log) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.logs, log)
	return log.Remove()
}

// watch checks the files until the database is closed. When one is gone, it fails.
func (db *DB) watch() {
	o := &db.owned
	o.quit, o.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(o.done)
		tick := time.NewTicker(lookEvery) //nolint:forbidigo // it looks at files, which worlds do not see
		defer tick.Stop()
		for {
			select {
			case <-o.quit:
				return
			case <-tick.C:
			}
			if err := o.check(); err != nil {
				_ = db.guard.Lose(err)
				return
			}
		}
	}()
}

// newLog creates the log of a generation. The caller has the turn.
func (db *DB) newLog(number, tree uint64) (*wal.Log, error) {
	if err := db.owned.check(); err != nil {
		return nil, db.guard.Lose(err)
	}
	db.owned.mu.Lock()
	defer db.owned.mu.Unlock()
	log, err := wal.Create(db.owned.path, number, tree, db.syncDisk, db.limits.log)
	if err == nil {
		db.owned.logs[log] = true
	}
	return log, err
}
