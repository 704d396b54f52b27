package lightbits

import (
	"net/http"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

func (s *Service) nodeOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListNodes", Method: http.MethodGet, Path: "/api/v2/nodes",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("nodes", "list"), Endpoint: api.Handle(s.listNodes)},
		{Name: "ReplaceNode", Method: http.MethodPost, Path: "/api/v2/nodes/{SrcNodeUUID}/replace",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 429, 500}, Needs: can("nodes", "replace"),
			Endpoint: api.Handle(s.replaceNode)},
		{Name: "GetNode", Method: http.MethodGet, Path: "/api/v2/nodes/{UUID}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("nodes", "get"), Endpoint: api.Handle(s.getNode)},
		{Name: "StartNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/start",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "start"),
			Endpoint: api.Handle(s.startNodeInstance)},
		{Name: "StopNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/stop",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "stop"),
			Endpoint: api.Handle(s.stopNodeInstance)},
		{Name: "RestartNodeInstance", Method: http.MethodPost, Path: "/api/v2/nodes/{nodeUUID}/restart",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Extra: true, Needs: can("nodes", "restart"),
			Endpoint: api.Handle(s.restartNodeInstance)},
	}
}

// Node is a node as the API returns it (spec message DurosNodeInfo). The members statistics, readOnly and
// numManagedDevices are not stored: they are computed from usage and devices when a node is returned.
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

// JournalRaidDevice is a journal on several devices.
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

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (NodeState) EnumNumbers() map[string]int32 { return nodeStateNames }

// NodeStatus is whether the other nodes can reach a node.
type NodeStatus string

// The statuses that the API returns.
const (
	NodeConnectivityOK      NodeStatus = "ConnectivityOK"
	NodeConnectivityProblem NodeStatus = "ConnectivityProblem"
)

var nodeStatusNames = map[string]int32{"NoStatus": 0, "ConnectivityOK": 1, "ConnectivityProblem": 2,
	"IssuedDeletePeer": 3}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (NodeStatus) EnumNumbers() map[string]int32 { return nodeStatusNames }

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
