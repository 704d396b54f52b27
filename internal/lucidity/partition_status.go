package lucidity

import (
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// The statuses of an onboarding. PARTITION_STATUS_FAILED is the product's own; of the others only the last words are
// known (facts/dms-lucidlink-lucidity.md 2.4, assumption 196).
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

// getPartitionStatus returns the status of the onboarding of a partition. It refuses with InvalidArgument if the
// request is invalid, if the instance does not have the partition, or if no onboarding was requested; and as authorized
// does.
func (s *Service) getPartitionStatus(
	tx *store.Tx, _ *api.Request, q *getPartitionStatusRequest,
) (*partitionStatus, error) {
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
		return nil, invalid(
			"No onboarding was requested for partition '%s' of instance '%s'",
			row.Body.Partition, instance.Body.InstanceID).
			Because(s.partitions.Stands("GetPartitionStatus", &row))
	}
	return &partitionStatus{Partition: row.Body.Partition, Status: status, FailureReason: row.Body.FailureReason}, nil
}
