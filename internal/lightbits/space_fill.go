package lightbits

import (
	"fmt"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type fillParams struct {
	Percent int `json:"percent" doc:"share of the effective storage of each node that is to be used, 1 to 100"`
}

// filled is the result of fill-cluster.
type filled struct {
	Volumes []string       `json:"volumes"` // names of the volumes created
	Nodes   map[string]int `json:"nodes"`   // percent used, by name
}

// fillStorage writes until every serving node uses the given share of its effective storage. It writes incompressible
// data into volumes that it creates in the project default: fill-1, fill-2 and so on. Nodes that use more stay as they
// are.
func (s *Service) fillStorage(tx *store.Tx, p *fillParams) (any, error) {
	if p.Percent < 1 || p.Percent > 100 {
		return nil, &strict.Error{Path: "percent", Detail: fmt.Sprintf("%d must be 1 to 100", p.Percent)}
	}
	answer := filled{Volumes: []string{}, Nodes: map[string]int{}}
	for {
		nodes, size := s.nextFiller(tx, uint64(p.Percent))
		if len(nodes) == 0 {
			break
		}
		v, err := s.addFiller(tx, nodes, size)
		if err != nil {
			return nil, err
		}
		answer.Volumes = append(answer.Volumes, v.Name)
	}
	answer.Nodes = s.percentUsed(tx)
	return answer, nil
}

// addFiller creates a volume of that size in bytes on those nodes and writes all of it.
func (s *Service) addFiller(tx *store.Tx, nodes []string, size uint64) (Volume, error) {
	q := createVolumeRequest{
		Name: s.fillerName(tx), ACL: &accessList{Values: []string{allowNone}}, ReplicaCount: uint32(len(nodes)),
		ProjectName: defaultProject,
	}
	v, err := s.newVolume(tx, &q)
	if err != nil {
		return v, err
	}
	if v.Nsid, err = s.nextNsid(tx); err != nil {
		return v, err
	}
	v.Size, v.NodeList = size, nodes
	v.UUID, v.ClusterID, v.PrimaryNodeUUID = tx.NewUUID().String(), s.clusterUUID(tx), v.NodeList[0]
	v.PgUUID = s.protectionGroup(tx, v.NodeList)
	s.protect(tx, &v)
	if err := s.chargeVolume(tx, &v, 1); err != nil {
		return v, err
	}
	if _, err := s.volumes.Create(tx, v, statemachine.State(VolumeAvailable)); err != nil {
		return v, err
	}
	if err := s.logVolume(tx, events.VolumeCreated, &v); err != nil {
		return v, err
	}
	return v, s.writeWhole(tx, &v)
}

// fillerName returns the first name fill-1, fill-2 and so on that no volume has.
func (s *Service) fillerName(tx *store.Tx) string {
	for k := 1; ; k++ {
		name := fmt.Sprintf("fill-%d", k)
		if _, taken := s.volumeByName(tx, defaultProject, name); !taken {
			return name
		}
	}
}
