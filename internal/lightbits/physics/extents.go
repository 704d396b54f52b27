package physics

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// BlockSize is what an LBA is in bytes, in statistics and in snapshot diffs, whatever sector size a host sees
// (facts/lightbits.md 4.3, 4.9).
const BlockSize = 4096

// MaxRuns is how many runs one object may consist of. At a few bytes each, that keeps a stored row below a megabyte.
const MaxRuns = 1 << 16

// Generation names what was written into a block: where two objects of a chain hold the same generation at an LBA, they
// hold the same block. 0 is none. The lowest bit says whether it was written compressed.
type Generation uint64

// After is a generation that is greater than g.
func (g Generation) After(compressed bool) Generation {
	next := (g>>1 + 1) << 1
	if compressed {
		next |= 1
	}
	return next
}

// Compressed says whether the generation's blocks take half their size.
func (g Generation) Compressed() bool { return g&1 == 1 }

// Run is Count blocks of one generation from the LBA Start on.
type Run struct {
	Start, Count uint64
	Generation   Generation
}

func (r Run) end() uint64 { return r.Start + r.Count }

// Extents is what a volume or snapshot holds: which blocks, not their data. Runs are sorted, disjoint and not empty, and
// neighbours that touch have different generations. No function changes the extents it gets.
type Extents []Run

// TooManyRunsError says that a write would scatter an object over more than MaxRuns runs.
type TooManyRunsError struct{ Runs int }

func (e *TooManyRunsError) Error() string {
	return fmt.Sprintf("what is written would lie in %d separate runs of blocks and at most %d are kept apart; write larger or adjoining ranges",
		e.Runs, MaxRuns)
}

// Write answers e with count blocks of generation g from start on, in place of what was there. start+count must be at
// most 1<<52. Linear in the runs of e.
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

// add appends a run that lies behind all others, joined to the last one where they touch and are alike.
func (e Extents) add(r Run) Extents {
	if n := len(e); n > 0 && e[n-1].end() == r.Start && e[n-1].Generation == r.Generation {
		e[n-1].Count += r.Count
		return e
	}
	return append(e, r)
}

// Truncate answers what of e lies below the LBA size. Logarithmic in the runs of e where nothing is cut, else linear.
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

// Range is Count LBAs from Start on.
type Range struct{ Start, Count uint64 }

// Diff answers where target and base do not hold the same: another generation, or blocks on one side only. The ranges
// are sorted and do not touch. A nil base differs wherever target holds anything. Linear in the runs of both.
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
		base, target = behind(base, at), behind(target, at)
	}
	return out
}

// generationAt answers what the first run of e holds at an LBA that is not behind it, and where that changes next.
func generationAt(e Extents, lba uint64) (g Generation, until uint64) {
	switch {
	case len(e) == 0:
		return 0, ^uint64(0)
	case lba < e[0].Start:
		return 0, e[0].Start
	}
	return e[0].Generation, e[0].end()
}

func behind(e Extents, lba uint64) Extents {
	if len(e) > 0 && e[0].end() <= lba {
		return e[1:]
	}
	return e
}

// ChunkLBAs is how many LBAs one chunk of a diff tells of.
const ChunkLBAs = 64

// Chunk tells which of the 64 LBAs from Start on changed: bit i, counted from the lowest, stands for Start+i.
// Start is a multiple of 64.
type Chunk struct{ Start, Bits uint64 }

// Chunks cuts sorted ranges into the chunks that hold any of them, at most limit, beginning with the chunk of the LBA
// from. Next is where the first chunk begins that no longer fitted, or 0. Linear in the chunks, logarithmic in the ranges.
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

// Plus adds.
func (b Blocks) Plus(other Blocks) Blocks {
	return Blocks{Plain: b.Plain + other.Plain, Compressed: b.Compressed + other.Compressed}
}

// Count is how many blocks.
func (b Blocks) Count() uint64 { return b.Plain + b.Compressed }

// Logical is the size in bytes as hosts see it.
func (b Blocks) Logical() uint64 { return b.Count() * BlockSize }

// Physical is the size in bytes on devices, without parity: compressed blocks take half (assumption 70).
func (b Blocks) Physical() uint64 { return b.Plain*BlockSize + b.Compressed*(BlockSize/2) }

// Share is what one member of a chain has of the chain's blocks.
type Share struct {
	Held  Blocks // all it refers to
	Layer Blocks // those that no member before it refers to: the layers of a chain add up to its blocks
	Owned Blocks // those that no other member refers to: what its deletion frees
}

// edge is where a run of a member begins or ends.
type edge struct {
	generation Generation
	lba        uint64
	begins     int // 0 at the end of a run, 1 at its beginning
	member     int
}

// Account answers the shares of a chain's members, which come oldest first. With R runs and M members it takes
// R·(log R + M) at most.
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
		return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.lba, b.lba), cmp.Compare(a.begins, b.begins))
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
