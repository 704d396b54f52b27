package lightbits

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// Cluster is the whole cluster as the API answers it to its administrators (spec message ClusterInfo,
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

// ClusterInfo is what tenants see of it (spec message ClusterInfoV2, facts/lightbits.md 4.10).
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

// ClusterStatistics is the space of a cluster, in bytes (spec message ClusterStatisticsApi). The sums are those of the
// nodes, so each replica counts (assumption 41).
type ClusterStatistics struct {
	InstalledPhysicalStorage           uint64  `json:"installedPhysicalStorage"`
	ManagedPhysicalStorage             uint64  `json:"managedPhysicalStorage"`
	EffectivePhysicalStorage           uint64  `json:"effectivePhysicalStorage"`
	LogicalStorage                     uint64  `json:"logicalStorage"`
	LogicalUsedStorage                 uint64  `json:"logicalUsedStorage"`
	PhysicalUsedStorage                uint64  `json:"physicalUsedStorage"`
	PhysicalUsedStorageIncludingParity uint64  `json:"physicalUsedStorageIncludingParity"`
	FreePhysicalStorage                uint64  `json:"freePhysicalStorage"`
	EstimatedFreeLogicalStorage        uint64  `json:"estimatedFreeLogicalStorage"`
	EstimatedLogicalStorage            uint64  `json:"estimatedLogicalStorage"`
	CompressionRatio                   float64 `json:"compressionRatio"`
}

// ClusterHealth counts what is well and what is not.
type ClusterHealth struct {
	State                  HealthState `json:"state"`
	NumDegradedVolumes     uint32      `json:"numDegradedVolumes"`
	NumReadOnlyVolumes     uint32      `json:"numReadOnlyVolumes"`
	NumNotAvailableVolumes uint32      `json:"numNotAvailableVolumes"`
	NumInactiveNodes       uint32      `json:"numInactiveNodes"`
	NumHealthyVolumes      uint32      `json:"numHealthyVolumes"`
}

// HealthState is the health of a cluster or a server (spec enum ClusterHealth.State).
type HealthState string

// The states of health: Warning with inactive nodes or degraded volumes, Error with volumes that are read-only or not
// available.
const (
	HealthOK      HealthState = "OK"
	HealthWarning HealthState = "Warning"
	HealthError   HealthState = "Error"
)

var healthStateNames = map[string]int32{"None": 0, "OK": 1, "Warning": 2, "Error": 3}

// EnumNumbers is as in the vendor's definition.
func (HealthState) EnumNumbers() map[string]int32 { return healthStateNames }

// ClusterLastUpgrade is how the latest upgrade of the cluster went.
type ClusterLastUpgrade struct {
	Status        ClusterUpgradeStatus `json:"Status"`
	StartTime     time.Time            `json:"StartTime"`
	EndTime       time.Time            `json:"EndTime"`
	TargetVersion string               `json:"TargetVersion"`
	ErrorMessage  string               `json:"ErrorMessage"`
	ProgressStep  uint32               `json:"ProgressStep"`
	ProgressTotal uint32               `json:"ProgressTotal"`
}

// ClusterUpgradeStatus is what an upgrade of the cluster is doing.
type ClusterUpgradeStatus string

// The statuses: None is that of a cluster that is not being upgraded.
const (
	ClusterUpgradeNone      ClusterUpgradeStatus = "None"
	ClusterUpgradeFailed    ClusterUpgradeStatus = "UpgradeFailed"
	ClusterUpgradeUpgrading ClusterUpgradeStatus = "Upgrading"
)

var clusterUpgradeStatusNames = map[string]int32{"Unknown": 0, "None": 1, "UpgradeFailed": 2, "Upgrading": 3}

// EnumNumbers is as in the vendor's definition.
func (ClusterUpgradeStatus) EnumNumbers() map[string]int32 { return clusterUpgradeStatusNames }

// InBandAuthMode says whether hosts must authenticate (spec enum ClusterInfo.AuthenticationMode).
type InBandAuthMode string

// The modes.
const (
	InBandAuthEnabled  InBandAuthMode = "Enabled"
	InBandAuthDisabled InBandAuthMode = "Disabled"
)

var inBandAuthModeNames = map[string]int32{"UnKnown": 0, "Enabled": 2, "Disabled": 3}

// EnumNumbers is as in the vendor's definition, its spelling included.
func (InBandAuthMode) EnumNumbers() map[string]int32 { return inBandAuthModeNames }

// ClusterEncryptionStatus is where the encryption of the cluster's data stands.
type ClusterEncryptionStatus struct {
	EncryptionState        EncryptionState  `json:"encryptionState"`
	KekGeneration          uint64           `json:"kekGeneration"`
	KekUpdateDate          time.Time        `json:"kekUpdateDate"`
	PreviousKekGenerations []uint64         `json:"previousKekGenerations"`
	RotationState          KeyRotationState `json:"rotationState"`
}

// EncryptionState says whether data is encrypted; Disabled is the zero value.
type EncryptionState string

var encryptionStateNames = map[string]int32{"Disabled": 0, "Enabling": 1, "Enabled": 2, "Unknown": 3}

// EnumNumbers is as in the vendor's definition.
func (EncryptionState) EnumNumbers() map[string]int32 { return encryptionStateNames }

// KeyRotationState says what a rotation of the root key is doing; NoRotation is the zero value.
type KeyRotationState string

var keyRotationStateNames = map[string]int32{"NoRotation": 0, "DistributingKEK": 1, "EncryptingDEKs": 2, "EncryptyingDEKs": 2}

// EnumNumbers is as in the vendor's definition, its misspelt alias included.
func (KeyRotationState) EnumNumbers() map[string]int32 { return keyRotationStateNames }

// FederatedAuthenticationStatus says whether tokens of identity providers are taken, and how those providers are.
type FederatedAuthenticationStatus struct {
	FederatedAuthenticationEnabled bool             `json:"federatedAuthenticationEnabled"`
	IdpHealthInfos                 []*IdpHealthInfo `json:"idpHealthInfos"`
}

// IdpHealthInfo is how an identity provider was when it was last asked.
type IdpHealthInfo struct {
	ServerName         string          `json:"serverName"`
	IdpHealthStatus    IdpHealthStatus `json:"idpHealthStatus"`
	Timestamp          time.Time       `json:"timestamp"`
	HealthErrorMessage string          `json:"healthErrorMessage"`
}

// IdpHealthStatus is the health of an identity provider.
type IdpHealthStatus string

var idpHealthStatusNames = map[string]int32{"IdpHealthStatus_Healthy": 0, "IdpHealthStatus_UnHealthy": 1, "IdpHealthStatus_Unknown": 2}

// EnumNumbers is as in the vendor's definition.
func (IdpHealthStatus) EnumNumbers() map[string]int32 { return idpHealthStatusNames }

// Version is what GET /version answers.
type Version struct {
	APIVersion string `json:"apiVersion"`
}

// getVersion: clients refuse any other value (facts/lightbits.md 4.11).
func (s *Service) getVersion(*store.Tx, *api.Request, *api.Empty) (Version, error) {
	return Version{APIVersion: "v2.0"}, nil
}

// getCluster: seeds/002 "Retrieve cluster information", GET /api/v2/cluster.
func (s *Service) getCluster(tx *store.Tx, _ *api.Request, _ *api.Empty) (Cluster, error) {
	row, err := s.cluster(tx)
	if err != nil {
		return Cluster{}, err
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

func (c *clusterRow) inBandAuthMode() InBandAuthMode {
	if c.InBandAuth {
		return InBandAuthEnabled
	}
	return InBandAuthDisabled
}

// clusterEndpoints is where a cluster's servers and nodes are reached, in the order of their names.
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
			ends.api = withText(ends.api, api) // servers share one where reuseIP was used
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

// withText is the list with a text that it has once.
func withText(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// compareVersions orders dotted versions by their numbers: 3.9 before 3.10. What follows a "~" or "-" does not count.
func compareVersions(a, b string) int {
	numbers := func(v string) []int {
		v, _, _ = strings.Cut(v, "~")
		v, _, _ = strings.Cut(v, "-")
		var list []int
		for part := range strings.SplitSeq(v, ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(a), numbers(b))
}

// clusterStatistics adds up what the nodes hold. Installed are all devices of all servers, managed or not.
func (s *Service) clusterStatistics(tx *store.Tx, all map[string]nodeUsage) *ClusterStatistics {
	var installed uint64
	for _, row := range s.nvmeDevices.Table().All(tx, "", "") {
		installed += row.Body.Size
	}
	var spaces []physics.Space
	for _, u := range all {
		spaces = append(spaces, physics.SpaceOf(u.Disks, u.Usage))
	}
	sum := physics.Sum(spaces...)
	return &ClusterStatistics{
		InstalledPhysicalStorage: installed, ManagedPhysicalStorage: sum.Managed, EffectivePhysicalStorage: sum.Effective,
		LogicalStorage: sum.Logical, LogicalUsedStorage: sum.LogicalUsed, PhysicalUsedStorage: sum.PhysicalUsed,
		PhysicalUsedStorageIncludingParity: sum.WithParity, FreePhysicalStorage: sum.Free,
		EstimatedFreeLogicalStorage: sum.FreeLogical, EstimatedLogicalStorage: sum.TotalLogical, CompressionRatio: sum.Compression,
	}
}

// clusterHealth follows from the nodes and from how many volumes lie on which of them.
func (s *Service) clusterHealth(tx *store.Tx, all map[string]nodeUsage) *ClusterHealth {
	h := &ClusterHealth{State: HealthOK}
	for _, u := range all {
		if u.Attached && !u.Serving {
			h.NumInactiveNodes++
		}
	}
	for _, g := range groupTable.All(tx, "", "") {
		switch nodes := g.members(all); physics.ProtectionOf(len(nodes), upOf(nodes)) {
		case physics.FullyProtected:
			h.NumHealthyVolumes += uint32(g.Volumes)
		case physics.Degraded:
			h.NumDegradedVolumes += uint32(g.Volumes)
		case physics.ReadOnly:
			h.NumReadOnlyVolumes += uint32(g.Volumes)
		case physics.NotAvailable:
			h.NumNotAvailableVolumes += uint32(g.Volumes)
		case physics.NoProtection:
		}
	}
	switch {
	case h.NumReadOnlyVolumes+h.NumNotAvailableVolumes > 0:
		h.State = HealthError
	case h.NumInactiveNodes+h.NumDegradedVolumes > 0:
		h.State = HealthWarning
	}
	return h
}
