package lightbits

import "storagesim/internal/lightbits/physics"

// VolumeStatistics is what is known of the space a volume takes (spec message VolumeStatisticsApi). Storage, capacity
// and memory are in bytes, of one replica and without parity. A volume that was never written has all zero.
//
// The "used" ones are of all that the volume holds, shared or not. physicalCapacity and userWritten are of its layer:
// what it holds and nothing older in its chain does. Layers add up to what the nodes hold (assumption 71).
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

// SnapshotStatistics is what is known of the space a snapshot takes (spec message SnapshotStatisticsApi), in the units of
// VolumeStatistics.
type SnapshotStatistics struct {
	PhysicalCapacity      uint64 `json:"physicalCapacity"`
	PhysicalOwnedCapacity uint64 `json:"physicalOwnedCapacity"`
	PhysicalOwnedMemory   uint64 `json:"physicalOwnedMemory"`
	PhysicalMemory        uint64 `json:"physicalMemory"`
	UserWritten           uint64 `json:"userWritten"`
}

// blockMemory is how many bytes of memory a node keeps for each block (assumption 73).
const blockMemory = 8

// volumeStatistics answers the statistics of a volume with that share of a chain that holds all. What old says of data
// integrity stays.
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

// snapshotStatistics is the same of a snapshot.
func snapshotStatistics(share physics.Share) *SnapshotStatistics {
	return &SnapshotStatistics{
		PhysicalCapacity:      share.Layer.Physical(),
		PhysicalOwnedCapacity: share.Owned.Physical(),
		PhysicalOwnedMemory:   share.Owned.Count() * blockMemory,
		PhysicalMemory:        share.Layer.Count() * blockMemory,
		UserWritten:           share.Layer.Logical(),
	}
}

// ratio is bytes written for each byte on devices; 0 where nothing was written.
func ratio(b physics.Blocks) float64 {
	if b.Count() == 0 {
		return 0
	}
	return float64(b.Logical()) / float64(b.Physical())
}
