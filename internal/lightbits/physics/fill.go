package physics

import (
	"cmp"
	"slices"
)

// Vessel is a node to fill.
type Vessel struct {
	UUID, Name string
	Domains    []string
	Disks      Disks
	Used       uint64 // bytes on its devices
}

// lacks returns how many bytes, in whole blocks, are missing to percent of the effective storage.
func (v *Vessel) lacks(percent uint64) uint64 {
	want := scale(v.Disks.Effective(), percent, 100)
	return (want - min(want, v.Used)) / BlockSize * BlockSize
}

// Fill returns the nodes and the size in bytes of the next volume to fill with incompressible data, so that in the end
// all nodes use percent of their effective storage. It chooses the two or three nodes that lack most, in distinct
// failure domains, so that no single node is left at the end (assumption 305); ties are broken by name. It returns no
// nodes if no node lacks a block. Each volume completes one node, unless its size is limited by most.
func Fill(nodes []Vessel, percent, most uint64) (uuids []string, size uint64) {
	lacking := slices.DeleteFunc(slices.Clone(nodes), func(v Vessel) bool { return v.lacks(percent) == 0 })
	slices.SortFunc(lacking, func(a, b Vessel) int {
		return cmp.Or(cmp.Compare(b.lacks(percent), a.lacks(percent)), cmp.Compare(a.Name, b.Name))
	})
	replicas := 2 + len(lacking)%2
	size = most
	var taken []string
	for i := range lacking {
		v := &lacking[i]
		if len(uuids) == replicas || slices.ContainsFunc(v.Domains,
			func(d string) bool { return slices.Contains(taken, d) }) {
			continue
		}
		uuids, taken, size = append(uuids, v.UUID), append(taken, v.Domains...), min(size, v.lacks(percent))
	}
	return uuids, size
}
