package lightbits

import (
	"net/http"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) authMapOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListAuthMapEntries", Method: http.MethodGet, Path: "/api/v2/cluster/authMaps",
			Statuses: []int{200, 400, 401, 403}, Needs: can("authMapEntrys", "list"),
			Endpoint: api.Handle(s.listAuthMapEntries)},
		{Name: "CreateAuthMapEntry", Method: http.MethodPost, Path: "/api/v2/cluster/authMaps",
			Statuses: []int{200, 400, 401, 403}, Needs: can("authMapEntrys", "create"),
			Endpoint: api.Handle(s.createAuthMapEntry)},
		{Name: "GetAuthMapEntry", Method: http.MethodGet, Path: "/api/v2/cluster/authMaps/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("authMapEntrys", "get"),
			Endpoint: api.Handle(s.getAuthMapEntry)},
		{Name: "DeleteAuthMapEntry", Method: http.MethodDelete, Path: "/api/v2/cluster/authMaps/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("authMapEntrys", "delete"),
			Endpoint: api.Handle(s.deleteAuthMapEntry)},
		{Name: "UpdateAuthMapEntry", Method: http.MethodPut, Path: "/api/v2/cluster/authMaps/{name}",
			Statuses: []int{200, 400, 401, 403, 404}, Needs: can("authMapEntrys", "update"),
			Endpoint: api.Handle(s.updateAuthMapEntry)},
	}
}

// AuthMapEntry gives a role to the tokens with an identifier, as the API returns it (spec message AuthMapEntry).
type AuthMapEntry struct {
	UUID                 string `json:"UUID"`
	Name                 string `json:"name"`
	Identifier           string `json:"identifier"`
	Scope                string `json:"scope"` // a project
	Role                 string `json:"role"`
	IdpConfigurationName string `json:"idpConfigurationName"`
}

const (
	// byIdentifier is the index of map entries by scopedKey of IdP configuration and identifier.
	byIdentifier = "identifier"
	// byScope is the index of map entries by the project of their role.
	byScope = "scope"
)

var authMapEntries = store.NewTable("lightbits.authmapentry", func(e *AuthMapEntry) string { return e.Name },
	store.JSON[AuthMapEntry](),
	store.Index[AuthMapEntry]{Name: byIdpConfiguration,
		Keys: func(e *AuthMapEntry) []string { return []string{e.IdpConfigurationName} }},
	store.Index[AuthMapEntry]{Name: byIdentifier, Keys: func(e *AuthMapEntry) []string {
		return []string{scopedKey(e.IdpConfigurationName, e.Identifier)}
	}},
	store.Index[AuthMapEntry]{Name: byScope, Keys: func(e *AuthMapEntry) []string { return []string{e.Scope} }})

// deleteAuthMapOf deletes the entries with a role in a project, so that a later project of the same name does not
// inherit them.
func deleteAuthMapOf(tx *store.Tx, project string) error {
	for name := range authMapEntries.KeysBy(tx, byScope, project) {
		if err := authMapEntries.Delete(tx, name); err != nil {
			return err
		}
	}
	return nil
}

type listAuthMapEntriesResponse struct {
	AuthMapEntries []*AuthMapEntry `json:"authMapEntries"`
}

// listAuthMapEntries: seeds/002 "List all authorization map entries", in the order of their names.
func (s *Service) listAuthMapEntries(tx *store.Tx, _ *api.Request, _ *api.Empty) (listAuthMapEntriesResponse, error) {
	var response listAuthMapEntriesResponse
	for _, e := range authMapEntries.All(tx, "", "") {
		response.AuthMapEntries = append(response.AuthMapEntries, &e)
	}
	return response, nil
}

type authMapEntryRequest struct {
	Name                 string `json:"name" required:"the authorization map entry name is missing"`
	Identifier           string `json:"identifier" required:"{path} is missing"`
	Scope                string `json:"scope" required:"{path} is missing"`
	Role                 string `json:"role" required:"{path} is missing"`
	IdpConfigurationName string `json:"idpConfigurationName" required:"{path} is missing"`
}

// createAuthMapEntry: seeds/002 "Create an authorization map entry". All refusals are InvalidArgument, since the page
// has neither 404 nor 409. A client configuration must exist that can lead to the identifier (assumption 206).
func (s *Service) createAuthMapEntry(tx *store.Tx, _ *api.Request, q *authMapEntryRequest) (AuthMapEntry, error) {
	if err := checkName("authorization map entry", q.Name); err != nil {
		return AuthMapEntry{}, err
	}
	if authMapEntries.Has(tx, q.Name) {
		return AuthMapEntry{}, refusal.New(refusal.InvalidArgument, "authorization map entry %q already exists", q.Name)
	}
	if err := s.checkAuthMapEntry(tx, q); err != nil {
		return AuthMapEntry{}, err
	}
	e := q.entry(tx.NewUUID().String())
	return e, authMapEntries.Insert(tx, &e)
}

func (q *authMapEntryRequest) entry(uuid string) AuthMapEntry {
	return AuthMapEntry{UUID: uuid, Name: q.Name, Identifier: q.Identifier, Scope: q.Scope, Role: q.Role,
		IdpConfigurationName: q.IdpConfigurationName}
}

// maxIdentifier is the maximum length of an identifier, in bytes.
const maxIdentifier = 1024

// checkAuthMapEntry refuses an entry that refers to something that does not exist.
func (s *Service) checkAuthMapEntry(tx *store.Tx, q *authMapEntryRequest) error {
	switch {
	case len(q.Identifier) > maxIdentifier:
		return refusal.New(refusal.InvalidArgument, "identifier has %d bytes; at most %d are allowed",
			len(q.Identifier), maxIdentifier)
	case !projects.Has(tx, q.Scope):
		return refusal.New(refusal.InvalidArgument,
			"scope %q is not a project; %s or the name of another project is expected", q.Scope, systemProject)
	case rulesOf(q.Scope, q.Role) == nil:
		return refusal.New(refusal.InvalidArgument, "scope %q has no role %q; it has: %s", q.Scope, q.Role,
			strings.Join(rolesIn(q.Scope), ", "))
	case !s.idpConfigurations.Table().Has(tx, q.IdpConfigurationName):
		return refusal.New(refusal.InvalidArgument, "IdP configuration %q does not exist; create it first",
			q.IdpConfigurationName)
	case !readsClaims(tx, q.IdpConfigurationName) && !isApp(tx, q.IdpConfigurationName, q.Identifier):
		return refusal.New(refusal.InvalidArgument,
			"no idp-client-configuration of IdP configuration %q leads to identifier %q: create one "+
				"in mode %s with that clientId, or one in mode %s or %s", q.IdpConfigurationName, q.Identifier,
			AuthzApp,
			AuthzUser, AuthzConverge)
	}
	return nil
}

// getAuthMapEntry: seeds/002 "Get an authorization map entry".
func (s *Service) getAuthMapEntry(tx *store.Tx, _ *api.Request, q *idpNameRequest) (AuthMapEntry, error) {
	return named(tx, authMapEntries, "authorization map entry", q.Name)
}

// deleteAuthMapEntry: seeds/002 "Delete an authorization map entry".
func (s *Service) deleteAuthMapEntry(tx *store.Tx, _ *api.Request, q *idpNameRequest) (api.Empty, error) {
	e, err := named(tx, authMapEntries, "authorization map entry", q.Name)
	if err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, authMapEntries.Delete(tx, e.Name)
}

// updateAuthMapEntry: seeds/002 "update an authorization map entry". Every member is required (facts/lightbits.md 2.4).
func (s *Service) updateAuthMapEntry(tx *store.Tx, _ *api.Request, q *authMapEntryRequest) (AuthMapEntry, error) {
	old, err := named(tx, authMapEntries, "authorization map entry", q.Name)
	if err != nil {
		return old, err
	}
	if err := s.checkAuthMapEntry(tx, q); err != nil {
		return old, err
	}
	e := q.entry(old.UUID)
	return e, authMapEntries.Put(tx, &e)
}
