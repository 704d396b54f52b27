package lucidity

import (
	"errors"
	"fmt"
	"slices"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Fixtures and actions add objects to a world with the functions of this file. They check their input as the API does,
// and refuse invalid input.

// newTenant describes a tenant to add.
type newTenant struct {
	CloudProvider          string   `json:"cloudProvider" doc:"AWS, AZURE or GCP"`
	CloudProviderAccountID string   `json:"cloudProviderAccountId" doc:"AWS account, Azure subscription or GCP project"`
	CloudEntityName        string   `json:"cloudEntityName" doc:"name of the account at the cloud; default: its ID"`
	DisplayName            string   `json:"displayName" doc:"display name; default: the account's ID"`
	Status                 string   `json:"status" doc:"ACTIVE (default), INACTIVE or DECOMMISSIONED"`
	Products               []string `json:"products" doc:"products; default: AUTOSCALER"`
}

// addTenant adds a tenant to the world. The list of tenants shows it at once.
func (s *Service) addTenant(tx *store.Tx, n *newTenant) (Tenant, error) {
	provider, account := n.CloudProvider, n.CloudProviderAccountID
	err := required(member{"cloudProvider", provider}, member{"cloudProviderAccountId", account})
	if err != nil {
		return Tenant{}, err
	}
	if err := checkProvider("cloudProvider", n.CloudProvider); err != nil {
		return Tenant{}, err
	}
	if err := bounded(member{"cloudEntityName", n.CloudEntityName}, member{"displayName", n.DisplayName}); err != nil {
		return Tenant{}, err
	}
	setDefault(&n.Status, TenantActive)
	setDefault(&n.CloudEntityName, cloudAccountOf(tx, provider, account).Name)
	setDefault(&n.DisplayName, account)
	if n.Products == nil {
		n.Products = products()
	}
	if rank(n.Status) < 0 {
		return Tenant{}, invalid(
			"status %q must be one of %s, %s, %s", n.Status, TenantActive, TenantInactive, TenantDecommissioned)
	}
	t := Tenant{
		TenantID: tx.NewUUID().String(), CloudProvider: provider, CloudProviderAccountID: account,
		CloudEntityName: n.CloudEntityName, DisplayName: n.DisplayName, Status: n.Status, Products: n.Products,
	}
	t.Listed = t.listed()
	row, err := s.tenants.Create(tx, t, statemachine.State(n.Status))
	return row.Body, already(err, "tenant", n.CloudProviderAccountID)
}

// already returns the refusal of an object that exists, or err if it is another error.
func already(err error, kind, name string) error {
	if errors.Is(err, store.ErrExists) {
		return refusal.New(refusal.AlreadyExists, "%s '%s' already exists", kind, name)
	}
	return err
}

func setDefault(text *string, value string) {
	if *text == "" {
		*text = value
	}
}

// addInstance adds an instance to the world. It adds the account as a tenant if it is not one.
func (s *Service) addInstance(tx *store.Tx, id instanceIdentifier, isManaged bool) (Instance, error) {
	if err := id.check(""); err != nil {
		return Instance{}, err
	}
	if !s.tenants.Table().Has(tx, tenantKey(id.CloudProvider, id.CloudProviderAccountID)) {
		n := newTenant{CloudProvider: id.CloudProvider, CloudProviderAccountID: id.CloudProviderAccountID}
		if _, err := s.addTenant(tx, &n); err != nil {
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

// newPartition describes a partition to add.
type newPartition struct {
	Partition string `json:"partition" doc:"mount point: a path, or a drive letter without a colon"`
	Status    string `json:"status" doc:"READY_TO_ONBOARD (default), ON_BOARDED, FAILED or NOT_SUPPORTED"`
	Reason    string `json:"reason" doc:"reason for the status FAILED or NOT_SUPPORTED"`
	poolSettings
}

// addPartition adds a partition to an instance. A managed partition joins the instance's pool, whose settings it must
// have, or creates the pool.
func (s *Service) addPartition(tx *store.Tx, i *Instance, n *newPartition) (Partition, error) {
	setDefault(&n.Status, string(PartitionReady))
	state := statemachine.State(n.Status)
	valid := []statemachine.State{PartitionReady, PartitionOnBoarded, PartitionFailed, PartitionExcluded}
	if !slices.Contains(valid, state) {
		return Partition{}, invalid(
			"status %q must be one of %s, %s, %s, %s",
			n.Status, PartitionReady, PartitionOnBoarded, PartitionFailed, PartitionExcluded)
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

// checkSettings refuses disks and keys that the cloud does not support.
func checkSettings(provider string, q *poolSettings) error {
	if err := bounded(member{"diskType", q.DiskType}, member{"diskCache", q.DiskCache}); err != nil {
		return err
	}
	if err := q.encryption.check(provider); err != nil {
		return err
	}
	return validateDisk(provider, q)
}

// addPool adds a disk pool to an instance.
func (s *Service) addPool(tx *store.Tx, i *Instance, settings poolSettings) (Pool, error) {
	if err := checkSettings(i.CloudProvider, &settings); err != nil {
		return Pool{}, err
	}
	row, err := s.pools.Create(tx, newPool(tx, i, settings.orElse(defaultDisk(i.CloudProvider))), PoolActive)
	return row.Body, already(err, "the pool of instance", i.words())
}

// inputAt converts a refusal to an *strict.Error with its place in the document.
func inputAt(path string, err error) error {
	if e := refusal.Of(err); e != nil {
		return &strict.Error{Path: path, Detail: e.Message}
	}
	return err
}

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
