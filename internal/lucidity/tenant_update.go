package lucidity

import (
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

type updateTenantRequest struct {
	CloudEntityInformation *updateEntity `json:"cloudEntityInformation" required:"{path} is required"`
	DisplayName            *string       `json:"displayName"`
}

// updateEntity is a cloudEntity that distinguishes an absent member from an empty one. An externalId is ignored: that
// of the onboarding never changes.
type updateEntity struct {
	CloudProvider           string  `json:"cloudProvider" required:""`
	CloudProviderAccountID  string  `json:"cloudProviderAccountId" required:""`
	AWSIAMRoleName          *string `json:"awsIAMRoleName"`
	AWSIAMPolicyName        *string `json:"awsIAMPolicyName"`
	AzureServicePrincipalID *string `json:"azureServicePrincipalId"`
	AzureDirectoryID        *string `json:"azureDirectoryId"`
}

// change is a member that an update can set.
type change struct {
	name string
	to   *string
	of   *string
}

// changes returns the members that the request sets. Members of other providers are ignored.
func (q *updateTenantRequest) changes(t *Tenant) []change {
	e := q.CloudEntityInformation
	list := []change{{"displayName", q.DisplayName, &t.DisplayName}}
	switch t.CloudProvider {
	case providerAWS:
		list = append(list, change{"awsIAMRoleName", e.AWSIAMRoleName, &t.Auth.AWSIAMRoleName},
			change{"awsIAMPolicyName", e.AWSIAMPolicyName, &t.Auth.AWSIAMPolicyName})
	case providerAzure:
		list = append(list, change{"azureServicePrincipalId", e.AzureServicePrincipalID, &t.Auth.AzureServicePrincipalID},
			change{"azureDirectoryId", e.AzureDirectoryID, &t.Auth.AzureDirectoryID})
	}
	return slices.DeleteFunc(list, func(c change) bool { return c.to == nil })
}

type updatedTenant struct {
	TenantID               string `json:"tenantId"`
	CloudProvider          string `json:"cloudProvider"`
	CloudProviderAccountID string `json:"cloudProviderAccountId"`
	DisplayName            string `json:"displayName"`
	Status                 string `json:"status"`
}

// updateTenant sets the members that the request has. It does not check whether the account can be reached with them
// (facts/dms-lucidlink-lucidity.md 2.4). It refuses with InvalidArgument if the request sets no member of the tenant's
// provider, with NotFound if the account is not a tenant, and with Aborted if the tenant is not active (assumption
// 185).
func (s *Service) updateTenant(tx *store.Tx, _ *api.Request, q *updateTenantRequest) (*updatedTenant, error) {
	row, err := s.tenantOf(tx, q.CloudEntityInformation.CloudProvider, q.CloudEntityInformation.CloudProviderAccountID)
	if err != nil {
		return nil, err
	}
	t := &row.Body
	changes := q.changes(t)
	if len(changes) == 0 {
		return nil, invalid(
			"Nothing to update: give displayName or a member of cloudEntityInformation for %s tenants",
			t.CloudProvider)
	}
	for _, c := range changes {
		if err := required(member{c.name, *c.to}); err != nil {
			return nil, err
		}
	}
	if t.Status != TenantActive {
		return nil, refusal.New(refusal.Aborted,
			"Tenant for cloudProviderAccountId '%s' is not ACTIVE; cannot update.", t.CloudProviderAccountID).
			Because(s.tenants.Stands("UpdateTenant", &row))
	}
	for _, c := range changes {
		*c.of = *c.to
	}
	if err := s.tenants.Fire(tx, &row, "update"); err != nil {
		return nil, err
	}
	return &updatedTenant{t.TenantID, t.CloudProvider, t.CloudProviderAccountID, t.DisplayName, t.Status}, nil
}
