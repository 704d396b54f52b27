package lucidity

import (
	"errors"
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// The states of a disk pool: being created for the first partition of an instance, and active.
const (
	PoolProvisioning statemachine.State = "PROVISIONING"
	PoolActive       statemachine.State = "ACTIVE"
)

// Pool is the set of disks that the managed partitions of an instance share. An instance has at most one (seeds/000).
type Pool struct {
	ID       string `json:"id"`       // ours; the API shows none
	Instance string `json:"instance"` // the instance's key
	Name     string `json:"name"`     // for people: the instance
	poolSettings
}

// poolSettings are the settings that all partitions of a pool share.
type poolSettings struct {
	DiskType  string `json:"diskType"`
	DiskCache string `json:"diskCache"`
	encryption
}

// encryption is the customer's key of the disks. The zero value means none.
type encryption struct {
	AWSKmsKeyID                    string `json:"awsKmsKeyId"`
	AzureCmkDiskEncryptionSetID    string `json:"azureCmkDiskEncryptionSetId"`
	AzureCmkPmkDiskEncryptionSetID string `json:"azureCmkPmkDiskEncryptionSetId"`
	GCPKmsKeyName                  string `json:"gcpKmsKeyName"`
	GCPKmsKeyServiceAccount        string `json:"gcpKmsKeyServiceAccount"`
}

// encryptionMember is a member of encryption and its cloud.
type encryptionMember struct {
	member
	provider string
}

// members returns the members that are not empty, in the order of the page.
func (e *encryption) members() []encryptionMember {
	list := []encryptionMember{
		{member{"awsKmsKeyId", e.AWSKmsKeyID}, providerAWS},
		{member{"azureCmkDiskEncryptionSetId", e.AzureCmkDiskEncryptionSetID}, providerAzure},
		{member{"azureCmkPmkDiskEncryptionSetId", e.AzureCmkPmkDiskEncryptionSetID}, providerAzure},
		{member{"gcpKmsKeyName", e.GCPKmsKeyName}, providerGCP},
		{member{"gcpKmsKeyServiceAccount", e.GCPKmsKeyServiceAccount}, providerGCP},
	}
	return slices.DeleteFunc(list, func(m encryptionMember) bool { return m.text == "" })
}

// words returns the members that are not empty for a message: "awsKmsKeyId 'arn:…'".
func (e *encryption) words() string {
	var words []string
	for _, m := range e.members() {
		words = append(words, m.name+" '"+m.text+"'")
	}
	return strings.Join(words, ", ")
}

// check refuses members of another cloud, both of Azure's members, and a service account without a key (assumption
// 191).
func (e *encryption) check(provider string) error {
	for _, m := range e.members() {
		if m.provider != provider {
			return invalid("%s is for %s only; the instance is on %s", m.name, m.provider, provider)
		}
		if err := required(m.member); err != nil {
			return err
		}
	}
	if e.AzureCmkDiskEncryptionSetID != "" && e.AzureCmkPmkDiskEncryptionSetID != "" {
		return invalid(
			"only one of azureCmkDiskEncryptionSetId and azureCmkPmkDiskEncryptionSetId is possible")
	}
	if e.GCPKmsKeyServiceAccount != "" && e.GCPKmsKeyName == "" {
		return invalid("gcpKmsKeyServiceAccount needs gcpKmsKeyName")
	}
	return nil
}

func poolMachine() *statemachine.Machine[Pool] {
	return statemachine.Define(statemachine.Machine[Pool]{
		Kind: "lucidity.pool", Initial: []statemachine.State{PoolProvisioning, PoolActive},
		Key:  func(p *Pool) string { return p.Instance },
		ID:   func(p *Pool) string { return p.ID },
		Name: func(p *Pool) string { return p.Name },
		Rules: []statemachine.Rule[Pool]{
			{From: []statemachine.State{PoolProvisioning}, On: "activate", To: PoolActive},
			{From: []statemachine.State{PoolProvisioning, PoolActive}, On: "remove", To: statemachine.Gone},
		},
	})
}

// Mismatch is the setting that caused a 412.
type Mismatch struct {
	Member  string   `json:"member"`
	Request string   `json:"request"`
	Pool    string   `json:"pool,omitempty"`  // the pool's value, if the request must match one
	Valid   []string `json:"valid,omitempty"` // the values of the cloud
}

// CauseKind returns refusal.Value.
func (Mismatch) CauseKind() refusal.CauseKind { return refusal.Value }

// WouldWork returns the advice of explain.
func (m Mismatch) WouldWork() string {
	switch {
	case len(m.Valid) > 0:
		return m.Member + " as one of: " + strings.Join(m.Valid, ", ")
	case m.Pool != "":
		return m.Member + " as the pool has it: " + m.Pool
	}
	return "another value of " + m.Member + ", or none"
}

// mismatch refuses settings that differ from the pool's. The disk type and the cache count only if the request has
// them. The encryption always counts: the request must have it if and only if the pool has it (seeds/000).
func (p *Pool) mismatch(q *poolSettings) error {
	refuse := func(member, pool, request, format string, args ...any) error {
		return refusal.New(refusal.FailedPrecondition, format, args...).
			Because(Mismatch{Member: member, Pool: pool, Request: request})
	}
	switch {
	case q.DiskType != "" && q.DiskType != p.DiskType:
		return refuse(
			"diskType",
			p.DiskType, q.DiskType, "Config mismatch with existing disk pool: "+
				"diskType is '%s' in the pool, but '%s' was given", p.DiskType, q.DiskType)
	case q.DiskCache != "" && q.DiskCache != p.DiskCache:
		return refuse(
			"diskCache",
			p.DiskCache, q.DiskCache, "Config mismatch with existing disk pool: "+
				"diskCache is '%s' in the pool, but '%s' was given", p.DiskCache, q.DiskCache)
	case q.encryption == p.encryption:
		return nil
	case p.encryption == encryption{}:
		return refuse(
			"encryption",
			"", q.words(), "Encryption mismatch with existing disk pool: "+
				"the pool is not encrypted, but %s was given", q.words())
	case q.encryption == encryption{}:
		return refuse(
			"encryption",
			p.words(), "", "Encryption mismatch with existing disk pool: "+
				"the pool is encrypted by %s, but nothing was given", p.words())
	}
	return refuse(
		"encryption",
		p.words(), q.words(), "Encryption mismatch with existing disk pool: "+
			"the pool is encrypted by %s, but %s was given", p.words(), q.words())
}

// joinPool gives the partition the settings of the instance's pool. If there is no pool, it creates one with the
// settings of the partition.
func (s *Service) joinPool(tx *store.Tx, p *Partition) error {
	pool, err := s.pools.Get(tx, p.Instance)
	if err == nil {
		p.poolSettings = pool.Body.poolSettings
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	instance, err := s.instances.Get(tx, p.Instance)
	if err != nil {
		return err
	}
	_, err = s.pools.Create(tx, newPool(tx, &instance.Body, p.poolSettings), PoolProvisioning)
	return err
}

func newPool(tx *store.Tx, i *Instance, settings poolSettings) Pool {
	return Pool{ID: tx.NewUUID().String(), Instance: i.key(), Name: i.words(), poolSettings: settings}
}

// activatePool activates the instance's pool after the onboarding of its first partition.
func (s *Service) activatePool(tx *store.Tx, p *Partition) error {
	pool, err := s.pools.Get(tx, p.Instance)
	if err != nil || pool.Life.State == PoolActive {
		return err
	}
	return s.pools.Fire(tx, &pool, "activate")
}

// leavePool removes the instance's pool when its last partition leaves it. A failed onboarding removes only a pool that
// was being created for it.
func (s *Service) leavePool(tx *store.Tx, p *Partition, failed bool) error {
	pool, err := s.pools.Get(tx, p.Instance)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || failed && pool.Life.State == PoolActive {
		return err
	}
	for _, other := range s.partitions.Table().By(tx, partitionsByInstance, p.Instance) {
		if other.Body.Partition != p.Partition && (managed(other.Life.State) || underWay(other.Life.State)) {
			return nil
		}
	}
	return s.pools.Fire(tx, &pool, "remove")
}
