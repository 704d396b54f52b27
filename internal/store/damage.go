package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// A file may lose pages while it is open: somebody cuts it off or writes to it, or the disk fails. bbolt panics then, or the
// processor faults at an address of the mapping. Either becomes an error of the transaction that met it, and from then on
// nothing is written any more: the program is to end, and to say why.

// damage is the first that was found.
type damage struct {
	once sync.Once
	told chan struct{} // closed when err is set
	err  error
}

// Failed is closed when damage to the open file has been found; Err says what it is. The program should end then: every
// write is refused.
func (db *DB) Failed() <-chan struct{} { return db.damage.told }

// Err is nil until Failed is closed, and wraps ErrDamaged from then on.
func (db *DB) Err() error {
	select {
	case <-db.damage.told:
		return db.damage.err
	default:
		return nil
	}
}

// catch makes an error of damage that the function that defers it has met. Other panics go on. Before it, that function
// turns faults into panics by debug.SetPanicOnFault.
func (db *DB) catch(err *error) {
	if r := recover(); r != nil {
		if !ofPages(r) {
			panic(r)
		}
		*err = db.damaged(r)
	}
}

// guard is both, for where an allocation does not matter: defer db.guard(&err)().
func (db *DB) guard(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			if !ofPages(r) {
				panic(r)
			}
			*err = db.damaged(r)
		}
	}
}

func (db *DB) damaged(what any) error {
	db.damage.once.Do(func() {
		db.damage.err = fmt.Errorf("store: %s: %w: %v", db.bolt.Path(), ErrDamaged, what)
		close(db.damage.told)
	})
	return db.damage.err
}

// ofPages tells a panic about the file's pages from one about anything else: it is a fault at an address, or comes from
// bbolt itself. Call it where the panic is recovered.
func ofPages(what any) bool {
	if _, ok := what.(interface{ Addr() uintptr }); ok {
		return true
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	from := "" // who has panicked first: what was recovered may have gone on as another panic
	panicked := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && !strings.HasPrefix(f.Function, "runtime."):
			from, panicked = f.Function, false
		}
		if !more {
			return strings.HasPrefix(from, "go.etcd.io/bbolt")
		}
	}
}
