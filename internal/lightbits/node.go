package lightbits

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) nodeOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListNodes", Method: http.MethodGet, Path: "/api/v2/nodes",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("nodes", "list"), Endpoint: api.Handle(s.listNodes)},
		{Name: "ReplaceNode", Method: http.MethodPost, Path: "/api/v2/nodes/{SrcNodeUUID}/replace",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 429, 500}, Needs: can("nodes", "replace"), Endpoint: api.Handle(s.replaceNode)},
		{Name: "GetNode", Method: http.MethodGet, Path: "/api/v2/nodes/{UUID}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("nodes", "get"), Endpoint: api.Handle(s.getNode)},
		{Name: "StartNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/start",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "start"), Endpoint: api.Handle(s.startNodeInstance)},
		{Name: "StopNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/stop",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "stop"), Endpoint: api.Handle(s.stopNodeInstance)},
		{Name: "RestartNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/restart",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "restart"), Endpoint: api.Handle(s.restartNodeInstance)},
	}
}

// Node is a node as the API answers it (spec message DurosNodeInfo). What follows from usage and devices is not stored:
// statistics, readOnly and numManagedDevices are filled in when it is shown.
type Node struct {
	Name                  string             `json:"name"`
	UUID                  string             `json:"UUID"`
	State                 NodeState          `json:"state"`
	Status                NodeStatus         `json:"status"`
	NvmeEndpoint          string             `json:"nvmeEndpoint"`
	FailureDomains        []string           `json:"failureDomains"`
	FailureInfo           string             `json:"failureInfo"`
	Hostname              string             `json:"hostname"`
	InLocalRebuild        bool               `json:"inLocalRebuild"`
	LocalRebuildProgress  uint32             `json:"localRebuildProgress"` // percent
	NumManagedDevices     int32              `json:"numManagedDevices"`
	MaxNvmeDevices        uint32             `json:"maxNvmeDevices"`
	Ec                    bool               `json:"ec"`
	Statistics            *NodeStatistics    `json:"statistics"`
	ServerUUID            string             `json:"serverUUID"`
	ETag                  string             `json:"ETag"`
	ReadOnly              bool               `json:"readOnly"`
	PowerupProgress       uint32             `json:"powerupProgress"` // percent
	PermanentFailure      bool               `json:"permanentFailure"`
	JournalDeviceNotFound *string            `json:"journalDeviceNotFound,oneof,group=JournalDeviceInfo"`
	JournalNvmeDevice     *JournalNvmeDevice `json:"journalNvmeDevice,oneof,group=JournalDeviceInfo"`
	JournalRaidDevice     *JournalRaidDevice `json:"journalRaidDevice,oneof,group=JournalDeviceInfo"`
}

// JournalNvmeDevice is a journal on one device.
type JournalNvmeDevice struct {
	DeviceSerial string `json:"deviceSerial"`
}

// JournalRaidDevice is a journal on several.
type JournalRaidDevice struct {
	DeviceUUID          string   `json:"deviceUUID"`
	MemberDeviceSerials []string `json:"memberDeviceSerials"`
}

// NodeStatistics is the space of a node, in bytes (spec message NodeStatisticsApi).
type NodeStatistics struct {
	ManagedPhysicalStorage              uint64  `json:"managedPhysicalStorage"`
	EffectivePhysicalStorage            uint64  `json:"effectivePhysicalStorage"`
	LogicalStorage                      uint64  `json:"logicalStorage"`
	LogicalUsedStorage                  uint64  `json:"logicalUsedStorage"`
	PhysicalUsedStorage                 uint64  `json:"physicalUsedStorage"`
	PhysicalUsedStorageIncludingParity  uint64  `json:"physicalUsedStorageIncludingParity"`
	FreePhysicalStorage                 uint64  `json:"freePhysicalStorage"`
	EstimatedFreeLogicalStorage         uint64  `json:"estimatedFreeLogicalStorage"`
	EstimatedLogicalStorage             uint64  `json:"estimatedLogicalStorage"`
	CompressionRatio                    float64 `json:"compressionRatio"`
	UnrecoverableDataIntegrityErrors    uint32  `json:"UnrecoverableDataIntegrityErrors"`
	RecoverableDataIntegrityErrors      uint32  `json:"RecoverableDataIntegrityErrors"`
	GarbageCollectorDataIntegrityErrors uint64  `json:"GarbageCollectorDataIntegrityErrors"`
	MetadataUtilization                 float64 `json:"metadataUtilization"`
}

// NodeState is what a node is doing.
type NodeState string

// The states of a node (facts/lightbits.md 4.6).
const (
	NodeActive     NodeState = "Active"
	NodeActivating NodeState = "Activating"
	NodeInactive   NodeState = "Inactive"
	NodeUnattached NodeState = "Unattached"
	NodeAttaching  NodeState = "Attaching"
	NodeDetaching  NodeState = "Detaching"
)

var nodeStateNames = map[string]int32{
	"Unknown": 0, "Active": 1, "Activating": 2, "Inactive": 3, "Unattached": 4, "Attaching": 6, "Detaching": 7,
}

// EnumNumbers is as in the vendor's definition.
func (NodeState) EnumNumbers() map[string]int32 { return nodeStateNames }

// NodeStatus says whether the others can reach a node.
type NodeStatus string

// The statuses that are shown.
const (
	NodeConnectivityOK      NodeStatus = "ConnectivityOK"
	NodeConnectivityProblem NodeStatus = "ConnectivityProblem"
)

var nodeStatusNames = map[string]int32{"NoStatus": 0, "ConnectivityOK": 1, "ConnectivityProblem": 2, "IssuedDeletePeer": 3}

// EnumNumbers is as in the vendor's definition.
func (NodeStatus) EnumNumbers() map[string]int32 { return nodeStatusNames }

type listNodesRequest struct {
	Name          string `json:"name"`
	UUID          string `json:"UUID"`
	FailureDomain string `json:"failureDomain"`
}

type listNodesAnswer struct {
	Nodes []*Node `json:"nodes"`
}

// listNodes answers the nodes by name; of the three filters only one at a time, InvalidArgument otherwise (seeds/002
// "Get list of nodes"). A filter that nothing matches answers an empty list.
func (s *Service) listNodes(tx *store.Tx, _ *api.Request, q *listNodesRequest) (listNodesAnswer, error) {
	var given []string
	for name, value := range map[string]string{"name": q.Name, "UUID": q.UUID, "failureDomain": q.FailureDomain} {
		if value != "" {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		slices.Sort(given)
		return listNodesAnswer{}, refusal.New(refusal.InvalidArgument,
			"%s are given together; nodes can be filtered by only one of name, UUID and failureDomain", strings.Join(given, " and "))
	}
	var answer listNodesAnswer
	for _, row := range s.nodes.Table().All(tx, "", "") {
		n := &row.Body
		if q.Name != "" && q.Name != n.Name || q.UUID != "" && q.UUID != n.UUID ||
			q.FailureDomain != "" && !slices.Contains(n.FailureDomains, q.FailureDomain) {
			continue
		}
		s.nodes.Observed(tx, &row)
		shown, err := s.shownNode(tx, n)
		if err != nil {
			return answer, err
		}
		answer.Nodes = append(answer.Nodes, &shown)
	}
	slices.SortFunc(answer.Nodes, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	return answer, nil
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
	s.nodes.Observed(tx, &row)
	return s.shownNode(tx, &row.Body)
}

// shownNode is a node with what follows from its devices and from what it holds.
func (s *Service) shownNode(tx *store.Tx, n *Node) (Node, error) {
	shown := *n
	u, err := usageTable.Get(tx, n.UUID)
	if err != nil {
		return shown, err
	}
	space := physics.SpaceOf(u.Disks, u.Usage)
	shown.NumManagedDevices, shown.ReadOnly = int32(u.Disks.Count), u.full()
	shown.Statistics = &NodeStatistics{
		ManagedPhysicalStorage: space.Managed, EffectivePhysicalStorage: space.Effective, LogicalStorage: space.Logical,
		LogicalUsedStorage: space.LogicalUsed, PhysicalUsedStorage: space.PhysicalUsed,
		PhysicalUsedStorageIncludingParity: space.WithParity, FreePhysicalStorage: space.Free,
		EstimatedFreeLogicalStorage: space.FreeLogical, EstimatedLogicalStorage: space.TotalLogical,
		CompressionRatio: space.Compression,
	}
	errors := s.integrityErrors(tx, n.UUID)
	shown.Statistics.UnrecoverableDataIntegrityErrors = errors.UnrecoverableDataIntegrityErrors
	shown.Statistics.RecoverableDataIntegrityErrors = errors.RecoverableDataIntegrityErrors
	return shown, nil
}

// nodesInDomain lists the UUIDs of the nodes in a failure domain.
func (s *Service) nodesInDomain(tx *store.Tx, domain string) []string {
	var list []string
	for id, u := range usageTable.All(tx, "", "") {
		if slices.Contains(u.Domains, domain) {
			list = append(list, id)
		}
	}
	return list
}

// nodeByNameOrUUID finds a node as a person names it: NotFound with the names there are.
func (s *Service) nodeByNameOrUUID(tx *store.Tx, ref string) (statemachine.Row[Node], error) {
	var names []string
	for _, row := range s.nodes.Table().All(tx, "", "") {
		if ref == row.Body.UUID || ref == row.Body.Name {
			return row, nil
		}
		names = append(names, row.Body.Name)
	}
	slices.Sort(names)
	return statemachine.Row[Node]{}, refusal.New(refusal.NotFound, "there is no node %q; there are: %s", ref, strings.Join(names, ", ")).
		Because(api.Known{Valid: names})
}

// mirrorNode: a node that rebuilds its replicas is Active for the API.
func mirrorNode(n *Node, l statemachine.Life) {
	n.State, n.ETag = NodeState(l.State), strconv.FormatUint(l.Version, 10)
	if l.State == nodeRebuilding {
		n.State = NodeActive
	}
}
