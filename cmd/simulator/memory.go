package main

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent lets the heap grow to five times the live heap before it is collected. The live heap is some megabytes of
// journal, since the state is in the file, so this costs little memory and saves a tenth of the processor time
// (docs/performance.md).
const gcPercent = 400

// leastLimit is the memory, in bytes, up to which gcPercent holds: above it, the heap is collected more often. The
// limit is at least one and a half times the live heap, so that a large live heap is not collected all the time.
const leastLimit = 192 << 20

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

// limitFor returns the memory limit for a live heap, both in bytes. Current is the present limit, which remains if the
// new one would be almost the same.
func limitFor(live, current int64) int64 {
	limit := max(leastLimit, live+live/2)
	if limit > leastLimit && limit > current*7/8 && limit < current*9/8 {
		return current
	}
	return limit
}

// tendMemory returns memory in idle phases and, if limited is true, sets the memory limit, until the context ends.
func tendMemory(ctx context.Context, limited bool) {
	limit := int64(math.MaxInt64)
	ticker := time.NewTicker(idleInterval)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	for p := (idle{}); ; {
		if next := limitFor(int64(sample[1].Value.Uint64()), limit); limited && next != limit {
			limit = next
			debug.SetMemoryLimit(limit)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(sample)
		if p.begins(sample[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}
