package lightbits

import (
	"errors"
	"net/http"
	"net/url"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) idpConfigurationOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListIdpConfigurations", Method: http.MethodGet, Path: "/api/v2/cluster/IdpConfiguration",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpConfigurations", "list"),
			Endpoint: api.Handle(s.listIdpConfigurations)},
		{Name: "CreateIdpConfiguration", Method: http.MethodPost, Path: "/api/v2/cluster/IdpConfiguration",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpConfigurations", "create"),
			Endpoint: api.Handle(s.createIdpConfiguration)},
		{Name: "UpdateIdpConfiguration", Method: http.MethodPut, Path: "/api/v2/cluster/IdpConfiguration",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpConfigurations", "update"),
			Endpoint: api.Handle(s.updateIdpConfiguration)},
		{Name: "GetIdpConfiguration", Method: http.MethodGet, Path: "/api/v2/cluster/IdpConfiguration/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpConfigurations", "get"),
			Endpoint: api.Handle(s.getIdpConfiguration)},
		{Name: "DeleteIdpConfiguration", Method: http.MethodDelete, Path: "/api/v2/cluster/IdpConfiguration/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpConfigurations", "delete"),
			Endpoint: api.Handle(s.deleteIdpConfiguration)},
	}
}

// IDPConfiguration is an identity provider that the cluster trusts, as the API returns it (spec message
// IDPConfiguration).
type IDPConfiguration struct {
	Name         string                `json:"name"`
	IdpIssuerURL string                `json:"idpIssuerURL"`
	State        IDPConfigurationState `json:"state"`
	Type         IDPType               `json:"type"`
	UUID         string                `json:"UUID"`
	ProxyInfo    *ProxyInfo            `json:"proxyInfo"`
}

// IDPConfigurationState is the state of an identity provider's configuration.
type IDPConfigurationState string

// The states. Tokens are accepted in Active and Updating.
const (
	IDPCreating IDPConfigurationState = "Creating"
	IDPActive   IDPConfigurationState = "Active"
	IDPUpdating IDPConfigurationState = "Updating"
	IDPFailed   IDPConfigurationState = "Failed"
)

var idpConfigurationStateNames = map[string]int32{"Unknown": 0, "Creating": 1, "Active": 2, "Updating": 3, "Failed": 4}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (IDPConfigurationState) EnumNumbers() map[string]int32 { return idpConfigurationStateNames }

// IDPType is the product of an identity provider.
type IDPType string

// IDPTypeADFS is the only one that is supported (seeds/002 "Create an IdP configuration").
const IDPTypeADFS IDPType = "ADFS"

var idpTypeNames = map[string]int32{"unknownIdp": 0, string(IDPTypeADFS): 1}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (IDPType) EnumNumbers() map[string]int32 { return idpTypeNames }

// idpConfiguration returns the cluster's one IdP configuration. It reports false if there is none.
func (s *Service) idpConfiguration(tx *store.Tx) (IDPConfiguration, bool) {
	for _, row := range s.idpConfigurations.Table().All(tx, "", "") {
		return row.Body, true
	}
	return IDPConfiguration{}, false
}

// findIdpConfiguration returns the IdP configuration with a name. The error is NotFound, or InvalidArgument for an
// empty or invalid name.
func (s *Service) findIdpConfiguration(tx *store.Tx, name string) (statemachine.Row[IDPConfiguration], error) {
	if err := checkName("IdP configuration", name); err != nil {
		return statemachine.Row[IDPConfiguration]{}, err
	}
	row, err := s.idpConfigurations.Get(tx, name)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "IdP configuration %q was not found", name)
	}
	return row, err
}

type listIdpConfigurationsResponse struct {
	IdpConfigurations []*IDPConfiguration `json:"idpConfigurations"`
}

// listIdpConfigurations: seeds/002 "Listing IdP configurations". There is at most one.
func (s *Service) listIdpConfigurations(tx *store.Tx, _ *api.Request, _ *api.Empty) (listIdpConfigurationsResponse,
	error) {
	var response listIdpConfigurationsResponse
	for _, row := range s.idpConfigurations.Table().All(tx, "", "") {
		s.idpConfigurations.Observed(tx, &row)
		response.IdpConfigurations = append(response.IdpConfigurations, &row.Body)
	}
	return response, nil
}

type idpConfigurationRequest struct {
	Name         string     `json:"name" required:"the IdP configuration name is missing"`
	IdpIssuerURL string     `json:"idpIssuerURL"`
	Type         IDPType    `json:"type"`
	ProxyInfo    *ProxyInfo `json:"proxyInfo"`
}

type createIdpConfigurationRequest struct {
	Name         string     `json:"name" required:"the IdP configuration name is missing"`
	IdpIssuerURL string     `json:"idpIssuerURL" required:"{path} is missing"`
	Type         IDPType    `json:"type" required:"the type of the IdP is missing; only ADFS is supported"`
	ProxyInfo    *ProxyInfo `json:"proxyInfo"`
}

// createIdpConfiguration: seeds/002 "Create an IdP configuration". A second one is InvalidArgument: only one is
// supported, and the page has no 409.
func (s *Service) createIdpConfiguration(tx *store.Tx, _ *api.Request, q *createIdpConfigurationRequest) (
	IDPConfiguration, error) {
	if err := checkName("IdP configuration", q.Name); err != nil {
		return IDPConfiguration{}, err
	}
	if q.Type != IDPTypeADFS {
		return IDPConfiguration{}, refusal.New(refusal.InvalidArgument,
			"the type of the IdP is missing; only %s is supported", IDPTypeADFS)
	}
	if err := (*idpConfigurationRequest)(q).check(); err != nil {
		return IDPConfiguration{}, err
	}
	if other, ok := s.idpConfiguration(tx); ok {
		return IDPConfiguration{}, refusal.New(refusal.InvalidArgument,
			"IdP configuration %q exists; only a single IdP configuration is supported", other.Name)
	}
	row, err := s.idpConfigurations.Create(tx, IDPConfiguration{
		Name: q.Name, IdpIssuerURL: q.IdpIssuerURL, Type: q.Type, UUID: tx.NewUUID().String(), ProxyInfo: q.ProxyInfo,
	}, statemachine.State(IDPCreating))
	return row.Body, err
}

// maxURL bounds a URL, in bytes.
const maxURL = 2048

// check refuses an invalid URL of the provider or of its proxy.
func (q *idpConfigurationRequest) check() error {
	if q.IdpIssuerURL != "" {
		u, err := url.Parse(q.IdpIssuerURL)
		if err != nil || len(q.IdpIssuerURL) > maxURL || u.Scheme != "http" && u.Scheme != "https" ||
			u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return refusal.New(refusal.InvalidArgument, "idpIssuerURL %q is not the URL of an issuer: "+
				"http or https, a host and a path of at most %d bytes are expected, "+
				`as in "https://adfs.example.com/adfs"`, q.IdpIssuerURL, maxURL)
		}
	}
	if q.ProxyInfo == nil {
		return nil
	}
	return q.ProxyInfo.check()
}

// updateIdpConfiguration: seeds/002 "Update an IdP configuration", which has the name in its body. Members that are
// absent stay as they are.
func (s *Service) updateIdpConfiguration(tx *store.Tx, _ *api.Request, q *idpConfigurationRequest) (IDPConfiguration,
	error) {
	row, err := s.findIdpConfiguration(tx, q.Name)
	if err != nil {
		return IDPConfiguration{}, err
	}
	if q.IdpIssuerURL == "" && q.ProxyInfo == nil && q.Type != IDPTypeADFS {
		return IDPConfiguration{}, refusal.New(refusal.InvalidArgument,
			"there is nothing to update: idpIssuerURL, type or proxyInfo is expected")
	}
	if err := q.check(); err != nil {
		return IDPConfiguration{}, err
	}
	if err := s.idpConfigurations.Refuse("UpdateIdpConfiguration", &row); err != nil {
		return IDPConfiguration{}, err
	}
	if q.IdpIssuerURL != "" {
		row.Body.IdpIssuerURL = q.IdpIssuerURL
	}
	if q.ProxyInfo != nil {
		row.Body.ProxyInfo = q.ProxyInfo
	}
	return row.Body, s.idpConfigurations.Fire(tx, &row, "update")
}

type idpNameRequest struct {
	Name string `json:"name"`
}

// getIdpConfiguration: seeds/002 "Get an IdP configuration".
func (s *Service) getIdpConfiguration(tx *store.Tx, _ *api.Request, q *idpNameRequest) (IDPConfiguration, error) {
	row, err := s.findIdpConfiguration(tx, q.Name)
	if err == nil {
		s.idpConfigurations.Observed(tx, &row)
	}
	return row.Body, err
}

// deleteIdpConfiguration: seeds/002 "Delete an IdP configuration". InvalidArgument while a client configuration refers
// to it. An authorization map entry always needs a client configuration (assumption 206).
func (s *Service) deleteIdpConfiguration(tx *store.Tx, _ *api.Request, q *idpNameRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findIdpConfiguration(tx, q.Name)
	if err != nil {
		return none, err
	}
	for name := range idpClientConfs.KeysBy(tx, byIdpConfiguration, q.Name) {
		return none, refusal.New(refusal.InvalidArgument,
			"IdP configuration %q is in use by IdP client configuration %q", q.Name, name)
	}
	return none, s.idpConfigurations.Fire(tx, &row, "delete")
}
