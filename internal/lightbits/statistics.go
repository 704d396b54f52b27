package lightbits

// VolumeStatistics is what is known of the space a volume takes (spec message VolumeStatisticsApi). Storage and capacity
// are in bytes, of one replica. A volume that was never written has all zero (assumption 71).
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
