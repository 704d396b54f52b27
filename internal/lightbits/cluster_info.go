package lightbits

import (
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// Cluster is the whole cluster as the API returns it to its administrators (spec message ClusterInfo,
// facts/lightbits.md 4.9).
type Cluster struct {
	UUID                          string                         `json:"UUID"`
	SubsystemNQN                  string                         `json:"subsystemNQN"`
	CurrentMaxReplicas            uint32                         `json:"currentMaxReplicas"`
	SupportedMaxReplicas          uint32                         `json:"supportedMaxReplicas"`
	Statistics                    *ClusterStatistics             `json:"statistics"`
	ETag                          string                         `json:"ETag"`
	Health                        *ClusterHealth                 `json:"health"`
	MinVersionInCluster           string                         `json:"MinVersionInCluster"`
	MinAllowedVersion             string                         `json:"MinAllowedVersion"`
	MaxAllowedVersion             string                         `json:"MaxAllowedVersion"`
	APIEndpoints                  []string                       `json:"apiEndpoints"`
	DiscoveryEndpoints            []string                       `json:"discoveryEndpoints"`
	ClusterName                   string                         `json:"clusterName"`
	LastUpgrade                   *ClusterLastUpgrade            `json:"lastUpgrade"`
	InBandAuthMode                InBandAuthMode                 `json:"inBandAuthMode"`
	EncryptionStatus              *ClusterEncryptionStatus       `json:"encryptionStatus"`
	FederatedAuthenticationStatus *FederatedAuthenticationStatus `json:"federatedAuthenticationStatus"`
}

// ClusterInfo is the cluster as the API returns it to tenants (spec message ClusterInfoV2, facts/lightbits.md 4.10).
type ClusterInfo struct {
	UUID                 string                   `json:"UUID"`
	SubsystemNQN         string                   `json:"subsystemNQN"`
	CurrentMaxReplicas   uint32                   `json:"currentMaxReplicas"`
	SupportedMaxReplicas uint32                   `json:"supportedMaxReplicas"`
	ETag                 string                   `json:"ETag"`
	APIEndpoints         []string                 `json:"apiEndpoints"`
	DiscoveryEndpoints   []string                 `json:"discoveryEndpoints"`
	NvmeEndpoints        []string                 `json:"nvmeEndpoints"`
	ClusterName          string                   `json:"clusterName"`
	LastUpgrade          *ClusterLastUpgrade      `json:"lastUpgrade"`
	EncryptionStatus     *ClusterEncryptionStatus `json:"encryptionStatus"`
	InBandAuthMode       InBandAuthMode           `json:"inBandAuthMode"`
}

// getCluster: seeds/002 "Retrieve cluster information", GET /api/v2/cluster.
func (s *Service) getCluster(tx *store.Tx, _ *api.Request, _ *api.Empty) (Cluster, error) {
	row, err := s.cluster(tx)
	if err != nil {
		return Cluster{}, err
	}
	for _, node := range s.busyNodes.Of(tx) {
		s.nodeObserved(tx, node) // the health shows them
	}
	ends := s.endpoints(tx)
	all := s.usages(tx)
	c := Cluster{
		UUID: row.UUID, SubsystemNQN: row.subsystemNQN(), CurrentMaxReplicas: s.maxReplicas(tx, attachedNodes(tx)),
		SupportedMaxReplicas: row.MaxReplicas, Statistics: s.clusterStatistics(tx, all), ETag: row.etag(),
		Health: s.clusterHealth(tx, all), MinAllowedVersion: row.MinAllowed, MaxAllowedVersion: row.MaxAllowed,
		APIEndpoints: ends.api, DiscoveryEndpoints: ends.discovery, ClusterName: row.Name,
		LastUpgrade: s.clusterLastUpgrade(tx), InBandAuthMode: row.inBandAuthMode(),
		EncryptionStatus:              s.encryptionStatus(tx),
		FederatedAuthenticationStatus: s.federatedStatus(tx, &row),
	}
	if len(ends.versions) > 0 {
		c.MinVersionInCluster = slices.MinFunc(ends.versions, compareVersions)
	}
	return c, nil
}

// getClusterInfo: seeds/002 "Retrieve cluster information", GET /api/v2/clusterinfo.
func (s *Service) getClusterInfo(tx *store.Tx, _ *api.Request, _ *api.Empty) (ClusterInfo, error) {
	row, err := s.cluster(tx)
	if err != nil {
		return ClusterInfo{}, err
	}
	ends := s.endpoints(tx)
	return ClusterInfo{
		UUID: row.UUID, SubsystemNQN: row.subsystemNQN(), CurrentMaxReplicas: s.maxReplicas(tx, attachedNodes(tx)),
		SupportedMaxReplicas: row.MaxReplicas, ETag: row.etag(), APIEndpoints: ends.api,
		DiscoveryEndpoints: ends.discovery, NvmeEndpoints: ends.nvme, ClusterName: row.Name,
		LastUpgrade: s.clusterLastUpgrade(tx), EncryptionStatus: s.encryptionStatus(tx),
		InBandAuthMode: row.inBandAuthMode(),
	}, nil
}

// subsystemNQN is the name of the cluster's one NVMe subsystem (facts/lightbits.md 3.4).
func (c *clusterRow) subsystemNQN() string { return "nqn.2016-01.com.lightbitslabs:uuid:" + c.UUID }

func (c *clusterRow) etag() string { return strconv.FormatUint(c.Changes, 10) }

// clusterEndpoints are the endpoints and versions of a cluster's servers and nodes, in the order of their names.
type clusterEndpoints struct{ api, discovery, nvme, versions []string }

const discoveryPort = "8009"

func (s *Service) endpoints(tx *store.Tx) clusterEndpoints {
	var servers []Server
	for _, row := range s.servers.Table().All(tx, "", "") {
		servers = append(servers, row.Body)
	}
	slices.SortFunc(servers, func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
	var nodes []Node
	for _, row := range s.nodes.Table().All(tx, "", "") {
		nodes = append(nodes, row.Body)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	var ends clusterEndpoints
	for i := range servers {
		for _, api := range servers[i].APIEndpoints {
			ends.api = withText(ends.api, api) // servers created with reuseIP share one
		}
		ends.versions = append(ends.versions, servers[i].LightOSVersion)
	}
	for i := range nodes {
		host := nodes[i].NvmeEndpoint[:strings.LastIndexByte(nodes[i].NvmeEndpoint, ':')+1]
		ends.nvme = withText(ends.nvme, nodes[i].NvmeEndpoint)
		ends.discovery = withText(ends.discovery, host+discoveryPort)
	}
	return ends
}

// withText returns the list with text appended, unless it has it already.
func withText(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}
