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

func (s *Service) instanceOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetInstanceDetails", Method: http.MethodPost, Path: "/external/client/api/v1/instance/details",
			Statuses: []int{200, 400, 401, 403, 500, 503}, ReadOnly: true, Extra: true, Needs: token,
			Endpoint: api.Handle(s.getInstanceDetails)},
	}
}

// The states of an instance: whether Lucidity manages it.
const (
	InstanceManaged   statemachine.State = "MANAGED"
	InstanceUnmanaged statemachine.State = "UNMANAGED"
)

// Instance is a virtual machine of a cloud account.
type Instance struct {
	ID string `json:"id"` // ours; the API shows none
	instanceIdentifier
}

// instanceIdentifier names an instance in requests (seeds/000).
type instanceIdentifier struct {
	CloudProvider          string `json:"cloudProvider" required:""`
	CloudProviderAccountID string `json:"cloudProviderAccountId" required:""`
	InstanceID             string `json:"instanceId" required:""`
	ResourceGroup          string `json:"resourceGroup"`
}

// key returns the unique key of the instance. Azure ignores the case in the names of resource groups and machines; the
// other clouds have no resource groups.
func (i *instanceIdentifier) key() string {
	group, name := "", i.InstanceID
	if i.CloudProvider == providerAzure {
		group, name = strings.ToLower(i.ResourceGroup), strings.ToLower(i.InstanceID)
	}
	return strings.Join([]string{i.CloudProvider, i.CloudProviderAccountID, group, name}, keySeparator)
}

// words returns the identifier for messages.
func (i *instanceIdentifier) words() string {
	parts := []string{i.CloudProvider, i.CloudProviderAccountID, i.ResourceGroup, i.InstanceID}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "/")
}

// check refuses an invalid identifier, in the order of the page's table of parameters. The prefix at is the place of
// the identifier in the body: "instanceIdentifier.", or "".
func (i *instanceIdentifier) check(at string) error {
	err := required(member{at + "cloudProviderAccountId", i.CloudProviderAccountID},
		member{at + "cloudProvider", i.CloudProvider})
	if err != nil {
		return err
	}
	if err := checkProvider(at+"cloudProvider", i.CloudProvider); err != nil {
		return err
	}
	if err := required(member{at + "instanceId", i.InstanceID}); err != nil {
		return err
	}
	if i.CloudProvider == providerAzure && strings.TrimSpace(i.ResourceGroup) == "" {
		return invalid("%sresourceGroup is required when cloudProvider is AZURE", at)
	}
	return bounded(member{at + "resourceGroup", i.ResourceGroup})
}

// InstanceCause is the reason for a 403.
type InstanceCause struct {
	Instance string `json:"instance"`
	Detail   string `json:"detail"`
}

// CauseKind returns refusal.Permission.
func (InstanceCause) CauseKind() refusal.CauseKind { return refusal.Permission }

// WouldWork returns the advice of explain.
func (c InstanceCause) WouldWork() string {
	return "a managed instance of an active tenant; the action lucidity/add-instance adds one"
}

// authorized returns the instance that a request names. It refuses with Unavailable during the maintenance of its cloud
// or an outage of the internal server, and with PermissionDenied if the account is not an active tenant, or if the
// instance does not exist or is not managed; the message distinguishes the cases (assumption 189).
func (s *Service) authorized(tx *store.Tx, id *instanceIdentifier) (statemachine.Row[Instance], error) {
	if err := underMaintenance(tx, id.CloudProvider); err != nil {
		return statemachine.Row[Instance]{}, err
	}
	if err := reachInternalServer(tx, refusal.Unavailable); err != nil {
		return statemachine.Row[Instance]{}, err
	}
	return s.permitted(tx, id)
}

// permitted is authorized without regard to outages.
func (s *Service) permitted(tx *store.Tx, id *instanceIdentifier) (statemachine.Row[Instance], error) {
	denied := func(format string, args ...any) error {
		e := refusal.New(refusal.PermissionDenied, format, args...)
		return e.Because(InstanceCause{Instance: id.words(), Detail: e.Message})
	}
	tenant, err := s.tenants.Get(tx, tenantKey(id.CloudProvider, id.CloudProviderAccountID))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return statemachine.Row[Instance]{}, denied(
			"Tenant not authorized: cloud account '%s' of %s is not onboarded",
			id.CloudProviderAccountID, id.CloudProvider)
	case err != nil:
		return statemachine.Row[Instance]{}, err
	case tenant.Body.Status != TenantActive:
		return statemachine.Row[Instance]{}, denied(
			"Tenant not authorized: the tenant of cloud account '%s' is %s",
			id.CloudProviderAccountID, tenant.Body.Status)
	}
	row, err := s.instances.Get(tx, id.key())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return row, denied(
			"Instance not authorized: '%s' is not known in cloud account '%s'",
			id.InstanceID, id.CloudProviderAccountID)
	case err == nil && row.Life.State != InstanceManaged:
		return row, denied("Instance not authorized: '%s' is not under Lucidity management", id.InstanceID)
	}
	return row, err
}

type instanceDetails struct {
	CloudProvider          string             `json:"cloudProvider"`
	CloudProviderAccountID string             `json:"cloudProviderAccountId"`
	InstanceID             string             `json:"instanceId"`
	ResourceGroup          string             `json:"resourceGroup,omitempty"`
	ManagedResponse        []partitionDetails `json:"managedResponse"`
	UnmanagedResponse      []partitionDetails `json:"unmanagedResponse"`
}

type partitionDetails struct {
	Partition     string `json:"partition"`
	Status        string `json:"status"`
	DiskType      string `json:"diskType"`
	DiskCache     string `json:"diskCache,omitempty"`
	FailureReason string `json:"failureReason,omitempty"`
}

// getInstanceDetails returns the managed and the other partitions of an instance with their states
// (facts/dms-lucidlink-lucidity.md 2.4; the spelling of the states and the members are assumption 190). The identifier
// is at the top of the body, or in instanceIdentifier as in the other calls.
func (s *Service) getInstanceDetails(
	tx *store.Tx, _ *api.Request, q *instanceDetailsRequest,
) (*instanceDetails, error) {
	id, at := q.identifier()
	if err := id.check(at); err != nil {
		return nil, err
	}
	row, err := s.authorized(tx, id)
	if err != nil {
		return nil, err
	}
	i := &row.Body
	d := instanceDetails{
		CloudProvider: i.CloudProvider, CloudProviderAccountID: i.CloudProviderAccountID, InstanceID: i.InstanceID,
		ResourceGroup: i.ResourceGroup, ManagedResponse: []partitionDetails{}, UnmanagedResponse: []partitionDetails{},
	}
	for _, p := range s.partitions.Table().By(tx, partitionsByInstance, i.key()) {
		s.partitions.Observed(tx, &p)
		details := partitionDetails{
			p.Body.Partition, string(p.Life.State), p.Body.DiskType, p.Body.DiskCache, p.Body.FailureReason,
		}
		if managed(p.Life.State) {
			d.ManagedResponse = append(d.ManagedResponse, details)
		} else {
			d.UnmanagedResponse = append(d.UnmanagedResponse, details)
		}
	}
	return &d, nil
}

type instanceDetailsRequest struct {
	instanceIdentifier `required:"-"`      // the older form, without InstanceIdentifier
	InstanceIdentifier *instanceIdentifier `json:"instanceIdentifier"`
}

func (q *instanceDetailsRequest) identifier() (id *instanceIdentifier, at string) {
	if q.InstanceIdentifier != nil {
		return q.InstanceIdentifier, "instanceIdentifier."
	}
	return &q.instanceIdentifier, ""
}
