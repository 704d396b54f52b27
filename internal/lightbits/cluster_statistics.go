package lightbits

import (
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// ClusterStatistics is the space of a cluster, in bytes (spec message ClusterStatisticsApi). It adds up the nodes, so
// each replica counts (assumption 41).
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

// clusterStatistics adds up the space of the attached nodes. Only nodes that serve have free space: nothing can be
// written to the others. The installed storage includes all devices, also those that no node manages.
func (s *Service) clusterStatistics(tx *store.Tx, all map[string]nodeUsage) *ClusterStatistics {
	var installed uint64
	for _, row := range s.nvmeDevices.Table().All(tx, "", "") {
		installed += row.Body.Size
	}
	var spaces []physics.Space
	for _, u := range all {
		if !u.Attached {
			continue
		}
		space := physics.SpaceOf(u.Disks, u.Usage)
		if !u.Serving {
			space.Free = 0
		}
		spaces = append(spaces, space)
	}
	sum := physics.Sum(spaces...)
	return &ClusterStatistics{
		InstalledPhysicalStorage: installed, ManagedPhysicalStorage: sum.Managed,
		EffectivePhysicalStorage: sum.Effective,
		LogicalStorage:           sum.Logical, LogicalUsedStorage: sum.LogicalUsed,
		PhysicalUsedStorage:                sum.PhysicalUsed,
		PhysicalUsedStorageIncludingParity: sum.WithParity, FreePhysicalStorage: sum.Free,
		EstimatedFreeLogicalStorage: sum.FreeLogical, EstimatedLogicalStorage: sum.TotalLogical,
		CompressionRatio: sum.Compression,
	}
}
