package lucidity

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Actions returns the actions of users, clouds and faults that the API does not have.
func (s *Service) Actions() []api.Action {
	return []api.Action{
		api.Do(vendor, "add-tenant", "adds a tenant, as if its cloud account had been onboarded long ago",
			s.addTenantAction),
		api.Do(vendor, "set-cloud-account", "sets what an onboarding finds at a cloud account", setCloudAccount),
		api.Do(vendor, "add-instance", "adds an instance with unmanaged partitions, and its account as a tenant",
			s.addInstanceAction),
		api.Do(vendor, "add-partition", "adds a partition to an instance", s.addPartitionAction),
		api.Do(vendor, "add-pool", "adds a disk pool to an instance; new partitions must match it", s.addPoolAction),
		api.Do(vendor, "fail-partition", "makes the present or next onboarding of a partition fail, or its requests",
			s.failPartition),
		api.Do(vendor, "deboard-partition", "schedules a managed partition for deboarding", s.deboardPartition),
		api.Do(vendor, "fail-buffer", "makes the provisioning of a buffer fail", s.failBuffer),
		api.Do(vendor, "internal-server", "makes the internal server of the API unavailable or available", setInternalServer),
		api.Do(vendor, "gcp-maintenance", "begins or ends the maintenance of the support for GCP", setGCPMaintenance),
	}
}

// addedObject is the response of an action that adds an object: its ID for /_sim/resources, and its name.
type addedObject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Service) addTenantAction(tx *store.Tx, p *newTenant) (any, error) {
	t, err := s.addTenant(tx, p)
	return addedObject{t.TenantID, t.CloudProviderAccountID}, err
}

func setCloudAccount(tx *store.Tx, p *CloudAccount) (any, error) {
	return p, putCloudAccount(tx, p)
}

// instanceParams identifies an instance.
type instanceParams struct {
	CloudProvider          string `json:"cloudProvider" doc:"AWS, AZURE or GCP"`
	CloudProviderAccountID string `json:"cloudProviderAccountId" doc:"AWS account, Azure subscription or GCP project"`
	InstanceID             string `json:"instanceId" doc:"ID of the instance; on Azure its name"`
	ResourceGroup          string `json:"resourceGroup" doc:"resource group; Azure only"`
}

func (p *instanceParams) identifier() instanceIdentifier {
	return instanceIdentifier{p.CloudProvider, p.CloudProviderAccountID, p.InstanceID, p.ResourceGroup}
}

// instance returns the instance that an action names. It refuses with NotFound if there is none.
func (s *Service) instance(tx *store.Tx, p *instanceParams) (*Instance, error) {
	id := p.identifier()
	if err := id.check(""); err != nil {
		return nil, err
	}
	row, err := s.instances.Get(tx, id.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.New(refusal.NotFound,
			"instance %s does not exist; lucidity/add-instance adds one", id.words())
	}
	return &row.Body, err
}

type addInstanceParams struct {
	instanceParams
	Managed    *bool    `json:"managed" doc:"whether Lucidity manages the instance; default: true"`
	Partitions []string `json:"partitions" doc:"mount points of the partitions"`
}

// addedInstance is the response of add-instance.
type addedInstance struct {
	addedObject
	Partitions []addedObject `json:"partitions"`
}

func (s *Service) addInstanceAction(tx *store.Tx, p *addInstanceParams) (any, error) {
	i, err := s.addInstance(tx, p.identifier(), p.Managed == nil || *p.Managed)
	if err != nil {
		return nil, err
	}
	added := addedInstance{addedObject: addedObject{i.ID, i.words()}, Partitions: []addedObject{}}
	for k, mountPoint := range p.Partitions {
		partition, err := s.addPartition(tx, &i, &newPartition{Partition: mountPoint})
		if err != nil {
			return nil, inputAt(at("partitions", k), err)
		}
		added.Partitions = append(added.Partitions, addedObject{partition.ID, partition.Partition})
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
	return addedObject{partition.ID, partition.Name}, err
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
	return addedObject{pool.ID, pool.Name}, err
}

// partitionParams identifies a partition.
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

// movedPartition is the response of an action that changes the state of a partition.
type movedPartition struct {
	ID    string             `json:"id"`
	Name  string             `json:"name"`
	State statemachine.State `json:"state"`
}

type failPartitionParams struct {
	partitionParams
	Reason  string `json:"reason" doc:"failure reason in partition/status"`
	Request *bool  `json:"request" doc:"true: CreatePartition of the partition returns 500 until the action is called with false; the partition stays as it is"`
}

// failPartition refuses with FailedPrecondition if the partition is managed or not supported.
func (s *Service) failPartition(tx *store.Tx, p *failPartitionParams) (any, error) {
	if err := bounded(member{"reason", p.Reason}); err != nil {
		return nil, err
	}
	row, err := s.partition(tx, &p.partitionParams)
	if err != nil {
		return nil, err
	}
	if p.Request != nil {
		row.Body.RequestFails = *p.Request
		return movedPartition{row.Body.ID, row.Body.Name, row.Life.State}, s.partitions.Save(tx, &row)
	}
	row.Body.NextFailure = p.Reason
	setDefault(&row.Body.NextFailure, msgFailed)
	switch {
	case underWay(row.Life.State):
		err = s.partitions.Fire(tx, &row, "fail")
	case row.Life.State == PartitionReady || row.Life.State == PartitionFailed:
		err = s.partitions.Save(tx, &row)
	default:
		err = refusal.New(refusal.FailedPrecondition,
			"partition '%s' is %s and cannot be onboarded", row.Body.Partition, row.Life.State)
	}
	return movedPartition{row.Body.ID, row.Body.Name, row.Life.State}, err
}

// deboardPartition refuses with FailedPrecondition if the partition is not managed, or is already scheduled.
func (s *Service) deboardPartition(tx *store.Tx, p *partitionParams) (any, error) {
	row, err := s.partition(tx, p)
	if err != nil {
		return nil, err
	}
	err = wrongState(s.partitions.Fire(tx, &row, "schedule-deboard"))
	return movedPartition{row.Body.ID, row.Body.Name, row.Life.State}, err
}

type failBufferParams struct {
	BufferID string `json:"bufferId" doc:"ID from the response of RequestBuffer"`
	Reason   string `json:"reason" doc:"failure reason in the status"`
}

// failBuffer refuses with NotFound if the buffer does not exist, and with FailedPrecondition if it is not being
// provisioned.
func (s *Service) failBuffer(tx *store.Tx, p *failBufferParams) (any, error) {
	if err := bounded(member{"reason", p.Reason}); err != nil {
		return nil, err
	}
	row, err := s.buffers.Get(tx, p.BufferID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.New(refusal.NotFound, "buffer '%s' does not exist", p.BufferID)
	}
	if err != nil {
		return nil, err
	}
	row.Body.FailureReason = p.Reason
	err = wrongState(s.buffers.Fire(tx, &row, "fail"))
	return statusOf(&row), err
}

// wrongState converts an *statemachine.IllegalError to a refusal with FailedPrecondition.
func wrongState(err error) error {
	var illegal *statemachine.IllegalError
	if errors.As(err, &illegal) {
		return refusal.New(refusal.FailedPrecondition, "%s", illegal.Error()).Because(illegal.Cause)
	}
	return err
}

type internalServerParams struct {
	Available *bool `json:"available" doc:"whether the internal server is available"`
}

func setInternalServer(tx *store.Tx, p *internalServerParams) (any, error) {
	if p.Available == nil {
		return nil, &strict.Error{Path: "available", Detail: "must be true or false"}
	}
	return p, setOutage(tx, func(o *outages) { o.InternalServerAway = !*p.Available })
}

type gcpMaintenanceParams struct {
	Enabled *bool `json:"enabled" doc:"whether requests about GCP instances are refused"`
}

func setGCPMaintenance(tx *store.Tx, p *gcpMaintenanceParams) (any, error) {
	if p.Enabled == nil {
		return nil, &strict.Error{Path: "enabled", Detail: "must be true or false"}
	}
	return p, setOutage(tx, func(o *outages) { o.GCPMaintenance = *p.Enabled })
}
