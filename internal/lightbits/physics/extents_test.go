package physics

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// plain is extents block by block.
type plain map[uint64]Generation

func (p plain) copy() plain {
	q := plain{}
	for lba, g := range p {
		q[lba] = g
	}
	return q
}

// blocks expands extents and checks their form.
func blocks(t *testing.T, e Extents) plain {
	t.Helper()
	p := plain{}
	for i, r := range e {
		require.NotZero(t, r.Count)
		require.NotZero(t, r.Generation)
		if i > 0 {
			require.GreaterOrEqual(t, r.Start, e[i-1].end(), "runs overlap or are out of order: %v", e)
			touch := r.Start == e[i-1].end() && r.Generation == e[i-1].Generation
			require.False(t, touch, "runs %d and %d are one: %v", i-1, i, e)
		}
		for lba := r.Start; lba < r.end(); lba++ {
			p[lba] = r.Generation
		}
	}
	return p
}

// space is the number of LBAs in random tests. It is small, so that runs meet.
const space = 300

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func TestExtents_Model(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	var e, before Extents
	model, modelBefore := plain{}, plain{}
	for range 4000 {
		old := blocks(t, e)
		switch kept := e; r.IntN(20) {
		case 0:
			size := r.Uint64N(space)
			e = e.Truncate(size)
			for lba := range model {
				if lba >= size {
					delete(model, lba)
				}
			}
			require.Equal(t, old, blocks(t, kept), "Truncate changed what it was given")
		case 1:
			before, modelBefore = e, model.copy()
		default:
			start, g := r.Uint64N(space), Generation(1+r.Uint64N(5))
			count := r.Uint64N(min(60, space-start+1))
			var err error
			e, err = e.Write(start, count, g)
			require.NoError(t, err)
			for lba := start; lba < start+count; lba++ {
				model[lba] = g
			}
			require.Equal(t, old, blocks(t, kept), "Write changed what it was given")
		}
		require.Equal(t, model, blocks(t, e))
		checkDiff(t, before, e, modelBefore, model)
	}
}

func checkDiff(t *testing.T, base, target Extents, baseModel, model plain) {
	t.Helper()
	want := map[uint64]bool{}
	for lba := range uint64(space) {
		if baseModel[lba] != model[lba] {
			want[lba] = true
		}
	}
	got := map[uint64]bool{}
	changed := Diff(base, target)
	for i, c := range changed {
		if i > 0 {
			require.Greater(t, c.Start, changed[i-1].Start+changed[i-1].Count)
		}
		for lba := c.Start; lba < c.Start+c.Count; lba++ {
			got[lba] = true
		}
	}
	require.Equal(t, want, got)
}

func TestChunks_Model(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for range 500 {
		var e Extents
		for range r.IntN(12) {
			e, _ = e.Write(r.Uint64N(2000), 1+r.Uint64N(200), 2)
		}
		changed := Diff(nil, e)
		from, limit := r.Uint64N(2300), 1+r.IntN(5)
		want := map[uint64]bool{}
		for lba := range blocks(t, e) {
			if lba >= from/ChunkLBAs*ChunkLBAs {
				want[lba] = true
			}
		}
		got := map[uint64]bool{}
		for next, more := from, true; more; more = next != 0 {
			var list []Chunk
			list, next = Chunks(changed, next, limit)
			require.LessOrEqual(t, len(list), limit)
			require.True(t, next == 0 || len(list) == limit)
			for _, c := range list {
				require.Zero(t, c.Start%ChunkLBAs)
				require.NotZero(t, c.Bits)
				for i := range uint64(ChunkLBAs) {
					if c.Bits>>i&1 == 1 {
						require.False(t, got[c.Start+i], "LBA %d is listed twice", c.Start+i)
						got[c.Start+i] = true
					}
				}
			}
		}
		require.Equal(t, want, got)
	}
}

func TestChunks_SpanAndOffset(t *testing.T) {
	t.Parallel()
	changed := []Range{{Start: 3, Count: 2}, {Start: 62, Count: 70}}
	list, next := Chunks(changed, 0, 100)
	require.Equal(t, []Chunk{{0, 1<<3 | 1<<4 | 3<<62}, {64, ^uint64(0)}, {128, 0b1111}}, list)
	require.Zero(t, next)
	require.Equal(t, 64, bits.OnesCount64(list[1].Bits))

	list, next = Chunks(changed, 127, 1)
	require.Equal(t, []Chunk{{64, ^uint64(0)}}, list, "the offset is rounded down to 64")
	require.Equal(t, uint64(128), next)

	list, next = Chunks(changed, 192, 1)
	require.Empty(t, list)
	require.Zero(t, next)
}

func TestAccount_Model(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for range 300 {
		members := make([]Extents, r.IntN(6))
		models := make([]plain, len(members))
		for m := range members {
			if m > 0 && r.IntN(3) > 0 {
				members[m] = members[r.IntN(m)]
			}
			for range r.IntN(6) {
				members[m], _ = members[m].Write(r.Uint64N(space), 1+r.Uint64N(80), Generation(2+r.Uint64N(6)))
			}
			models[m] = blocks(t, members[m])
		}
		shares := Account(members)
		require.Len(t, shares, len(members))
		for m := range members {
			require.Equal(t, shareOf(models, m), shares[m], "member %d of %v", m, members)
		}
	}
}

// shareOf returns the share of a member, counted block by block.
func shareOf(models []plain, m int) Share {
	var s Share
	for lba, g := range models[m] {
		first, alone := true, true
		for other, p := range models {
			if other != m && p[lba] == g {
				alone = false
				first = first && other > m
			}
		}
		s.Held.add(g, 1)
		if first {
			s.Layer.add(g, 1)
		}
		if alone {
			s.Owned.add(g, 1)
		}
	}
	return s
}

func TestExtents_TooManyRuns(t *testing.T) {
	t.Parallel()
	full := make(Extents, MaxRuns)
	for i := range full {
		full[i] = Run{Start: uint64(i) * 2, Count: 1, Generation: 2}
	}
	same, err := full.Write(MaxRuns*2, 1, 2)
	var many *TooManyRunsError
	require.ErrorAs(t, err, &many)
	require.Equal(t, MaxRuns+1, many.Runs)
	require.Equal(t, full, same, "a refused write changes nothing")

	joined, err := full.Write(1, 1, 2)
	require.NoError(t, err, "a write that joins two runs needs no new one")
	require.Len(t, joined, MaxRuns-1)
}

func TestGeneration(t *testing.T) {
	t.Parallel()
	var g Generation
	for i := range 10 {
		next := g.After(i%3 == 0)
		require.Greater(t, next, g)
		require.Equal(t, i%3 == 0, next.Compressed())
		g = next
	}
	b := Blocks{Plain: 3, Compressed: 4}
	require.Equal(t, uint64(7*4096), b.Logical())
	require.Equal(t, uint64(3*4096+4*2048), b.Physical())
	require.Equal(t, Blocks{Plain: 4, Compressed: 6}, b.Plus(Blocks{Plain: 1, Compressed: 2}))
}

func BenchmarkAccount(b *testing.B) {
	members := make([]Extents, 100)
	for m := range members {
		for i := range uint64(100) {
			members[m], _ = members[m].Write(i*10+uint64(m), 5, Generation(m+2))
		}
	}
	for b.Loop() {
		Account(members)
	}
}
