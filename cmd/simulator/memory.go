package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// While it is asked for much, the process lets garbage grow to several times what it holds (gcPercent). When nobody has
// asked for anything for a while it gives that back: many simulators may stand beside each other in one CI run.
const (
	lookEvery = time.Second
	quiet     = 1 << 20 // bytes: who allocates less between two looks is doing nothing
	worth     = 4 << 20 // bytes: what has been allocated since memory was given back last, for doing it again
)

// pause decides when memory is given back, by how many bytes were ever allocated.
type pause struct{ seen, given uint64 }

// over says, at each look, whether this is the time to give memory back.
func (p *pause) over(allocated uint64) bool {
	still := allocated-p.seen < quiet
	p.seen = allocated
	if !still || allocated-p.given < worth {
		return false
	}
	p.given = allocated
	return true
}

// giveBack looks until the context ends.
func giveBack(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for p := (pause{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if metrics.Read(sample); p.over(sample[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}
