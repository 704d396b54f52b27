package lucidity

import (
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

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
