package lucidity

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) tenantOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListTenants", Method: http.MethodGet, Path: tenantsPath,
			Statuses: []int{200, 401, 500}, Extra: true, Needs: token, Endpoint: api.Handle(s.listTenants)},
		{Name: "OnboardTenant", Method: http.MethodPost, Path: tenantsPath + "/onboard",
			Statuses: []int{201, 400, 401, 409, 500}, Extra: true, Needs: token, Endpoint: api.Handle(s.onboardTenant)},
		{Name: "UpdateTenant", Method: http.MethodPatch, Path: tenantsPath,
			Statuses: []int{200, 400, 401, 404, 409, 500}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.updateTenant)},
		{Name: "DeboardTenant", Method: http.MethodPut, Path: tenantsPath + "/deboard",
			Statuses: []int{200, 400, 401, 404, 500}, Extra: true, Needs: token, Endpoint: api.Handle(s.deboardTenant)},
	}
}

// The statuses of a tenant (facts/dms-lucidlink-lucidity.md 2.4).
const (
	TenantActive         = "ACTIVE"
	TenantInactive       = "INACTIVE"
	TenantDecommissioned = "DECOMMISSIONED"
)

// Tenant is an onboarded cloud account. Auth is stored as clients send it, and never shown.
type Tenant struct {
	TenantID               string        `json:"tenantId"`
	CloudProvider          string        `json:"cloudProvider"`
	CloudProviderAccountID string        `json:"cloudProviderAccountId"`
	CloudEntityName        string        `json:"cloudEntityName"`
	DisplayName            string        `json:"displayName"`
	Status                 string        `json:"status"`
	Products               []string      `json:"products"`
	Auth                   authInfo      `json:"auth"`
	Listed                 *listedTenant `json:"listed"` // as the list shows it; nil if it does not
}

// authInfo has the credentials with which Lucidity reaches the cloud account.
type authInfo struct {
	ExternalID              string `json:"externalId"`
	AWSIAMRoleName          string `json:"awsIAMRoleName"`
	AWSIAMPolicyName        string `json:"awsIAMPolicyName"`
	AzureServicePrincipalID string `json:"azureServicePrincipalId"`
	AzureDirectoryID        string `json:"azureDirectoryId"`
}

// listedTenant is a tenant as ListTenants shows it.
type listedTenant struct {
	TenantID               string `json:"tenantId"`
	CloudProvider          string `json:"cloudProvider"`
	CloudProviderAccountID string `json:"cloudProviderAccountId"`
	CloudEntityName        string `json:"cloudEntityName"`
	DisplayName            string `json:"displayName"`
	Status                 string `json:"status"`
}

func (t *Tenant) listed() *listedTenant {
	return &listedTenant{
		t.TenantID, t.CloudProvider, t.CloudProviderAccountID, t.CloudEntityName, t.DisplayName, t.Status,
	}
}

func tenantKey(provider, account string) string { return accountKey(provider, account) }

type tenantList struct {
	Tenants []*listedTenant `json:"tenants"`
	Meta    tenantListMeta  `json:"meta"`
}

type tenantListMeta struct {
	TotalCount int `json:"totalCount"`
}

// listTenants returns the tenants that the list shows at the present, the active ones first, then in the order of
// provider and account.
func (s *Service) listTenants(tx *store.Tx, _ *api.Request, _ *api.Empty) (*tenantList, error) {
	if err := reachInternalServer(tx, refusal.Internal); err != nil {
		return nil, err
	}
	list := tenantList{Tenants: []*listedTenant{}}
	for _, row := range s.tenants.Table().All(tx, "", "") {
		s.tenants.Observed(tx, &row)
		if row.Body.Listed != nil {
			list.Tenants = append(list.Tenants, row.Body.Listed)
		}
	}
	slices.SortStableFunc(list.Tenants, func(a, b *listedTenant) int { return rank(a.Status) - rank(b.Status) })
	list.Meta.TotalCount = len(list.Tenants)
	return &list, nil
}

func rank(status string) int {
	return slices.Index([]string{TenantActive, TenantInactive, TenantDecommissioned}, status)
}

// cloudEntity identifies a cloud account in a request, with the credentials to reach it.
type cloudEntity struct {
	CloudProvider          string `json:"cloudProvider" required:""`
	CloudProviderAccountID string `json:"cloudProviderAccountId" required:""`
	authInfo
}

// onboardEntity is a cloudEntity with the required credentials of AWS, the only cloud that can be onboarded.
type onboardEntity struct {
	CloudProvider           string `json:"cloudProvider" required:""`
	CloudProviderAccountID  string `json:"cloudProviderAccountId" required:""`
	ExternalID              string `json:"externalId" required:""`
	AWSIAMRoleName          string `json:"awsIAMRoleName" required:""`
	AWSIAMPolicyName        string `json:"awsIAMPolicyName" required:""`
	AzureServicePrincipalID string `json:"azureServicePrincipalId"`
	AzureDirectoryID        string `json:"azureDirectoryId"`
}

// auth returns the credentials that an onboarding uses.
func (e *onboardEntity) auth() *authInfo {
	return &authInfo{ExternalID: e.ExternalID, AWSIAMRoleName: e.AWSIAMRoleName, AWSIAMPolicyName: e.AWSIAMPolicyName}
}

type onboardTenantRequest struct {
	CloudEntityInformation   *onboardEntity `json:"cloudEntityInformation" required:"{path} is required"`
	DisplayName              string         `json:"displayName" required:""`
	SkipCloudPermissionCheck bool           `json:"skipCloudPermissionCheck"`
	ProductList              []string       `json:"productList" required:""`
}

// products returns the products for which a tenant can be onboarded.
func products() []string { return []string{"AUTOSCALER"} }

// check refuses an invalid request, in the order of the API.
func (q *onboardTenantRequest) check() error {
	e := q.CloudEntityInformation
	if err := required(member{"cloudEntityInformation.cloudProvider", e.CloudProvider}); err != nil {
		return err
	}
	if e.CloudProvider != providerAWS {
		return invalid("cloudProvider %q cannot be onboarded; it must be AWS", e.CloudProvider)
	}
	err := required(
		member{"cloudEntityInformation.cloudProviderAccountId", e.CloudProviderAccountID},
		member{"displayName", q.DisplayName},
		member{"cloudEntityInformation.externalId", e.ExternalID},
		member{"cloudEntityInformation.awsIAMRoleName", e.AWSIAMRoleName},
		member{"cloudEntityInformation.awsIAMPolicyName", e.AWSIAMPolicyName},
	)
	if err != nil {
		return err
	}
	if len(q.ProductList) == 0 {
		return invalid("productList must name at least one product: %s", strings.Join(products(), ", "))
	}
	for _, product := range q.ProductList {
		if !slices.Contains(products(), product) {
			return invalid("%q is not a supported product; supported: %s", product, strings.Join(products(), ", "))
		}
	}
	return nil
}

type onboardedTenant struct {
	TenantID               string   `json:"tenantId"`
	CloudProvider          string   `json:"cloudProvider"`
	CloudProviderAccountID string   `json:"cloudProviderAccountId"`
	DisplayName            string   `json:"displayName"`
	Status                 string   `json:"status"`
	Products               []string `json:"products"`
}

// onboardTenant makes a cloud account a tenant (facts/dms-lucidlink-lucidity.md 2.4). It refuses with InvalidArgument
// if the request is invalid or the cloud is not AWS, with AlreadyExists if the account is or was a tenant, with
// Unauthenticated if the account cannot be reached with the credentials, and with Internal if permissions are missing
// and the request does not skip their check.
func (s *Service) onboardTenant(tx *store.Tx, _ *api.Request, q *onboardTenantRequest) (*onboardedTenant, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if err := reachInternalServer(tx, refusal.Internal); err != nil {
		return nil, err
	}
	e := q.CloudEntityInformation
	if old, err := s.tenants.Get(tx, tenantKey(e.CloudProvider, e.CloudProviderAccountID)); err == nil {
		return nil, s.alreadyTenant(&old)
	}
	account := cloudAccountOf(tx, e.CloudProvider, e.CloudProviderAccountID)
	if err := account.reach(e.auth(), q.SkipCloudPermissionCheck); err != nil {
		return nil, err
	}
	row, err := s.tenants.Create(tx, Tenant{
		TenantID:      tx.NewUUID().String(),
		CloudProvider: e.CloudProvider, CloudProviderAccountID: e.CloudProviderAccountID,
		CloudEntityName: account.Name, DisplayName: q.DisplayName,
		Products: slices.Compact(slices.Sorted(slices.Values(q.ProductList))), Auth: *e.auth(),
	}, TenantActive+lagging)
	t := &row.Body
	return &onboardedTenant{
		t.TenantID, t.CloudProvider, t.CloudProviderAccountID, t.DisplayName, t.Status, t.Products,
	}, err
}

// alreadyTenant returns one of the product's two conflicts: the tenant is active, or it was deboarded.
func (s *Service) alreadyTenant(row *statemachine.Row[Tenant]) error {
	t := &row.Body
	if t.Status == TenantActive {
		return refusal.New(refusal.AlreadyExists,
			"A tenant already exists for cloudProviderAccountId '%s'", t.CloudProviderAccountID).
			Because(s.tenants.Stands("OnboardTenant", row))
	}
	return refusal.New(refusal.AlreadyExists,
		"A deboarded (%s) tenant exists for cloudProviderAccountId '%s'; it cannot be onboarded again",
		t.Status, t.CloudProviderAccountID).Because(s.tenants.Stands("OnboardTenant", row))
}

// tenantOf returns the tenant of a cloud account. It refuses with InvalidArgument if the identifier is invalid, and
// with NotFound if the account is not a tenant.
func (s *Service) tenantOf(tx *store.Tx, provider, account string) (statemachine.Row[Tenant], error) {
	var row statemachine.Row[Tenant]
	err := required(member{"cloudEntityInformation.cloudProvider", provider},
		member{"cloudEntityInformation.cloudProviderAccountId", account})
	if err != nil {
		return row, err
	}
	if err := checkProvider("cloudEntityInformation.cloudProvider", provider); err != nil {
		return row, err
	}
	if err := reachInternalServer(tx, refusal.Internal); err != nil {
		return row, err
	}
	row, err = s.tenants.Get(tx, tenantKey(provider, account))
	if errors.Is(err, store.ErrNotFound) {
		err = refusal.New(refusal.NotFound,
			"No tenant exists for cloudProvider %s and cloudProviderAccountId '%s'", provider, account)
	}
	return row, err
}

type deboardTenantRequest struct {
	CloudEntityInformation *cloudEntity `json:"cloudEntityInformation" required:"{path} is required"`
}

type deboardedTenant struct {
	CloudProviderAccountID string `json:"cloudProviderAccountId"`
	Status                 string `json:"status"`
	Message                string `json:"message"`
}

// deboardTenant makes a tenant inactive, which the API cannot undo. The tenant's instances are then out of reach, and
// the onboardings on them fail. A repeated call succeeds with another message. It refuses with NotFound if the account
// is not a tenant.
func (s *Service) deboardTenant(tx *store.Tx, _ *api.Request, q *deboardTenantRequest) (*deboardedTenant, error) {
	row, err := s.tenantOf(tx, q.CloudEntityInformation.CloudProvider, q.CloudEntityInformation.CloudProviderAccountID)
	if err != nil {
		return nil, err
	}
	account := row.Body.CloudProviderAccountID
	if row.Body.Status != TenantActive {
		return &deboardedTenant{account, "ALREADY_DE_BOARDED", "Tenant is already deboarded"}, nil
	}
	if err := s.tenants.Fire(tx, &row, "deboard"); err != nil {
		return nil, err
	}
	return &deboardedTenant{account, "DE_BOARDED", "Tenant deboarded successfully"}, nil
}
