package physics

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// BlockSize is the size of an LBA in bytes, in statistics and in snapshot differences, for every sector size of a
// volume (facts/lightbits.md 4.3, 4.9).
const BlockSize = 4096

// MaxRuns is the greatest number of runs of one object. At a few bytes each, it keeps a stored row below a megabyte.
const MaxRuns = 1 << 16

// Generation identifies the content of a block: two objects of a chain with the same generation at an LBA share the
// block. 0 means no block. The lowest bit is set for blocks that were written compressed.
type Generation uint64

// After returns the next greater generation.
func (g Generation) After(compressed bool) Generation {
	next := (g>>1 + 1) << 1
	if compressed {
		next |= 1
	}
	return next
}

// Compressed reports whether blocks of the generation occupy half their size.
func (g Generation) Compressed() bool { return g&1 == 1 }

// Run is Count blocks of one generation, from the LBA Start.
type Run struct {
	Start, Count uint64
	Generation   Generation
}

func (r Run) end() uint64 { return r.Start + r.Count }

// Extents is the set of blocks of a volume or snapshot, without their data. Runs are sorted, disjoint and not empty,
// and adjacent runs have different generations. No function modifies its arguments.
type Extents []Run

// TooManyRunsError is the error of a write that would split an object into more than MaxRuns runs.
type TooManyRunsError struct{ Runs int }

func (e *TooManyRunsError) Error() string {
	return fmt.Sprintf("the write would split the volume into %d separate runs of blocks; at most %d are possible; "+
		"write larger or adjoining ranges", e.Runs, MaxRuns)
}

// Write returns e with count blocks replaced by generation g, from start. start+count must be at most 1<<52. Its time
// is linear in the runs of e.
func (e Extents) Write(start, count uint64, g Generation) (Extents, error) {
	if count == 0 {
		return e, nil
	}
	written := Run{Start: start, Count: count, Generation: g}
	out := make(Extents, 0, len(e)+2)
	i := 0
	for ; i < len(e) && e[i].Start < start; i++ {
		out = out.add(Run{Start: e[i].Start, Count: min(e[i].end(), start) - e[i].Start, Generation: e[i].Generation})
		if e[i].end() > start {
			break
		}
	}
	out = out.add(written)
	for ; i < len(e); i++ {
		if from := max(e[i].Start, written.end()); from < e[i].end() {
			out = out.add(Run{Start: from, Count: e[i].end() - from, Generation: e[i].Generation})
		}
	}
	if len(out) > MaxRuns {
		return e, &TooManyRunsError{Runs: len(out)}
	}
	return out, nil
}

// add appends a run after all others. It joins the last one if they are adjacent and of one generation.
func (e Extents) add(r Run) Extents {
	if n := len(e); n > 0 && e[n-1].end() == r.Start && e[n-1].Generation == r.Generation {
		e[n-1].Count += r.Count
		return e
	}
	return append(e, r)
}

// Truncate returns the part of e below the LBA size. Its time is logarithmic in the runs of e if no run is cut, else
// linear.
func (e Extents) Truncate(size uint64) Extents {
	n := sort.Search(len(e), func(i int) bool { return e[i].Start >= size })
	if n == 0 {
		return nil
	}
	if e[n-1].end() <= size {
		return e[:n:n]
	}
	out := slices.Clone(e[:n])
	out[n-1].Count = size - out[n-1].Start
	return out
}

// Range is Count LBAs, from Start.
type Range struct{ Start, Count uint64 }

// Diff returns the LBAs at which base and target differ: the generations differ, or only one of them has a block. The
// ranges are sorted and not adjacent. A nil base differs from every block of target. Its time is linear in the runs of
// both.
func Diff(base, target Extents) []Range {
	var out []Range
	var at uint64
	for len(base) > 0 || len(target) > 0 {
		inBase, baseNext := generationAt(base, at)
		inTarget, targetNext := generationAt(target, at)
		next := min(baseNext, targetNext)
		if inBase != inTarget {
			if n := len(out); n > 0 && out[n-1].Start+out[n-1].Count == at {
				out[n-1].Count += next - at
			} else {
				out = append(out, Range{Start: at, Count: next - at})
			}
		}
		at = next
		base, target = after(base, at), after(target, at)
	}
	return out
}

// generationAt returns the generation of e at an LBA that is not after its first run, and the LBA where it changes
// next.
func generationAt(e Extents, lba uint64) (g Generation, until uint64) {
	switch {
	case len(e) == 0:
		return 0, ^uint64(0)
	case lba < e[0].Start:
		return 0, e[0].Start
	}
	return e[0].Generation, e[0].end()
}

func after(e Extents, lba uint64) Extents {
	if len(e) > 0 && e[0].end() <= lba {
		return e[1:]
	}
	return e
}

// ChunkLBAs is the number of LBAs of one chunk of a difference.
const ChunkLBAs = 64

// Chunk marks which of the 64 LBAs from Start changed: bit i, counted from the lowest, is for Start+i. Start is a
// multiple of 64.
type Chunk struct{ Start, Bits uint64 }

// Chunks converts sorted ranges into chunks, at most limit, starting with the chunk of the LBA from. next is the start
// of the first chunk beyond the limit, or 0. Its time is linear in the chunks and logarithmic in the ranges.
func Chunks(changed []Range, from uint64, limit int) (list []Chunk, next uint64) {
	from -= from % ChunkLBAs
	first := sort.Search(len(changed), func(i int) bool { return changed[i].Start+changed[i].Count > from })
	for _, r := range changed[first:] {
		for at, end := max(r.Start, from), r.Start+r.Count; at < end; {
			start := at - at%ChunkLBAs
			upto := min(end, start+ChunkLBAs)
			bits := (^uint64(0) >> (ChunkLBAs - (upto - at))) << (at - start)
			if n := len(list); n > 0 && list[n-1].Start == start {
				list[n-1].Bits |= bits
			} else if n == limit {
				return list, start
			} else {
				list = append(list, Chunk{Start: start, Bits: bits})
			}
			at = upto
		}
	}
	return list, 0
}

// Blocks counts blocks by how they were written.
type Blocks struct{ Plain, Compressed uint64 }

func (b *Blocks) add(g Generation, n uint64) {
	if g.Compressed() {
		b.Compressed += n
	} else {
		b.Plain += n
	}
}

// Plus returns b + other.
func (b Blocks) Plus(other Blocks) Blocks {
	return Blocks{Plain: b.Plain + other.Plain, Compressed: b.Compressed + other.Compressed}
}

// Count returns the number of blocks.
func (b Blocks) Count() uint64 { return b.Plain + b.Compressed }

// Logical returns the size in bytes before compression.
func (b Blocks) Logical() uint64 { return b.Count() * BlockSize }

// Physical returns the size in bytes on devices, without parity: a compressed block takes half (assumption 70).
func (b Blocks) Physical() uint64 { return b.Plain*BlockSize + b.Compressed*(BlockSize/2) }

// Share is the part of a chain's blocks that belongs to one member.
type Share struct {
	Held  Blocks // all blocks of the member
	Layer Blocks // those that no older member has: the layers of a chain add up to its blocks
	Owned Blocks // those that no other member has: its deletion frees them
}

// edge is the start or the end of a member's run.
type edge struct {
	generation Generation
	lba        uint64
	begins     int // 0 at the end of a run, 1 at its start
	member     int
}

// Account returns the shares of a chain's members, which must be sorted oldest first. With R runs and M members its
// time is at most R·(log R + M).
func Account(members []Extents) []Share {
	shares := make([]Share, len(members))
	var edges []edge
	for m, e := range members {
		for _, r := range e {
			shares[m].Held.add(r.Generation, r.Count)
			edges = append(edges, edge{r.Generation, r.Start, 1, m}, edge{r.Generation, r.end(), 0, m})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.lba, b.lba),
			cmp.Compare(a.begins, b.begins))
	})
	var holders []int // sorted
	for i, ed := range edges {
		if i > 0 && len(holders) > 0 {
			n := ed.lba - edges[i-1].lba
			shares[holders[0]].Layer.add(ed.generation, n)
			if len(holders) == 1 {
				shares[holders[0]].Owned.add(ed.generation, n)
			}
		}
		at, held := slices.BinarySearch(holders, ed.member)
		switch {
		case ed.begins == 1 && !held:
			holders = slices.Insert(holders, at, ed.member)
		case ed.begins == 0 && held:
			holders = slices.Delete(holders, at, at+1)
		}
	}
	return shares
}
