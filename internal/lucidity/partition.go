package lucidity

import (
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
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

// partitionMachine is the machine of a partition (facts/dms-lucidlink-lucidity.md 2.4). A failed partition can be
// submitted again. In the product the duration of a step depends on the data; here it is a delay.
func (s *Service) partitionMachine() *statemachine.Machine[Partition] {
	in := func(states ...statemachine.State) []statemachine.State { return states }
	type row = statemachine.Row[Partition]
	return statemachine.Define(statemachine.Machine[Partition]{
		Kind: "lucidity.partition", Initial: in(PartitionReady, PartitionOnBoarded, PartitionFailed, PartitionExcluded),
		Key:  func(p *Partition) string { return partitionKey(p.Instance, p.Partition) },
		ID:   func(p *Partition) string { return p.ID },
		Name: func(p *Partition) string { return p.Name },
		Indexes: []store.Index[row]{
			{Name: partitionsByInstance, Keys: func(r *row) []string { return []string{r.Body.Instance} }},
		},
		Rules: []statemachine.Rule[Partition]{
			{From: in(PartitionReady, PartitionFailed), On: "onboard", To: PartitionQueued, Do: s.onboardingBegins},
			{
				From: in(PartitionQueued), On: "start", To: PartitionInProgress, After: "queue",
				Unless: s.unlessDeboarded,
			},
			{
				From: in(PartitionInProgress), On: "migrated", To: PartitionFinalizing, After: "onboard",
				Unless: s.unlessFailing,
			},
			{
				From: in(PartitionFinalizing), On: "finish", To: PartitionOnBoarded, After: "finalize",
				Do: s.onboarded, Unless: s.unlessDeboarded,
			},
			{From: onboarding(), On: "fail", To: PartitionFailed, Do: s.onboardingFailed},
			{From: in(PartitionOnBoarded), On: "schedule-deboard", To: PartitionDeboarding},
			{From: in(PartitionDeboarding), On: "cancel-deboard", To: PartitionOnBoarded},
			{From: in(PartitionDeboarding), On: "deboard", To: PartitionReady, After: "deboard", Do: s.deboarded},
			{From: in(PartitionReady, PartitionFailed), On: "exclude", To: PartitionExcluded, Do: excluded},
			{From: in(PartitionExcluded), On: "include", To: PartitionReady, Do: included},
		},
		Delays: map[string]statemachine.DelayDefault{
			"queue":    {Fast: "100ms", Realistic: "30s"},
			"onboard":  {Fast: "300ms", Realistic: `{"lognormal":{"median":"20m","p99":"3h"}}`},
			"finalize": {Fast: "100ms", Realistic: "2m"},
			"deboard":  {Fast: "300ms", Realistic: "20m"},
		},
	})
}

func (s *Service) onboardingBegins(tx *store.Tx, r *statemachine.Row[Partition]) error {
	r.Body.FailureReason = ""
	return s.joinPool(tx, &r.Body)
}

func (s *Service) onboarded(tx *store.Tx, r *statemachine.Row[Partition]) error {
	return s.activatePool(tx, &r.Body)
}

// msgDeboarded is the failure reason of an onboarding whose tenant was deboarded.
const msgDeboarded = "The tenant was deboarded"

// unlessDeboarded returns fail if the tenant of an onboarding is no longer active.
func (s *Service) unlessDeboarded(tx *store.Tx, r *statemachine.Row[Partition]) statemachine.Event {
	instance, err := s.instances.Get(tx, r.Body.Instance)
	if err != nil {
		return "fail"
	}
	tenant, err := s.tenants.Get(tx, tenantKey(instance.Body.CloudProvider, instance.Body.CloudProviderAccountID))
	if err != nil || tenant.Body.Status != TenantActive {
		r.Body.NextFailure = msgDeboarded
		return "fail"
	}
	return ""
}

// unlessFailing returns fail if an action made the onboarding fail, or if unlessDeboarded does.
func (s *Service) unlessFailing(tx *store.Tx, r *statemachine.Row[Partition]) statemachine.Event {
	if r.Body.NextFailure != "" {
		return "fail"
	}
	return s.unlessDeboarded(tx, r)
}

// msgExcluded is the default reason for which a partition is not supported.
const msgExcluded = "it is not eligible for onboarding"

func excluded(_ *store.Tx, r *statemachine.Row[Partition]) error {
	r.Body.FailureReason = ""
	if r.Body.Reason == "" {
		r.Body.Reason = msgExcluded
	}
	return nil
}

func included(_ *store.Tx, r *statemachine.Row[Partition]) error {
	r.Body.Reason = ""
	return nil
}

// msgFailed is the default failure reason of an onboarding (seeds/000).
const msgFailed = "Partition onboarding failed"

func (s *Service) onboardingFailed(tx *store.Tx, r *statemachine.Row[Partition]) error {
	p := &r.Body
	if p.FailureReason, p.NextFailure = p.NextFailure, ""; p.FailureReason == "" {
		p.FailureReason = msgFailed
	}
	p.poolSettings = p.Disk
	return s.leavePool(tx, p, true)
}

func (s *Service) deboarded(tx *store.Tx, r *statemachine.Row[Partition]) error {
	r.Body.poolSettings = r.Body.Disk
	return s.leavePool(tx, &r.Body, false)
}
