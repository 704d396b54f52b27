package lucidity

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// worldSeed is the section lucidity of a fixture. A world without it has no tenants.
type worldSeed struct {
	GCPMaintenance bool               `json:"gcpMaintenance"`
	RefreshTokens  []refreshTokenSeed `json:"refreshTokens"`
	CloudAccounts  []CloudAccount     `json:"cloudAccounts"`
	Tenants        []tenantSeed       `json:"tenants"`
}

// refreshTokenSeed is a refresh token that clients know before the world exists.
type refreshTokenSeed struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"` // absent: never
}

type tenantSeed struct {
	newTenant
	Instances []instanceSeed `json:"instances"`
}

// instanceSeed describes one instance by its ID, or Count instances by the prefix of their IDs: i-00000 and so on.
type instanceSeed struct {
	InstanceID    string         `json:"instanceId"`
	Count         *int           `json:"count"`
	IDPrefix      string         `json:"instanceIdPrefix"`
	ResourceGroup string         `json:"resourceGroup"`
	Managed       *bool          `json:"managed"` // by Lucidity; default: true
	Pool          *poolSettings  `json:"pool"`
	Partitions    []newPartition `json:"partitions"`
}

// Seed fills a world from the section lucidity of a fixture. It returns an *strict.Error with the path in the section
// for invalid input. The IDs come from the world's seed.
func (s *Service) Seed(tx *store.Tx, section []byte) error {
	if len(bytes.TrimSpace(section)) == 0 {
		return nil
	}
	var e worldSeed
	if err := strict.Decode(section, &e); err != nil {
		return err
	}
	if e.GCPMaintenance {
		if err := setOutage(tx, func(o *outages) { o.GCPMaintenance = true }); err != nil {
			return err
		}
	}
	for i := range e.RefreshTokens {
		if err := e.RefreshTokens[i].add(tx); err != nil {
			return inputAt(at("refreshTokens", i), err)
		}
	}
	for i := range e.CloudAccounts {
		if err := putCloudAccount(tx, &e.CloudAccounts[i]); err != nil {
			return inputAt(at("cloudAccounts", i), err)
		}
	}
	for i := range e.Tenants {
		if err := s.seedTenant(tx, at("tenants", i), &e.Tenants[i]); err != nil {
			return err
		}
	}
	return nil
}

// add stores a token. It refuses a token that looks like a minted one, because that would name a world.
func (t *refreshTokenSeed) add(tx *store.Tx) error {
	if err := required(member{"token", t.Token}); err != nil {
		return err
	}
	if strings.HasPrefix(t.Token, api.OpaquePrefix) {
		return invalid("token must not begin with %q, the prefix of minted tokens", api.OpaquePrefix)
	}
	return refreshTokens.Put(tx, &knownToken{Digest: digest(t.Token), Expires: t.Expires})
}

func putCloudAccount(tx *store.Tx, a *CloudAccount) error {
	err := required(member{"cloudProvider", a.CloudProvider}, member{"cloudProviderAccountId", a.CloudProviderAccountID})
	if err != nil {
		return err
	}
	if err := checkProvider("cloudProvider", a.CloudProvider); err != nil {
		return err
	}
	err = bounded(member{"name", a.Name}, member{"externalId", a.ExternalID},
		member{"awsIAMRoleName", a.AWSIAMRoleName}, member{"awsIAMPolicyName", a.AWSIAMPolicyName})
	if err != nil {
		return err
	}
	return cloudAccounts.Put(tx, a)
}

func (s *Service) seedTenant(tx *store.Tx, path string, n *tenantSeed) error {
	if _, err := s.addTenant(tx, &n.newTenant); err != nil {
		return inputAt(path, err)
	}
	for i := range n.Instances {
		v, path := &n.Instances[i], at(path+".instances", i)
		ids, err := v.ids()
		if err != nil {
			return inputAt(path, err)
		}
		for _, id := range ids {
			identifier := instanceIdentifier{
				CloudProvider: n.CloudProvider, CloudProviderAccountID: n.CloudProviderAccountID,
				InstanceID: id, ResourceGroup: v.ResourceGroup,
			}
			if err := s.seedInstance(tx, path, identifier, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxSeededInstances is the maximum Count of an instanceSeed.
const maxSeededInstances = 10_000

// ids returns the IDs of the instances of the seed.
func (v *instanceSeed) ids() ([]string, error) {
	switch {
	case v.Count == nil && v.IDPrefix == "":
		return []string{v.InstanceID}, nil
	case v.Count == nil || v.IDPrefix == "" || v.InstanceID != "":
		return nil, invalid("give instanceId for one instance, or count and instanceIdPrefix for several")
	case *v.Count < 0 || *v.Count > maxSeededInstances:
		return nil, invalid("count %d must be 0 to %d", *v.Count, maxSeededInstances)
	}
	ids := make([]string, *v.Count)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%05d", v.IDPrefix, i)
	}
	return ids, nil
}

func (s *Service) seedInstance(tx *store.Tx, path string, id instanceIdentifier, v *instanceSeed) error {
	instance, err := s.addInstance(tx, id, v.Managed == nil || *v.Managed)
	if err != nil {
		return inputAt(path, err)
	}
	if v.Pool != nil {
		if _, err := s.addPool(tx, &instance, *v.Pool); err != nil {
			return inputAt(path+".pool", err)
		}
	}
	for k := range v.Partitions {
		partition := v.Partitions[k]
		if _, err := s.addPartition(tx, &instance, &partition); err != nil {
			return inputAt(at(path+".partitions", k), err)
		}
	}
	return nil
}
