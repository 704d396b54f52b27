package lightbits

import (
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) idpClientConfOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListIdpClientConfs", Method: http.MethodGet, Path: "/api/v2/cluster/idpClientConfs",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpClientConfs", "list"),
			Endpoint: api.Handle(s.listIdpClientConfs)},
		{Name: "CreateIdpClientConf", Method: http.MethodPost, Path: "/api/v2/cluster/idpClientConfs",
			Statuses: []int{200, 400, 401, 403}, Needs: can("idpClientConfs", "create"),
			Endpoint: api.Handle(s.createIdpClientConf)},
		{Name: "GetIdpClientConf", Method: http.MethodGet, Path: "/api/v2/cluster/idpClientConfs/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpClientConfs", "get"),
			Endpoint: api.Handle(s.getIdpClientConf)},
		{Name: "DeleteIdpClientConf", Method: http.MethodDelete, Path: "/api/v2/cluster/idpClientConfs/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpClientConfs", "delete"),
			Endpoint: api.Handle(s.deleteIdpClientConf)},
		{Name: "UpdateIdpClientConf", Method: http.MethodPut, Path: "/api/v2/cluster/idpClientConfs/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("idpClientConfs", "update"),
			Endpoint: api.Handle(s.updateIdpClientConf)},
	}
}

// IdpClientConf is the configuration of a client of an identity provider: which part of its tokens determines its roles
// (spec message IdpClientConf).
type IdpClientConf struct {
	UUID                 string            `json:"UUID"`
	Name                 string            `json:"name"`
	ClientID             string            `json:"clientId"`
	IdpConfigurationName string            `json:"idpConfigurationName"`
	ClaimName            string            `json:"claimName"`
	AuthzMode            AuthorizationMode `json:"authzMode"`
}

// AuthorizationMode is which part of a token is looked up in the authorization map (facts/lightbits.md 4.21).
type AuthorizationMode string

// The modes: App looks up the client ID, User a claim of the client's tokens, and Converge a claim of the tokens of
// every client without a configuration.
const (
	AuthzUnknown  AuthorizationMode = "UnknownAuthzMode"
	AuthzApp      AuthorizationMode = "App"
	AuthzUser     AuthorizationMode = "User"
	AuthzConverge AuthorizationMode = "Converge"
)

var authorizationModeNames = map[string]int32{
	string(AuthzUnknown): 0, string(AuthzApp): 1, string(AuthzUser): 2, string(AuthzConverge): 3,
}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (AuthorizationMode) EnumNumbers() map[string]int32 { return authorizationModeNames }

// anyClient is the client ID of the one configuration in mode Converge.
const anyClient = "NOT_APPLICABLE"

const (
	// byIdpConfiguration is the index of client configurations and of map entries by their IdP configuration.
	byIdpConfiguration = "idp"
	// byClientID is the index of client configurations by scopedKey of IdP configuration and client ID.
	byClientID = "client"
)

var idpClientConfs = store.NewTable("lightbits.idpclientconf", func(c *IdpClientConf) string { return c.Name },
	store.JSON[IdpClientConf](),
	store.Index[IdpClientConf]{Name: byIdpConfiguration,
		Keys: func(c *IdpClientConf) []string { return []string{c.IdpConfigurationName} }},
	store.Index[IdpClientConf]{Name: byClientID, Unique: true, Keys: func(c *IdpClientConf) []string {
		return []string{scopedKey(c.IdpConfigurationName, c.ClientID)}
	}})

// clientConf returns the configuration of a client ID. It reports false if there is none.
func clientConf(tx *store.Tx, idpConfiguration, clientID string) (IdpClientConf, bool) {
	for _, c := range idpClientConfs.By(tx, byClientID, scopedKey(idpConfiguration, clientID)) {
		return c, true
	}
	return IdpClientConf{}, false
}

type listIdpClientConfsResponse struct {
	IdpClientConfigurations []*IdpClientConf `json:"idpClientConfigurations"`
}

// listIdpClientConfs: seeds/002 "Listing idp-client-configurations", in the order of their names.
func (s *Service) listIdpClientConfs(tx *store.Tx, _ *api.Request, _ *api.Empty) (listIdpClientConfsResponse, error) {
	var response listIdpClientConfsResponse
	for _, c := range idpClientConfs.All(tx, "", "") {
		response.IdpClientConfigurations = append(response.IdpClientConfigurations, &c)
	}
	return response, nil
}

type createIdpClientConfRequest struct {
	Name                 string            `json:"name" required:"the idp-client-configuration name is missing"`
	ClientID             string            `json:"clientId" required:"{path} is missing"`
	IdpConfigurationName string            `json:"idpConfigurationName" required:"{path} is missing"`
	ClaimName            string            `json:"claimName"`
	AuthzMode            AuthorizationMode `json:"authzMode" required:"{path} is missing: App, User or Converge is expected"`
}

// createIdpClientConf: seeds/002 "Create an idp-client-configuration". All refusals are InvalidArgument, since the page
// has neither 404 nor 409.
func (s *Service) createIdpClientConf(tx *store.Tx, _ *api.Request, q *createIdpClientConfRequest) (IdpClientConf,
	error) {
	if err := q.check(); err != nil {
		return IdpClientConf{}, err
	}
	if !s.idpConfigurations.Table().Has(tx, q.IdpConfigurationName) {
		return IdpClientConf{}, refusal.New(refusal.InvalidArgument,
			"IdP configuration %q does not exist; create it first", q.IdpConfigurationName)
	}
	if idpClientConfs.Has(tx, q.Name) {
		return IdpClientConf{}, refusal.New(refusal.InvalidArgument, "idp-client-configuration %q already exists",
			q.Name)
	}
	if other, ok := clientConf(tx, q.IdpConfigurationName, q.ClientID); ok {
		if q.AuthzMode == AuthzConverge {
			return IdpClientConf{}, refusal.New(refusal.InvalidArgument,
				"idp-client-configuration %q already has mode %s; only one can have it", other.Name, AuthzConverge)
		}
		return IdpClientConf{}, refusal.New(refusal.InvalidArgument,
			"clientId %q already has idp-client-configuration %q", q.ClientID, other.Name)
	}
	c := IdpClientConf{
		UUID: tx.NewUUID().String(), Name: q.Name, ClientID: q.ClientID, IdpConfigurationName: q.IdpConfigurationName,
		ClaimName: q.ClaimName, AuthzMode: q.AuthzMode,
	}
	return c, idpClientConfs.Insert(tx, &c)
}

// maxClaimName is the maximum length of a claim's name and of a client ID, in bytes.
const maxClaimName = 253

func (q *createIdpClientConfRequest) check() error {
	if err := checkName("idp-client-configuration", q.Name); err != nil {
		return err
	}
	bad := func(format string, args ...any) error { return refusal.New(refusal.InvalidArgument, format, args...) }
	switch {
	case len(q.ClientID) > maxClaimName:
		return bad("clientId has %d bytes; at most %d are allowed", len(q.ClientID), maxClaimName)
	case q.AuthzMode == AuthzUnknown:
		return bad("authzMode is missing: %s, %s or %s is expected", AuthzApp, AuthzUser, AuthzConverge)
	case q.AuthzMode == AuthzConverge && q.ClientID != anyClient:
		return bad("clientId must be %s in mode %s, not %q", anyClient, AuthzConverge, q.ClientID)
	case q.AuthzMode != AuthzConverge && q.ClientID == anyClient:
		return bad("clientId %s is for mode %s, not for %s", anyClient, AuthzConverge, q.AuthzMode)
	case q.AuthzMode != AuthzApp && q.ClaimName == "":
		return bad("claimName is missing; mode %s needs it", q.AuthzMode)
	}
	return checkClaimName(q.ClaimName)
}

func checkClaimName(name string) error {
	if len(name) > maxClaimName {
		return refusal.New(refusal.InvalidArgument, "claimName has %d bytes; at most %d are allowed", len(name),
			maxClaimName)
	}
	return nil
}

// getIdpClientConf: seeds/002 "Get an idp-client-configuration".
func (s *Service) getIdpClientConf(tx *store.Tx, _ *api.Request, q *idpNameRequest) (IdpClientConf, error) {
	return named(tx, idpClientConfs, "idp-client-configuration", q.Name)
}

// deleteIdpClientConf: seeds/002 "Delete an idp-client-configuration". The error is InvalidArgument if no token could
// lead to an authorization map entry afterwards (assumption 206).
func (s *Service) deleteIdpClientConf(tx *store.Tx, _ *api.Request, q *idpNameRequest) (api.Empty, error) {
	var none api.Empty
	c, err := named(tx, idpClientConfs, "idp-client-configuration", q.Name)
	if err != nil {
		return none, err
	}
	if err := idpClientConfs.Delete(tx, c.Name); err != nil {
		return none, err
	}
	claims := readsClaims(tx, c.IdpConfigurationName)
	for _, e := range authMapEntries.By(tx, byIdpConfiguration, c.IdpConfigurationName) {
		if !claims && !isApp(tx, c.IdpConfigurationName, e.Identifier) {
			return none, refusal.New(refusal.InvalidArgument,
				"idp-client-configuration %q is in use by authorization map entry %q", c.Name, e.Name)
		}
	}
	return none, nil
}

// readsClaims reports whether any client of the IdP configuration is looked up by a claim, which may hold any
// identifier.
func readsClaims(tx *store.Tx, idpConfiguration string) bool {
	for _, c := range idpClientConfs.By(tx, byIdpConfiguration, idpConfiguration) {
		if c.AuthzMode != AuthzApp {
			return true
		}
	}
	return false
}

// isApp reports whether the identifier is the ID of a client in mode App.
func isApp(tx *store.Tx, idpConfiguration, identifier string) bool {
	c, ok := clientConf(tx, idpConfiguration, identifier)
	return ok && c.AuthzMode == AuthzApp
}

type updateIdpClientConfRequest struct {
	Name      string `json:"name"`
	ClaimName string `json:"claimName" required:"{path} is missing"`
}

// updateIdpClientConf: seeds/002 "Update an idp-client-configuration". Only its claim can be changed.
func (s *Service) updateIdpClientConf(tx *store.Tx, _ *api.Request, q *updateIdpClientConfRequest) (IdpClientConf,
	error) {
	c, err := named(tx, idpClientConfs, "idp-client-configuration", q.Name)
	if err != nil {
		return c, err
	}
	if err := checkClaimName(q.ClaimName); err != nil {
		return c, err
	}
	if c.AuthzMode == AuthzApp {
		return c, refusal.New(refusal.InvalidArgument, "idp-client-configuration %q has mode %s, which uses no claim",
			c.Name, AuthzApp)
	}
	c.ClaimName = q.ClaimName
	return c, idpClientConfs.Put(tx, &c)
}
