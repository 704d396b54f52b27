package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Under load, the process lets garbage grow to several times the live heap (gcPercent). When it is idle, it returns
// that memory to the system: many simulators may run on one machine in CI.
const (
	idleInterval = time.Second
	quiet        = 1 << 20 // bytes: a process that allocates less in an interval is idle
	worth        = 4 << 20 // bytes: memory is returned only after this much was allocated since the last time
)

// idle decides when memory is returned, by the total number of allocated bytes.
type idle struct{ seen, given uint64 }

// begins reports, once per interval, whether an idle phase has begun.
func (p *idle) begins(allocated uint64) bool {
	still := allocated-p.seen < quiet
	p.seen = allocated
	if !still || allocated-p.given < worth {
		return false
	}
	p.given = allocated
	return true
}

// freeIdleMemory returns memory in idle phases, until the context ends.
func freeIdleMemory(ctx context.Context) {
	ticker := time.NewTicker(idleInterval)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for p := (idle{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if metrics.Read(sample); p.begins(sample[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}
