package lucidity

import (
	"errors"
	"fmt"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// What is there before anybody calls the API comes from fixtures and actions, by the functions here: they check what they
// are given as the API does, and answer a refusal.

// newTenant is a tenant to add; what it leaves open has defaults.
type newTenant struct {
	CloudProvider          string   `json:"cloudProvider" doc:"AWS, AZURE or GCP"`
	CloudProviderAccountID string   `json:"cloudProviderAccountId" doc:"AWS account, Azure subscription or GCP project"`
	CloudEntityName        string   `json:"cloudEntityName" doc:"the cloud's own name of the account; default: its id"`
	DisplayName            string   `json:"displayName" doc:"default: the account's id"`
	Status                 string   `json:"status" doc:"ACTIVE (default), INACTIVE or DECOMMISSIONED"`
	Products               []string `json:"products" doc:"default: AUTOSCALER"`
}

// addTenant puts a tenant into the world, in the list at once.
func (s *Service) addTenant(tx *store.Tx, n *newTenant) (Tenant, error) {
	if err := required(member{"cloudProvider", n.CloudProvider}, member{"cloudProviderAccountId", n.CloudProviderAccountID}); err != nil {
		return Tenant{}, err
	}
	if err := checkProvider("cloudProvider", n.CloudProvider); err != nil {
		return Tenant{}, err
	}
	if err := bounded(member{"cloudEntityName", n.CloudEntityName}, member{"displayName", n.DisplayName}); err != nil {
		return Tenant{}, err
	}
	setDefault(&n.Status, TenantActive)
	setDefault(&n.CloudEntityName, cloudAccountOf(tx, n.CloudProvider, n.CloudProviderAccountID).Name)
	setDefault(&n.DisplayName, n.CloudProviderAccountID)
	if n.Products == nil {
		n.Products = products()
	}
	if rank(n.Status) < 0 {
		return Tenant{}, invalid("status %q must be one of %s, %s, %s", n.Status, TenantActive, TenantInactive, TenantDecommissioned)
	}
	t := Tenant{
		TenantID: tx.NewUUID().String(), CloudProvider: n.CloudProvider, CloudProviderAccountID: n.CloudProviderAccountID,
		CloudEntityName: n.CloudEntityName, DisplayName: n.DisplayName, Status: n.Status, Products: n.Products,
	}
	t.Listed = t.listed()
	row, err := s.tenants.Create(tx, t, statemachine.State(n.Status))
	return row.Body, already(err, "tenant", n.CloudProviderAccountID)
}

// already makes a refusal of a thing that is there already.
func already(err error, kind, name string) error {
	if errors.Is(err, store.ErrExists) {
		return refusal.New(refusal.AlreadyExists, "%s '%s' is there already", kind, name)
	}
	return err
}

func setDefault(text *string, value string) {
	if *text == "" {
		*text = value
	}
}

// addInstance puts an instance into the world; its account becomes a tenant if it is none.
func (s *Service) addInstance(tx *store.Tx, id instanceIdentifier, isManaged bool) (Instance, error) {
	if err := id.check(""); err != nil {
		return Instance{}, err
	}
	if !s.tenants.Table().Has(tx, tenantKey(id.CloudProvider, id.CloudProviderAccountID)) {
		if _, err := s.addTenant(tx, &newTenant{CloudProvider: id.CloudProvider, CloudProviderAccountID: id.CloudProviderAccountID}); err != nil {
			return Instance{}, err
		}
	}
	state := InstanceManaged
	if !isManaged {
		state = InstanceUnmanaged
	}
	row, err := s.instances.Create(tx, Instance{ID: tx.NewUUID().String(), instanceIdentifier: id}, state)
	return row.Body, already(err, "instance", id.words())
}

// newPartition is a partition to add.
type newPartition struct {
	Partition string `json:"partition" doc:"mount point: a path, or a drive letter without a colon"`
	Status    string `json:"status" doc:"READY_TO_ONBOARD (default), ON_BOARDED, FAILED or NOT_SUPPORTED"`
	Reason    string `json:"reason" doc:"why it failed or is not supported"`
	poolSettings
}

// addPartition puts a partition onto an instance. One that is managed joins the instance's pool, whose settings it must
// have, or makes it.
func (s *Service) addPartition(tx *store.Tx, i *Instance, n *newPartition) (Partition, error) {
	setDefault(&n.Status, string(PartitionReady))
	state := statemachine.State(n.Status)
	if state != PartitionReady && state != PartitionOnBoarded && state != PartitionFailed && state != PartitionExcluded {
		return Partition{}, invalid("status %q must be one of %s, %s, %s, %s", n.Status, PartitionReady, PartitionOnBoarded, PartitionFailed, PartitionExcluded)
	}
	if err := checkPartition(n.Partition); err != nil {
		return Partition{}, err
	}
	if err := checkSettings(i.CloudProvider, &n.poolSettings); err != nil {
		return Partition{}, err
	}
	if err := bounded(member{"reason", n.Reason}); err != nil {
		return Partition{}, err
	}
	p := Partition{
		ID: tx.NewUUID().String(), Instance: i.key(), Partition: n.Partition, Name: i.words() + " " + n.Partition,
		Disk: n.orElse(defaultDisk(i.CloudProvider)),
	}
	p.poolSettings = p.Disk
	if state == PartitionFailed {
		p.FailureReason = n.Reason
		setDefault(&p.FailureReason, msgFailed)
	}
	if state == PartitionExcluded {
		p.Reason = n.Reason
		setDefault(&p.Reason, msgExcluded)
	}
	if state == PartitionOnBoarded {
		err := s.match(tx, &p, &n.poolSettings)
		if err == nil {
			err = s.joinPool(tx, &p)
		}
		if err == nil {
			err = s.activatePool(tx, &p)
		}
		if err != nil {
			return Partition{}, err
		}
	}
	row, err := s.partitions.Create(tx, p, state)
	return row.Body, already(err, "partition", p.Name)
}

// checkSettings refuses disks and keys that the cloud does not have.
func checkSettings(provider string, q *poolSettings) error {
	if err := bounded(member{"diskType", q.DiskType}, member{"diskCache", q.DiskCache}); err != nil {
		return err
	}
	if err := q.encryption.check(provider); err != nil {
		return err
	}
	return validateDisk(provider, q)
}

// addPool gives an instance a disk pool.
func (s *Service) addPool(tx *store.Tx, i *Instance, settings poolSettings) (Pool, error) {
	if err := checkSettings(i.CloudProvider, &settings); err != nil {
		return Pool{}, err
	}
	row, err := s.pools.Create(tx, newPool(tx, i, settings.orElse(defaultDisk(i.CloudProvider))), PoolActive)
	return row.Body, already(err, "the pool of instance", i.words())
}

// inputAt makes of a refusal what a document's author is told, with the place in the document.
func inputAt(path string, err error) error {
	if e := refusal.Of(err); e != nil {
		return &strict.Error{Path: path, Detail: e.Message}
	}
	return err
}

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
