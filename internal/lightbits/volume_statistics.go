package lightbits

import "storagesim/internal/lightbits/physics"

// VolumeStatistics is the space that a volume uses (spec message VolumeStatisticsApi). Storage, capacity and memory are
// in bytes of one replica, without parity. All are 0 for a volume that was never written.
//
// The "used" members count all blocks of the volume, shared or not. physicalCapacity and userWritten count its layer:
// the blocks that nothing older in its chain has. The layers add up to what the nodes hold (assumption 71).
type VolumeStatistics struct {
	LogicalUsedStorage               uint64  `json:"logicalUsedStorage"`
	PhysicalUsedStorage              uint64  `json:"physicalUsedStorage"`
	CompressionRatio                 float64 `json:"compressionRatio"`
	TotalCompressionRatio            float64 `json:"totalCompressionRatio"`
	PhysicalCapacity                 uint64  `json:"physicalCapacity"`
	PhysicalOwnedCapacity            uint64  `json:"physicalOwnedCapacity"`
	PhysicalOwnedMemory              uint64  `json:"physicalOwnedMemory"`
	PhysicalMemory                   uint64  `json:"physicalMemory"`
	UserWritten                      uint64  `json:"userWritten"`
	UnrecoverableDataIntegrityErrors uint32  `json:"unrecoverableDataIntegrityErrors"`
	RecoverableDataIntegrityErrors   uint32  `json:"recoverableDataIntegrityErrors"`
}

// SnapshotStatistics is the space that a snapshot uses (spec message SnapshotStatisticsApi), in the units of
// VolumeStatistics.
type SnapshotStatistics struct {
	PhysicalCapacity      uint64 `json:"physicalCapacity"`
	PhysicalOwnedCapacity uint64 `json:"physicalOwnedCapacity"`
	PhysicalOwnedMemory   uint64 `json:"physicalOwnedMemory"`
	PhysicalMemory        uint64 `json:"physicalMemory"`
	UserWritten           uint64 `json:"userWritten"`
}

// blockMemory is the memory of a node for each block, in bytes (assumption 73).
const blockMemory = 8

// volumeStatistics returns the statistics of a volume with that share of the chain's blocks, all. The counts of data
// integrity errors are those of old.
func volumeStatistics(old *VolumeStatistics, share physics.Share, all physics.Blocks) *VolumeStatistics {
	st := VolumeStatistics{
		LogicalUsedStorage:    share.Held.Logical(),
		PhysicalUsedStorage:   share.Held.Physical(),
		CompressionRatio:      ratio(share.Layer),
		TotalCompressionRatio: ratio(all),
		PhysicalCapacity:      share.Layer.Physical(),
		PhysicalOwnedCapacity: share.Owned.Physical(),
		PhysicalOwnedMemory:   share.Owned.Count() * blockMemory,
		PhysicalMemory:        share.Layer.Count() * blockMemory,
		UserWritten:           share.Layer.Logical(),
	}
	if old != nil {
		st.UnrecoverableDataIntegrityErrors = old.UnrecoverableDataIntegrityErrors
		st.RecoverableDataIntegrityErrors = old.RecoverableDataIntegrityErrors
	}
	return &st
}

// snapshotStatistics returns the statistics of a snapshot with that share of its chain.
func snapshotStatistics(share physics.Share) *SnapshotStatistics {
	return &SnapshotStatistics{
		PhysicalCapacity:      share.Layer.Physical(),
		PhysicalOwnedCapacity: share.Owned.Physical(),
		PhysicalOwnedMemory:   share.Owned.Count() * blockMemory,
		PhysicalMemory:        share.Layer.Count() * blockMemory,
		UserWritten:           share.Layer.Logical(),
	}
}

// ratio returns the bytes written for each byte on devices; 0 if nothing was written.
func ratio(b physics.Blocks) float64 {
	if b.Count() == 0 {
		return 0
	}
	return float64(b.Logical()) / float64(b.Physical())
}
