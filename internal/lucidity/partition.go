package lucidity

import (
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
)

func (s *Service) partitionOperations() []api.Operation {
	return []api.Operation{
		{Name: "CreatePartition", Method: http.MethodPost, Path: "/external/client/api/v1/partition/create",
			Statuses: []int{202, 400, 401, 403, 412, 500, 503}, Needs: token, Endpoint: api.Handle(s.createPartition)},
		{Name: "GetPartitionStatus", Method: http.MethodPost, Path: "/external/client/api/v1/partition/status",
			ReadOnly: true,
			Statuses: []int{200, 400, 401, 403, 500, 503}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.getPartitionStatus)},
	}
}

// The states of a partition, as GetInstanceDetails shows them (assumption 190).
const (
	PartitionReady      statemachine.State = "READY_TO_ONBOARD"
	PartitionQueued     statemachine.State = "QUEUED_FOR_ONBOARDING"
	PartitionInProgress statemachine.State = "IN_PROGRESS"
	PartitionFinalizing statemachine.State = "FINALIZING_ONBOARDING"
	PartitionOnBoarded  statemachine.State = "ON_BOARDED"
	PartitionDeboarding statemachine.State = "SCHEDULED_FOR_DEBOARD"
	PartitionFailed     statemachine.State = "FAILED"
	PartitionExcluded   statemachine.State = "NOT_SUPPORTED"
)

// Partition is a mount point of an instance. From the start of its onboarding its settings are those of the instance's
// pool, before and after its management those of its own disk.
type Partition struct {
	ID        string `json:"id"`       // ours; the API shows none
	Instance  string `json:"instance"` // the instance's key
	Partition string `json:"partition"`
	Name      string `json:"name"` // for people: instance and mount point
	poolSettings
	Disk          poolSettings `json:"disk"`          // of its own disk
	Reason        string       `json:"reason"`        // why it is not supported
	NextFailure   string       `json:"nextFailure"`   // why its onboarding will fail
	FailureReason string       `json:"failureReason"` // why its onboarding has failed
	RequestFails  bool         `json:"requestFails"`  // CreatePartition fails with 500
}

// partitionsByInstance is the index of partitions by their instance's key.
const partitionsByInstance = "instance"

func partitionKey(instance, partition string) string {
	return instance + keySeparator + foldDrive(partition)
}

// foldDrive returns a drive letter as a capital, because Windows ignores its case. Other names stay.
func foldDrive(partition string) string {
	if len(partition) == 1 {
		return strings.ToUpper(partition)
	}
	return partition
}

// underWay reports whether a partition is being onboarded.
func underWay(state statemachine.State) bool {
	return slices.Contains(onboarding(), state)
}

func onboarding() []statemachine.State {
	return []statemachine.State{PartitionQueued, PartitionInProgress, PartitionFinalizing}
}

// managed reports whether Lucidity manages a partition.
func managed(state statemachine.State) bool {
	return state == PartitionOnBoarded || state == PartitionDeboarding
}
