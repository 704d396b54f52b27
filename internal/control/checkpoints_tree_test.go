package control_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// tree holds worlds that were forked from each other's checkpoints, and their complete content at each checkpoint and
// now, as world files.
type tree struct {
	*simtest.Server
	t     *testing.T
	draw  *rand.Rand
	now   map[string]string            // by world
	kept  map[string]map[string]string // by world and checkpoint
	count int
}

func (f *tree) state(world string) string { return export(f.In(world), "application/json") }

// anyOf returns one of the names, drawn in an order that does not depend on the map.
func anyOf[V any](f *tree, of map[string]V) string {
	names := slices.Sorted(maps.Keys(of))
	return names[f.draw.IntN(len(names))]
}

// change changes something in a world that its file shows.
func (f *tree) change(world string) {
	w := f.In(world)
	f.count++
	switch f.draw.IntN(4) {
	case 0, 1:
		w.Must(200, http.MethodPost, "/lamps", fmt.Sprintf(`{"name":"l%d"}`, f.count))
	case 2:
		w.Must(200, http.MethodPost, "/_sim/clock/advance", fmt.Sprintf(`{"by":"%dms"}`, 50+f.draw.IntN(400)))
	case 3:
		w.Must(200, http.MethodPut, "/_sim/faults/r",
			fmt.Sprintf(`{"match":{"operation":"lamps.GetLamp"},"when":{"skip":%d},"effect":{"status":404}}`, f.count))
	}
	f.now[world] = f.state(world)
}

func (f *tree) checkpoint(world string) {
	name := fmt.Sprint("c", f.draw.IntN(3)) // some of them again
	f.In(world).Must(200, http.MethodPut, "/_sim/checkpoints/"+name, "")
	f.kept[world][name] = f.now[world]
}

func (f *tree) restore(world, checkpoint string) {
	f.In(world).Must(200, http.MethodPost, "/_sim/checkpoints/"+checkpoint+"/restore", "")
	f.now[world] = f.kept[world][checkpoint]
	require.Equal(f.t, f.now[world], f.state(world), "%s at %s", world, checkpoint)
}

func (f *tree) fork(world string) {
	if len(f.kept[world]) == 0 || len(f.now) > 12 {
		return
	}
	f.count++
	name, from := fmt.Sprint("w", f.count), anyOf(f, f.kept[world])
	f.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q,"from":"%s/%s"}`, name, world, from))
	f.kept[name], f.now[name] = map[string]string{}, f.kept[world][from]
	require.Equal(f.t, f.now[name], f.state(name), "%s from %s/%s", name, world, from)
}

func (f *tree) remove(world string) {
	if world == "default" || f.draw.IntN(3) > 0 {
		return
	}
	f.Must(200, http.MethodDelete, "/_sim/worlds/"+world, "")
	delete(f.now, world)
	delete(f.kept, world)
}

// A parent can be restored after its children, and a child after its parent is gone, in any order: each has its own
// content.
func TestCheckpoints_TreeInAnyOrder(t *testing.T) {
	for seed := range uint64(4) {
		s := simtest.New(t, simtest.ToyVendor)
		freeze(s)
		f := &tree{Server: s, t: t, draw: rand.New(rand.NewPCG(seed, 0)), now: map[string]string{},
			kept: map[string]map[string]string{"default": {}}}
		f.now["default"] = f.state("default")
		for step := range 120 {
			world := anyOf(f, f.now)
			switch f.draw.IntN(8) {
			case 0, 1, 2:
				f.change(world)
			case 3, 4:
				f.checkpoint(world)
			case 5:
				f.fork(world)
			case 6:
				if len(f.kept[world]) > 0 {
					f.restore(world, anyOf(f, f.kept[world]))
				}
			case 7:
				f.remove(world)
			}
			if other := anyOf(f, f.now); step%5 == 0 {
				require.Equal(t, f.now[other], f.state(other), "%s after something was done to %s", other, world)
			}
			if step == 60 {
				s.Restart()
			}
		}
		var all [][2]string
		for world := range f.kept {
			for checkpoint := range f.kept[world] {
				all = append(all, [2]string{world, checkpoint})
			}
		}
		require.NotEmpty(t, all)
		slices.SortFunc(all, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
		for _, i := range f.draw.Perm(len(all)) {
			f.restore(all[i][0], all[i][1])
		}
		t.Logf("seed %d: %d worlds, %d checkpoints", seed, len(f.now), len(all))
	}
}
