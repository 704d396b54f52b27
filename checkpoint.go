package storagesim

import (
	"net/http"
	"strconv"
)

// Checkpoint is the frozen present of a world: its state, clock, pending transitions, faults and the IDs to come.
type Checkpoint struct {
	program     *program
	world, name string
}

// Checkpoint freezes the present of the world. It takes the same short time for worlds of any size, and exists as long
// as the world.
func (w *World) Checkpoint() Checkpoint {
	w.tb.Helper()
	w.snapshots++
	cp := Checkpoint{w.program, w.Name, "cp" + strconv.Itoa(w.snapshots)}
	w.must(http.MethodPut, "/_sim/checkpoints/"+cp.name, nil, nil)
	return cp
}

// Restore returns the world to one of its own checkpoints, any number of times. It begins a new life of the world, with
// an empty journal.
func (w *World) Restore(cp Checkpoint) {
	w.tb.Helper()
	if cp.world != w.Name || cp.program != w.program {
		w.tb.Fatalf("storagesim: the checkpoint is of another world; Start(t, From(cp)) makes a world from it")
	}
	w.must(http.MethodPost, "/_sim/checkpoints/"+cp.name+"/restore", nil, nil)
}

// Fork returns a new world that starts as this one is now, and ends with the test tb. It takes the same options as
// Start, except Fixture, OwnSimulator and Realistic.
func (w *World) Fork(tb TB, opts ...Option) *World {
	tb.Helper()
	return Start(tb, append([]Option{From(w.Checkpoint())}, opts...)...)
}
