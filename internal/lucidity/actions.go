package lucidity

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Actions lists what a person, a cloud or nature does beside the API. What moves a partition goes through its machine.
func (s *Service) Actions() []api.Action {
	return []api.Action{
		api.Do(vendor, "add-tenant", "a cloud account is a tenant, as if it had been onboarded long ago", s.addTenantAction),
		api.Do(vendor, "set-cloud-account", "a cloud account, as Lucidity finds it when it is onboarded", setCloudAccount),
		api.Do(vendor, "add-instance", "an instance with unmanaged partitions; an account that is no tenant becomes one", s.addInstanceAction),
		api.Do(vendor, "add-partition", "an instance gets a partition", s.addPartitionAction),
		api.Do(vendor, "add-pool", "an instance gets a disk pool, which partitions must match from now on", s.addPoolAction),
		api.Do(vendor, "fail-partition", "the onboarding of a partition fails: the one under way, else the next one", s.failPartition),
		api.Do(vendor, "deboard-partition", "a managed partition is scheduled for deboarding", s.deboardPartition),
		api.Do(vendor, "fail-buffer", "the provisioning of a buffer fails", s.failBuffer),
		api.Do(vendor, "internal-server", "the server behind the API goes away, or comes back", setInternalServer),
		api.Do(vendor, "gcp-maintenance", "the maintenance of the API's support for GCP begins, or ends", setGCPMaintenance),
	}
}

// addedThing is what actions answer about something new: its id for /_sim/resources, and its name.
type addedThing struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Service) addTenantAction(tx *store.Tx, p *newTenant) (any, error) {
	t, err := s.addTenant(tx, p)
	return addedThing{t.TenantID, t.CloudProviderAccountID}, err
}

func setCloudAccount(tx *store.Tx, p *CloudAccount) (any, error) {
	return p, putCloudAccount(tx, p)
}

// instanceParams name an instance.
type instanceParams struct {
	CloudProvider          string `json:"cloudProvider" doc:"AWS, AZURE or GCP"`
	CloudProviderAccountID string `json:"cloudProviderAccountId" doc:"AWS account, Azure subscription or GCP project"`
	InstanceID             string `json:"instanceId" doc:"the id, on Azure the name"`
	ResourceGroup          string `json:"resourceGroup" doc:"on Azure only"`
}

func (p *instanceParams) identifier() instanceIdentifier {
	return instanceIdentifier{p.CloudProvider, p.CloudProviderAccountID, p.InstanceID, p.ResourceGroup}
}

// instance finds an instance that an action names: NotFound where it is not there.
func (s *Service) instance(tx *store.Tx, p *instanceParams) (*Instance, error) {
	id := p.identifier()
	if err := id.check(""); err != nil {
		return nil, err
	}
	row, err := s.instances.Get(tx, id.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.New(refusal.NotFound, "instance %s is not there; lucidity/add-instance makes one", id.words())
	}
	return &row.Body, err
}

type addInstanceParams struct {
	instanceParams
	Managed    *bool    `json:"managed" doc:"by Lucidity; default true"`
	Partitions []string `json:"partitions" doc:"mount points"`
}

// addedInstance is what add-instance answers.
type addedInstance struct {
	addedThing
	Partitions []addedThing `json:"partitions"`
}

func (s *Service) addInstanceAction(tx *store.Tx, p *addInstanceParams) (any, error) {
	i, err := s.addInstance(tx, p.identifier(), p.Managed == nil || *p.Managed)
	if err != nil {
		return nil, err
	}
	added := addedInstance{addedThing: addedThing{i.ID, i.words()}, Partitions: []addedThing{}}
	for k, mountPoint := range p.Partitions {
		partition, err := s.addPartition(tx, &i, &newPartition{Partition: mountPoint})
		if err != nil {
			return nil, inputAt(at("partitions", k), err)
		}
		added.Partitions = append(added.Partitions, addedThing{partition.ID, partition.Partition})
	}
	return added, nil
}

type addPartitionParams struct {
	instanceParams
	newPartition
}

func (s *Service) addPartitionAction(tx *store.Tx, p *addPartitionParams) (any, error) {
	i, err := s.instance(tx, &p.instanceParams)
	if err != nil {
		return nil, err
	}
	partition, err := s.addPartition(tx, i, &p.newPartition)
	return addedThing{partition.ID, partition.Name}, err
}

type addPoolParams struct {
	instanceParams
	poolSettings
}

func (s *Service) addPoolAction(tx *store.Tx, p *addPoolParams) (any, error) {
	i, err := s.instance(tx, &p.instanceParams)
	if err != nil {
		return nil, err
	}
	pool, err := s.addPool(tx, i, p.poolSettings)
	return addedThing{pool.ID, pool.Name}, err
}

// partitionParams name a partition.
type partitionParams struct {
	instanceParams
	Partition string `json:"partition" doc:"mount point"`
}

func (s *Service) partition(tx *store.Tx, p *partitionParams) (statemachine.Row[Partition], error) {
	i, err := s.instance(tx, &p.instanceParams)
	if err != nil {
		return statemachine.Row[Partition]{}, err
	}
	return s.partitionOn(tx, i, p.Partition)
}

// movedPartition is what actions answer about a partition that they moved.
type movedPartition struct {
	ID    string             `json:"id"`
	Name  string             `json:"name"`
	State statemachine.State `json:"state"`
}

type failPartitionParams struct {
	partitionParams
	Reason string `json:"reason" doc:"what partition/status will say"`
}

// failPartition: FailedPrecondition for a partition that is managed or not supported.
func (s *Service) failPartition(tx *store.Tx, p *failPartitionParams) (any, error) {
	if err := bounded(member{"reason", p.Reason}); err != nil {
		return nil, err
	}
	row, err := s.partition(tx, &p.partitionParams)
	if err != nil {
		return nil, err
	}
	row.Body.NextFailure = p.Reason
	setDefault(&row.Body.NextFailure, msgFailed)
	switch {
	case underWay(row.Life.State):
		err = s.partitions.Fire(tx, &row, "fail")
	case row.Life.State == PartitionReady || row.Life.State == PartitionFailed:
		err = s.partitions.Save(tx, &row)
	default:
		err = refusal.New(refusal.FailedPrecondition, "partition '%s' is %s and will not be onboarded", row.Body.Partition, row.Life.State)
	}
	return movedPartition{row.Body.ID, row.Body.Name, row.Life.State}, err
}

// deboardPartition: FailedPrecondition for a partition that is not managed, or scheduled already.
func (s *Service) deboardPartition(tx *store.Tx, p *partitionParams) (any, error) {
	row, err := s.partition(tx, p)
	if err != nil {
		return nil, err
	}
	err = illegalIsPrecondition(s.partitions.Fire(tx, &row, "schedule-deboard"))
	return movedPartition{row.Body.ID, row.Body.Name, row.Life.State}, err
}

type failBufferParams struct {
	BufferID string `json:"bufferId" doc:"as RequestBuffer answered it"`
	Reason   string `json:"reason" doc:"what its status will say"`
}

// failBuffer: NotFound for a buffer that is not there, FailedPrecondition for one that is not being provisioned.
func (s *Service) failBuffer(tx *store.Tx, p *failBufferParams) (any, error) {
	if err := bounded(member{"reason", p.Reason}); err != nil {
		return nil, err
	}
	row, err := s.buffers.Get(tx, p.BufferID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.New(refusal.NotFound, "buffer '%s' is not there", p.BufferID)
	}
	if err != nil {
		return nil, err
	}
	row.Body.FailureReason = p.Reason
	err = illegalIsPrecondition(s.buffers.Fire(tx, &row, "fail"))
	return statusOf(&row), err
}

// illegalIsPrecondition makes of a machine's refusal one that says so in an action's answer.
func illegalIsPrecondition(err error) error {
	var illegal *statemachine.IllegalError
	if errors.As(err, &illegal) {
		return refusal.New(refusal.FailedPrecondition, "%s", illegal.Error()).Because(illegal.Cause)
	}
	return err
}

type internalServerParams struct {
	Available *bool `json:"available" doc:"whether it can be contacted"`
}

func setInternalServer(tx *store.Tx, p *internalServerParams) (any, error) {
	if p.Available == nil {
		return nil, &strict.Error{Path: "available", Detail: "must be true or false"}
	}
	return p, setSwitch(tx, func(sw *switches) { sw.InternalServerAway = !*p.Available })
}

type gcpMaintenanceParams struct {
	Enabled *bool `json:"enabled" doc:"whether requests about GCP instances are refused"`
}

func setGCPMaintenance(tx *store.Tx, p *gcpMaintenanceParams) (any, error) {
	if p.Enabled == nil {
		return nil, &strict.Error{Path: "enabled", Detail: "must be true or false"}
	}
	return p, setSwitch(tx, func(sw *switches) { sw.GCPMaintenance = *p.Enabled })
}
