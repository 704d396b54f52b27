package lightbits

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) credentialOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListCredentials", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/credentials",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("credentials", "list"),
			Endpoint: api.Handle(s.listCredentials)},
		{Name: "CreateCredential", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/credentials",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("credentials", "create"),
			Endpoint: api.Handle(s.createCredential)},
		{Name: "GetCredential", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/credentials/{ID}",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("credentials", "get"),
			Endpoint: api.Handle(s.getCredential)},
		{Name: "DeleteCredential", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/credentials/{ID}",
			Statuses: []int{200, 400, 401, 403, 404, 412, 500}, Needs: can("credentials", "delete"),
			Endpoint: api.Handle(s.deleteCredential)},
	}
}

// Credential is a credential as the API returns it.
type Credential struct {
	ProjectName string    `json:"projectName"`
	ID          string    `json:"ID"`
	Type        CredsType `json:"type"`
	Payload     []byte    `json:"payload"`
	Kind        CredsKind `json:"kind"`
}

// CredsType is the type of a credential's payload.
type CredsType string

// The types.
const (
	CredsUnknownType     CredsType = "UnknownType"
	CredsRS256PubKey     CredsType = "RS256PubKey"
	CredsTLSCertChainPem CredsType = "TlsCertChainPem"
	CredsTLSPrivKeyPem   CredsType = "TlsPrivKeyPem"
)

// EnumNumbers implements wire.Enum.
func (CredsType) EnumNumbers() map[string]int32 {
	return map[string]int32{"UnknownType": 0, "RS256PubKey": 1, "TlsCertChainPem": 2, "TlsPrivKeyPem": 3}
}

// CredsKind is the origin of a credential.
type CredsKind string

// The kinds. Credentials of kind BeaconCreds are used by the cluster itself and cannot be deleted.
const (
	CredsUserCreds   CredsKind = "UserCreds"
	CredsBeaconCreds CredsKind = "BeaconCreds"
	CredsUnknownKind CredsKind = "UnknownKind"
)

// EnumNumbers implements wire.Enum.
func (CredsKind) EnumNumbers() map[string]int32 {
	return map[string]int32{"UserCreds": 0, "BeaconCreds": 2, "UnknownKind": 127}
}

// credentialRow is a credential with its ETag, which no message shows (assumption 24).
type credentialRow struct {
	Credential
	ETag uint64 `json:"etag"`
	By   string `json:"by,omitempty"` // who created it; "" is the fixture
}

func credentialKey(project, id string) string { return project + "/" + id }

var credentials = store.NewTable("lightbits.credential",
	func(c *credentialRow) string { return credentialKey(c.ProjectName, c.ID) }, store.JSON[credentialRow]())

// seedCredential stores a credential of any kind. The error is store.ErrExists if the project has one with that ID.
func (s *Service) seedCredential(tx *store.Tx, c Credential) error {
	return credentials.Insert(tx, &credentialRow{Credential: c, ETag: 1, By: tx.By})
}

// deleteCredentialsOf deletes all credentials of a project.
func deleteCredentialsOf(tx *store.Tx, project string) error {
	for key := range credentials.Scan(tx, credentialKey(project, ""), "") {
		if err := credentials.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

type listCredentialsRequest struct {
	ProjectName string `json:"projectName"`
}

type listCredentialsResponse struct {
	Credentials []*Credential `json:"credentials"`
}

// listCredentials: seeds/002 "List credentials", in the order of their IDs. An unknown project is a 400, since the page
// has no 404.
func (s *Service) listCredentials(tx *store.Tx, r *api.Request, q *listCredentialsRequest) (listCredentialsResponse,
	error) {
	var response listCredentialsResponse
	if err := s.namedProject(tx, r, q.ProjectName, "credentials", "list"); err != nil {
		return response, err
	}
	for _, row := range credentials.All(tx, credentialKey(q.ProjectName, ""), "") {
		s.hidePrivate(r, &row.Credential)
		response.Credentials = append(response.Credentials, &row.Credential)
	}
	return response, nil
}

// credentialID is the form of an ID; names of volumes have the same form (assumption 27).
var credentialID = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,253}$`)

func checkCredentialID(id string) error {
	if credentialID.MatchString(id) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument,
		"credential ID %q contains illegal characters: 1 to 253 letters, digits, '-', '_' and '.' are allowed", id)
}

type createCredentialRequest struct {
	ProjectName string    `json:"projectName"`
	ID          string    `json:"ID" required:"the credential ID is missing"`
	Type        CredsType `json:"type" required:"the credential type is missing: RS256PubKey, TlsCertChainPem or TlsPrivKeyPem is expected"`
	Payload     []byte    `json:"payload" required:"the credential payload is missing"`
}

// createCredential: seeds/002 "Create credential". The payload must be of the type given.
func (s *Service) createCredential(tx *store.Tx, r *api.Request, q *createCredentialRequest) (Credential, error) {
	if err := s.namedProject(tx, r, q.ProjectName, "credentials", "create"); err != nil {
		return Credential{}, err
	}
	if err := checkCredentialID(q.ID); err != nil {
		return Credential{}, err
	}
	if err := checkPayload(q.Type, q.Payload); err != nil {
		return Credential{}, err
	}
	row := credentialRow{ETag: 1, By: tx.By, Credential: Credential{
		ProjectName: q.ProjectName, ID: q.ID, Type: q.Type, Payload: q.Payload, Kind: CredsUserCreds}}
	err := credentials.Insert(tx, &row)
	if errors.Is(err, store.ErrExists) {
		return Credential{}, refusal.New(refusal.AlreadyExists, "credential %q already exists in project %q", q.ID,
			q.ProjectName)
	}
	return row.Credential, err
}

type credentialRequest struct {
	ID          string `json:"ID"`
	ProjectName string `json:"projectName"`
}

// findCredential returns the credential that a request names. The error is NotFound for an unknown project or ID.
func (s *Service) findCredential(tx *store.Tx, r *api.Request, q *credentialRequest, action string) (credentialRow,
	error) {
	if err := s.namedProject(tx, r, q.ProjectName, "credentials", action); err != nil {
		return credentialRow{}, err
	}
	if q.ID == "" {
		return credentialRow{}, refusal.New(refusal.InvalidArgument, "the credential ID is missing")
	}
	if err := checkCredentialID(q.ID); err != nil {
		return credentialRow{}, err
	}
	row, err := credentials.Get(tx, credentialKey(q.ProjectName, q.ID))
	if errors.Is(err, store.ErrNotFound) {
		err = refusal.New(refusal.NotFound, "project %q has no credential %q", q.ProjectName, q.ID)
	}
	return row, err
}

// getCredential: seeds/002 "Get credential".
func (s *Service) getCredential(tx *store.Tx, r *api.Request, q *credentialRequest) (Credential, error) {
	row, err := s.findCredential(tx, r, q, "get")
	s.hidePrivate(r, &row.Credential)
	return row.Credential, err
}

// hidePrivate leaves a private key out of a response to callers that could not have created the credential (assumption
// 433).
func (s *Service) hidePrivate(r *api.Request, c *Credential) {
	if c.Type == CredsTLSPrivKeyPem && !principal(r).may(c.ProjectName, can("credentials", "create")) {
		c.Payload = nil
	}
}

// deleteCredential: seeds/002 "Delete credential". Tokens signed with it are refused afterwards.
func (s *Service) deleteCredential(tx *store.Tx, r *api.Request, q *credentialRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findCredential(tx, r, q, "delete")
	if err != nil {
		return none, err
	}
	if err := r.IfMatch(strconv.FormatUint(row.ETag, 10), row.By); err != nil {
		return none, err
	}
	if row.Kind == CredsBeaconCreds {
		return none, refusal.New(refusal.InvalidArgument,
			"credential %q is not allowed to be deleted: it is of kind %s, which the cluster manages itself", q.ID,
			row.Kind)
	}
	key := credentialKey(q.ProjectName, q.ID)
	if key == mintedBy {
		if err := revokedKeys.Put(tx, &revokedKey{Key: key}); err != nil {
			return none, err
		}
	}
	return none, credentials.Delete(tx, key)
}
