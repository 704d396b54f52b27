package lightbits

import (
	"errors"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type listNodesRequest struct {
	Name          string `json:"name"`
	UUID          string `json:"UUID"`
	FailureDomain string `json:"failureDomain"`
}

type listNodesResponse struct {
	Nodes []*Node `json:"nodes"`
}

// listNodes returns the nodes in the order of their names. More than one of the three filters is InvalidArgument
// (seeds/002 "Get list of nodes"). A filter without a match returns an empty list.
func (s *Service) listNodes(tx *store.Tx, _ *api.Request, q *listNodesRequest) (listNodesResponse, error) {
	var given []string
	for name, value := range map[string]string{"name": q.Name, "UUID": q.UUID, "failureDomain": q.FailureDomain} {
		if value != "" {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		slices.Sort(given)
		return listNodesResponse{}, refusal.New(refusal.InvalidArgument,
			"%s are given together; nodes can be filtered by only one of name, UUID and failureDomain",
			strings.Join(given, " and "))
	}
	var response listNodesResponse
	for _, row := range s.nodes.Table().All(tx, "", "") {
		n := &row.Body
		if q.Name != "" && q.Name != n.Name || q.UUID != "" && q.UUID != n.UUID ||
			q.FailureDomain != "" && !slices.Contains(n.FailureDomains, q.FailureDomain) {
			continue
		}
		s.nodeObserved(tx, row.Body.UUID)
		shown, err := s.shownNode(tx, n)
		if err != nil {
			return response, err
		}
		response.Nodes = append(response.Nodes, &shown)
	}
	slices.SortFunc(response.Nodes, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	return response, nil
}

type getNodeRequest struct {
	UUID string `json:"UUID"`
}

// getNode: seeds/002 "Get node information".
func (s *Service) getNode(tx *store.Tx, _ *api.Request, q *getNodeRequest) (Node, error) {
	row, err := s.nodes.Find(tx, q.UUID)
	if errors.Is(err, store.ErrNotFound) {
		return Node{}, refusal.New(refusal.NotFound, "node UUID %q is not found", q.UUID)
	}
	if err != nil {
		return Node{}, err
	}
	s.nodeObserved(tx, row.Body.UUID)
	return s.shownNode(tx, &row.Body)
}

// shownNode returns the node with the members that are computed from its devices and its usage.
func (s *Service) shownNode(tx *store.Tx, n *Node) (Node, error) {
	shown := *n
	u, err := usageTable.Get(tx, n.UUID)
	if err != nil {
		return shown, err
	}
	s.shownProgress(tx, &shown)
	shown.NumManagedDevices, shown.ReadOnly = int32(u.Disks.Count), u.full()
	shown.Statistics = nodeStatistics(physics.SpaceOf(u.Disks, u.Usage))
	errors := s.integrityErrors(tx, n.UUID)
	shown.Statistics.UnrecoverableDataIntegrityErrors = errors.UnrecoverableDataIntegrityErrors
	shown.Statistics.RecoverableDataIntegrityErrors = errors.RecoverableDataIntegrityErrors
	return shown, nil
}

func nodeStatistics(space physics.Space) *NodeStatistics {
	return &NodeStatistics{
		ManagedPhysicalStorage: space.Managed, EffectivePhysicalStorage: space.Effective, LogicalStorage: space.Logical,
		LogicalUsedStorage: space.LogicalUsed, PhysicalUsedStorage: space.PhysicalUsed,
		PhysicalUsedStorageIncludingParity: space.WithParity, FreePhysicalStorage: space.Free,
		EstimatedFreeLogicalStorage: space.FreeLogical, EstimatedLogicalStorage: space.TotalLogical,
		CompressionRatio: space.Compression,
	}
}

// findNode returns the node with a UUID that the request has in member. The error is InvalidArgument for an empty UUID
// and NotFound for an unknown one.
func (s *Service) findNode(tx *store.Tx, member, id string) (statemachine.Row[Node], error) {
	if id == "" {
		return statemachine.Row[Node]{}, refusal.New(refusal.InvalidArgument, "the mandatory argument %s is missing",
			member)
	}
	row, err := s.nodes.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "node UUID %q is not found", id)
	}
	return row, err
}

// nodeByNameOrUUID finds a node by its name or UUID. The error is NotFound and lists the names of all nodes.
func (s *Service) nodeByNameOrUUID(tx *store.Tx, ref string) (statemachine.Row[Node], error) {
	var names []string
	for _, row := range s.nodes.Table().All(tx, "", "") {
		if ref == row.Body.UUID || ref == row.Body.Name {
			return row, nil
		}
		names = append(names, row.Body.Name)
	}
	slices.Sort(names)
	return statemachine.Row[Node]{}, refusal.New(refusal.NotFound, "there is no node %q; there are: %s", ref,
		strings.Join(names, ", ")).
		Because(api.Known{Valid: names})
}
