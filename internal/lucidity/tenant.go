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
			Statuses: []int{200, 400, 401, 404, 409, 500}, Extra: true, Needs: token, Endpoint: api.Handle(s.updateTenant)},
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

// lagging is behind the status in the state of a tenant that the list does not show as it is.
const lagging = "_LAGGING"

// Tenant is a cloud account that was onboarded. What clients do not see of it (Auth) is kept as they gave it.
type Tenant struct {
	TenantID               string        `json:"tenantId"`
	CloudProvider          string        `json:"cloudProvider"`
	CloudProviderAccountID string        `json:"cloudProviderAccountId"`
	CloudEntityName        string        `json:"cloudEntityName"`
	DisplayName            string        `json:"displayName"`
	Status                 string        `json:"status"`
	Products               []string      `json:"products"`
	Auth                   authInfo      `json:"auth"`
	Listed                 *listedTenant `json:"listed"` // what the list shows; nil while it shows nothing
}

// authInfo is how Lucidity reaches the cloud account.
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
	return &listedTenant{t.TenantID, t.CloudProvider, t.CloudProviderAccountID, t.CloudEntityName, t.DisplayName, t.Status}
}

func tenantKey(provider, account string) string { return accountKey(provider, account) }

// tenantMachine is the life of a tenant, and of its place in the list, which lags behind every write
// (facts/dms-lucidlink-lucidity.md 2.4): a state that ends in _LAGGING is true everywhere but in the list. A further write
// in that time begins the lag anew (assumption 184). Deboarding cannot be undone by the API; the event restore is what
// support does.
func tenantMachine() *statemachine.Machine[Tenant] {
	const (
		active, activeLagging     = statemachine.State(TenantActive), statemachine.State(TenantActive + lagging)
		inactive, inactiveLagging = statemachine.State(TenantInactive), statemachine.State(TenantInactive + lagging)
		gone, goneLagging         = statemachine.State(TenantDecommissioned), statemachine.State(TenantDecommissioned + lagging)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[Tenant]{
		Kind: "lucidity.tenant", Initial: in(active, activeLagging, inactive, gone),
		Key:  func(t *Tenant) string { return tenantKey(t.CloudProvider, t.CloudProviderAccountID) },
		ID:   func(t *Tenant) string { return t.TenantID },
		Name: func(t *Tenant) string { return t.CloudProviderAccountID },
		Mirror: func(t *Tenant, life statemachine.Life) {
			t.Status = strings.TrimSuffix(string(life.State), lagging)
		},
		Rules: []statemachine.Rule[Tenant]{
			{From: in(activeLagging), On: "list", To: active, After: "lag", Do: showInList},
			{From: in(inactiveLagging), On: "list", To: inactive, After: "lag", Do: showInList},
			{From: in(goneLagging), On: "list", To: gone, After: "lag", Do: showInList},
			{From: in(active, activeLagging), On: "update", To: activeLagging},
			{From: in(active, activeLagging), On: "deboard", To: inactiveLagging},
			{From: in(inactive, inactiveLagging, gone, goneLagging), On: "restore", To: activeLagging},
			{From: in(active, activeLagging, inactive, inactiveLagging), On: "decommission", To: goneLagging},
		},
		Delays: map[string]statemachine.DelayDefault{"lag": {Fast: "300ms", Realistic: `{"uniform":["45s","2m"]}`}},
	})
}

func showInList(_ *store.Tx, r *statemachine.Row[Tenant]) error {
	r.Body.Status = strings.TrimSuffix(string(r.Life.State), lagging)
	r.Body.Listed = r.Body.listed()
	return nil
}

type tenantList struct {
	Tenants []*listedTenant `json:"tenants"`
	Meta    tenantListMeta  `json:"meta"`
}

type tenantListMeta struct {
	TotalCount int `json:"totalCount"`
}

// listTenants answers all tenants that the list shows by now, active ones first, else in the order of provider and
// account.
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

// cloudEntity names a cloud account in a request, and says how Lucidity reaches it.
type cloudEntity struct {
	CloudProvider          string `json:"cloudProvider" required:""`
	CloudProviderAccountID string `json:"cloudProviderAccountId" required:""`
	authInfo
}

// onboardEntity is cloudEntity of which an onboarding needs the means of AWS, the one cloud that can be onboarded.
type onboardEntity struct {
	CloudProvider           string `json:"cloudProvider" required:""`
	CloudProviderAccountID  string `json:"cloudProviderAccountId" required:""`
	ExternalID              string `json:"externalId" required:""`
	AWSIAMRoleName          string `json:"awsIAMRoleName" required:""`
	AWSIAMPolicyName        string `json:"awsIAMPolicyName" required:""`
	AzureServicePrincipalID string `json:"azureServicePrincipalId"`
	AzureDirectoryID        string `json:"azureDirectoryId"`
}

// auth is what the account is reached by; an onboarding uses no more of it.
func (e *onboardEntity) auth() *authInfo {
	return &authInfo{ExternalID: e.ExternalID, AWSIAMRoleName: e.AWSIAMRoleName, AWSIAMPolicyName: e.AWSIAMPolicyName}
}

type onboardTenantRequest struct {
	CloudEntityInformation   *onboardEntity `json:"cloudEntityInformation" required:"{path} is required"`
	DisplayName              string         `json:"displayName" required:""`
	SkipCloudPermissionCheck bool           `json:"skipCloudPermissionCheck"`
	ProductList              []string       `json:"productList" required:""`
}

// products are what a tenant can be onboarded for.
func products() []string { return []string{"AUTOSCALER"} }

// check refuses what the API refuses, in its order.
func (q *onboardTenantRequest) check() error {
	e := q.CloudEntityInformation
	if err := required(member{"cloudEntityInformation.cloudProvider", e.CloudProvider}); err != nil {
		return err
	}
	if e.CloudProvider != providerAWS {
		return invalid("cloudProvider %q is not supported for onboarding; only AWS is", e.CloudProvider)
	}
	err := required(
		member{"cloudEntityInformation.cloudProviderAccountId", e.CloudProviderAccountID}, member{"displayName", q.DisplayName},
		member{"cloudEntityInformation.externalId", e.ExternalID}, member{"cloudEntityInformation.awsIAMRoleName", e.AWSIAMRoleName},
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

// onboardTenant makes a cloud account a tenant (facts/dms-lucidlink-lucidity.md 2.4). InvalidArgument for a request that is
// wrong in itself or about another cloud than AWS, AlreadyExists for an account that is or was a tenant, Unauthenticated
// for a cloud account that cannot be reached as the request says, Internal where its permissions do not suffice and the
// request does not skip their check.
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
		TenantID: tx.NewUUID().String(), CloudProvider: e.CloudProvider, CloudProviderAccountID: e.CloudProviderAccountID,
		CloudEntityName: account.Name, DisplayName: q.DisplayName, Products: slices.Compact(slices.Sorted(slices.Values(q.ProductList))),
		Auth: *e.auth(),
	}, TenantActive+lagging)
	t := &row.Body
	return &onboardedTenant{t.TenantID, t.CloudProvider, t.CloudProviderAccountID, t.DisplayName, t.Status, t.Products}, err
}

// alreadyTenant tells the two conflicts apart as the product does.
func (s *Service) alreadyTenant(row *statemachine.Row[Tenant]) error {
	t := &row.Body
	if t.Status == TenantActive {
		return refusal.New(refusal.AlreadyExists, "A tenant already exists for cloudProviderAccountId '%s'", t.CloudProviderAccountID).
			Because(s.tenants.Stands("OnboardTenant", row))
	}
	return refusal.New(refusal.AlreadyExists, "A deboarded (%s) tenant exists for cloudProviderAccountId '%s'; it cannot be onboarded again",
		t.Status, t.CloudProviderAccountID).Because(s.tenants.Stands("OnboardTenant", row))
}

// tenantOf answers the tenant of a cloud account: InvalidArgument for what names none, NotFound where it is no tenant.
func (s *Service) tenantOf(tx *store.Tx, provider, account string) (statemachine.Row[Tenant], error) {
	var row statemachine.Row[Tenant]
	err := required(member{"cloudEntityInformation.cloudProvider", provider}, member{"cloudEntityInformation.cloudProviderAccountId", account})
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
		err = refusal.New(refusal.NotFound, "No tenant exists for cloudProvider %s and cloudProviderAccountId '%s'", provider, account)
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

// deboardTenant makes a tenant inactive, of which there is no way back by the API; its instances are then out of reach, and
// what was being onboarded on them fails. Doing it again succeeds and says so. NotFound for an account that is no tenant.
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
