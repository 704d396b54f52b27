package physics

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// For any nodes, filling ends with each as full as required, and no volume has two replicas in one failure domain.
func TestFill(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for range 300 {
		nodes := make([]Vessel, 1+r.IntN(7))
		for i := range nodes {
			disks := Disks{Count: 8, Bytes: 8 * (1<<20 + r.Uint64N(1<<40)), Coded: r.IntN(2) == 0}
			nodes[i] = Vessel{
				UUID: fmt.Sprint(i), Name: fmt.Sprint(i), Domains: []string{fmt.Sprint("rack", r.IntN(4)),
					fmt.Sprint("server", i)},
				Disks: disks, Used: r.Uint64N(disks.Effective()),
			}
		}
		before := slices.Clone(nodes)
		percent, most := 1+r.Uint64N(100), uint64(1)<<(30+r.IntN(20))
		rounds := 0
		for chosen, size := Fill(nodes, percent, most); len(chosen) > 0; chosen, size = Fill(nodes, percent, most) {
			require.LessOrEqual(t, len(chosen), 3)
			require.LessOrEqual(t, size, most)
			require.Zero(t, size%BlockSize)
			require.NotZero(t, size)
			var domains []string
			for i := range nodes {
				if slices.Contains(chosen, nodes[i].UUID) {
					nodes[i].Used += size
					domains = append(domains, nodes[i].Domains...)
				}
			}
			slices.Sort(domains)
			require.Len(t, slices.Compact(slices.Clone(domains)), len(domains))
			rounds++
			require.Less(t, rounds, 200_000)
		}
		for i := range nodes {
			want := scale(nodes[i].Disks.Effective(), percent, 100)
			if before[i].Used >= want {
				require.Equal(t, before[i].Used, nodes[i].Used, "a node that uses more stays as it is")
				continue
			}
			require.LessOrEqual(t, nodes[i].Used, want)
			require.Less(t, want-nodes[i].Used, uint64(BlockSize))
		}
	}
}
