package pagefile

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// ErrDamaged is the error of an open file whose pages were removed or overwritten.
var ErrDamaged = errors.New("the file was damaged while it was open")

// Guard turns damage to an open file into an error. A file may lose pages while it is open, if it is truncated or
// overwritten or the disk fails. bbolt panics then, or the processor faults at an address of the mapping. In both
// cases the function that accessed the file returns an error. Nothing may be written to the file afterwards.
type Guard struct {
	path   string
	once   sync.Once
	failed chan struct{} // closed when err is set
	err    error
}

// NewGuard returns a Guard of the file.
func NewGuard(path string) *Guard { return &Guard{path: path, failed: make(chan struct{})} }

// Failed returns a channel that is closed when damage has been found.
func (g *Guard) Failed() <-chan struct{} { return g.failed }

// Err returns the first damage that was found, which wraps ErrDamaged, or nil.
func (g *Guard) Err() error {
	select {
	case <-g.failed:
		return g.err
	default:
		return nil
	}
}

// Catch recovers from damage and sets err to it. Other panics continue. A function that defers it must have
// called debug.SetPanicOnFault before.
func (g *Guard) Catch(err *error) {
	if r := recover(); r != nil {
		*err = g.orPanic(r)
	}
}

// Protect is debug.SetPanicOnFault and Catch: defer g.Protect(&err)(). It allocates.
func (g *Guard) Protect(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			*err = g.orPanic(r)
		}
	}
}

func (g *Guard) orPanic(recovered any) error {
	if !IsDamage(recovered) {
		panic(recovered)
	}
	return g.Fail(recovered)
}

// Fail records what was recovered as damage, unless there is some already, and returns Err.
func (g *Guard) Fail(recovered any) error {
	g.once.Do(func() {
		g.err = fmt.Errorf("store: %s: %w: %v", g.path, ErrDamaged, recovered)
		close(g.failed)
	})
	return g.err
}

// Lose records that the file is gone, unless there is some damage already, and returns Err.
func (g *Guard) Lose(cause error) error {
	g.once.Do(func() {
		g.err = fmt.Errorf("store: %w", cause)
		close(g.failed)
	})
	return g.err
}

// IsDamage reports whether a recovered panic is about the pages of a file: a fault at an address, or a panic of bbolt
// itself. Call it where the panic is recovered.
func IsDamage(recovered any) bool {
	if _, ok := recovered.(interface{ Addr() uintptr }); ok {
		return true
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	from := "" // the function that panicked first: a recovered panic may have been raised again
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
