package lucidity

import (
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// The statuses of an onboarding. PARTITION_STATUS_FAILED is the product's own; of the others only the words are known
// (facts/dms-lucidlink-lucidity.md 2.4, assumption 196).
const (
	statusPending    = "PARTITION_STATUS_PENDING"
	statusInProgress = "PARTITION_STATUS_IN_PROGRESS"
	statusOnboarded  = "PARTITION_STATUS_ONBOARDED"
	statusFailed     = "PARTITION_STATUS_FAILED"
)

var onboardingStatuses = map[statemachine.State]string{
	PartitionQueued:     statusPending,
	PartitionInProgress: statusInProgress,
	PartitionFinalizing: statusInProgress,
	PartitionOnBoarded:  statusOnboarded,
	PartitionDeboarding: statusOnboarded,
	PartitionFailed:     statusFailed,
}

type getPartitionStatusRequest struct {
	partitionReference
}

type partitionStatus struct {
	Partition     string `json:"partition"`
	Status        string `json:"status"`
	FailureReason string `json:"failureReason,omitempty"`
}

// getPartitionStatus answers how far the onboarding of a partition is. InvalidArgument for a request that is wrong in
// itself, a partition that the instance does not have, and one of which no onboarding was asked for; PermissionDenied and
// Unavailable as authorized says.
func (s *Service) getPartitionStatus(tx *store.Tx, _ *api.Request, q *getPartitionStatusRequest) (*partitionStatus, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	instance, row, err := s.referred(tx, &q.partitionReference)
	if err != nil {
		return nil, err
	}
	s.partitions.Observed(tx, &row)
	status := onboardingStatuses[row.Life.State]
	if status == "" {
		return nil, invalid("No onboarding was requested for partition '%s' of instance '%s'", row.Body.Partition, instance.Body.InstanceID).
			Because(s.partitions.Stands("GetPartitionStatus", &row))
	}
	return &partitionStatus{Partition: row.Body.Partition, Status: status, FailureReason: row.Body.FailureReason}, nil
}
