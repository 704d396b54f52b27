package lightbits

import (
	"cmp"
	"fmt"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type fillParams struct {
	Percent int `json:"percent" doc:"of the effective storage of each node that is to be used, 1 to 100"`
}

// filled is what fill-cluster answers.
type filled struct {
	Volumes []string       `json:"volumes"` // names of those that were made
	Nodes   map[string]int `json:"nodes"`   // percent used, by name
}

// fillClusterUp writes until every node that serves uses so much of its effective storage: into volumes that it makes for
// that in the project default, called fill-1 and so on, full of incompressible data. Nodes that hold more stay as they
// are.
func (s *Service) fillClusterUp(tx *store.Tx, p *fillParams) (any, error) {
	if p.Percent < 1 || p.Percent > 100 {
		return nil, &api.InputError{Path: "percent", Detail: fmt.Sprintf("%d must be 1 to 100", p.Percent)}
	}
	answer := filled{Volumes: []string{}, Nodes: map[string]int{}}
	for {
		nodes := s.nodesBelow(tx, uint64(p.Percent))
		if len(nodes) == 0 {
			break
		}
		v, err := s.addFiller(tx, nodes)
		if err != nil {
			return nil, err
		}
		answer.Volumes = append(answer.Volumes, v.Name)
	}
	for _, u := range s.usages(tx) {
		if effective := u.Disks.Effective(); effective > 0 {
			answer.Nodes[u.Name] = int(float64(u.PhysicalUsed) / float64(effective) * 100)
		}
	}
	return answer, nil
}

// emptyNode is a node and how many bytes it lacks.
type emptyNode struct {
	nodeUsage
	lacks uint64
}

// nodesBelow answers the nodes that lack most, in distinct failure domains, at most as many as a filler has replicas.
func (s *Service) nodesBelow(tx *store.Tx, percent uint64) []emptyNode {
	var all, chosen []emptyNode
	for _, u := range usageTable.All(tx, "", "") {
		want := u.Disks.Effective() / 100 * percent / physics.BlockSize * physics.BlockSize
		if u.Attached && u.Serving && want >= uint64(u.PhysicalUsed)+physics.BlockSize {
			all = append(all, emptyNode{nodeUsage: u, lacks: (want - uint64(u.PhysicalUsed)) / physics.BlockSize * physics.BlockSize})
		}
	}
	slices.SortFunc(all, func(a, b emptyNode) int {
		return cmp.Or(cmp.Compare(b.lacks, a.lacks), cmp.Compare(a.Name, b.Name))
	})
	replicas := 2 + len(all)%2 // so that of equal nodes none is left alone
	for _, n := range all {
		near := slices.ContainsFunc(chosen, func(c emptyNode) bool {
			return slices.ContainsFunc(c.Domains, func(d string) bool { return slices.Contains(n.Domains, d) })
		})
		if !near && len(chosen) < replicas {
			chosen = append(chosen, n)
		}
	}
	return chosen
}

// addFiller makes a volume on those nodes that is as large as the one that lacks least needs, and writes all of it.
func (s *Service) addFiller(tx *store.Tx, nodes []emptyNode) (Volume, error) {
	size := min(nodes[0].lacks, nodes[len(nodes)-1].lacks, maxVolumeSize)
	q := createVolumeRequest{Name: s.fillerName(tx), ACL: &StringList{Values: []string{allowNone}}, ReplicaCount: uint32(len(nodes)), ProjectName: defaultProject}
	v, err := s.newVolume(tx, &q)
	if err != nil {
		return v, err
	}
	if v.Nsid, err = s.nextNsid(tx); err != nil {
		return v, err
	}
	v.Size = size
	for i := range nodes {
		v.NodeList = append(v.NodeList, nodes[i].UUID)
	}
	v.UUID, v.ClusterID, v.PrimaryNodeUUID = tx.NewUUID().String(), s.clusterUUID(tx), v.NodeList[0]
	v.PgUUID, v.ProtectionState = s.protectionGroup(tx, v.NodeList), s.protection(tx, v.NodeList)
	if err := s.charge(tx, v.NodeList, volumeUsage(&v, 1)); err != nil {
		return v, err
	}
	if _, err := s.volumes.Create(tx, v, statemachine.State(VolumeAvailable)); err != nil {
		return v, err
	}
	if err := s.logVolume(tx, eventVolumeCreated, &v); err != nil {
		return v, err
	}
	return v, s.writeBlocks(tx, &v, 0, size/physics.BlockSize)
}

// fillerName is the first of its kind that no volume has.
func (s *Service) fillerName(tx *store.Tx) string {
	for k := 1; ; k++ {
		name := fmt.Sprintf("fill-%d", k)
		if _, taken := s.volumeByName(tx, defaultProject, name); !taken {
			return name
		}
	}
}
