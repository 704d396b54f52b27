package lucidlink

import (
	"errors"
	"net/http"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) filespaceOperations() []api.Operation {
	return []api.Operation{
		{Name: "CreateFilespace", Method: http.MethodPost, Path: "/v1/filespaces", Statuses: []int{201},
			Further: []int{400, 401, 409, 422}, Needs: token, Endpoint: api.Handle(s.createFilespace)},
		{Name: "ListFilespaces", Method: http.MethodGet, Path: "/v1/filespaces",
			Statuses: []int{200, 401}, Extra: true, Needs: token, Endpoint: api.Handle(s.listFilespaces)},
		{Name: "GetFilespace", Method: http.MethodGet, Path: "/v1/filespaces/{id}",
			Statuses: []int{200, 400, 401, 404}, Extra: true, Needs: token, Endpoint: api.Handle(s.getFilespace)},
		{Name: deleteFilespace, Method: http.MethodDelete, Path: "/v1/filespaces/{id}",
			Statuses: []int{204, 400, 401, 404, 409}, Extra: true, Needs: token, Endpoint: api.Handle(s.deleteFilespace)},
	}
}

const deleteFilespace = "DeleteFilespace"

// The states of a filespace, in the vendor's words.
const (
	FilespaceProvisioning statemachine.State = "provisioning"
	FilespaceProvisioned  statemachine.State = "provisioned"
	FilespaceInitialized  statemachine.State = "initialized"
	FilespaceError        statemachine.State = "error"
)

// Filespace is a file system in a bucket. Its data is modeled as a log that is written at one end and deleted at the
// other: the live data is between Deleted and Written (assumption 158).
type Filespace struct {
	ID               string  `json:"id"`
	Domain           string  `json:"domain"` // ID of the domain
	Name             string  `json:"name"`
	Account          string  `json:"account"`
	Version          int32   `json:"version"`
	Status           string  `json:"status"`
	SubscriptionType string  `json:"subscriptionType"`
	Storage          Storage `json:"storage"`
	UsersCount       int64   `json:"usersCount"`

	BlockSize    int64  `json:"blockSize"`    // KiB; set by the initialization
	RootPassword string `json:"rootPassword"` // hashed, see hashPassword
	Snapshots    int64  `json:"snapshots"`    // ID of the last snapshot

	Written  uint64   `json:"written"` // bytes since the beginning
	Deleted  uint64   `json:"deleted"` // bytes since the beginning
	Requests requests `json:"requests"`
}

// Storage is the location of a filespace's data.
type Storage struct {
	Owner    string `json:"owner"`
	Provider string `json:"provider"`
	Region   string `json:"region"`
	Endpoint string `json:"endpoint"`
	Bucket   string `json:"bucket"`
}

// keySeparator occurs in no ID and in no name.
const keySeparator = "/"

// filespaceKey returns a key that is unique in the domain and sorts the filespaces by name.
func filespaceKey(domain, name string) string { return domain + keySeparator + name }

// filespaceResponse is a filespace as the API shows it, in the order of seeds/001. It has neither users nor statistics
// while the filespace is being provisioned (assumption 156).
type filespaceResponse struct {
	Domain           string          `json:"domain"`
	Name             string          `json:"name"`
	Version          int32           `json:"version"`
	Status           string          `json:"status"`
	SubscriptionType string          `json:"subscriptionType"`
	UsersCount       *int64          `json:"usersCount,omitempty"`
	Storage          storageResponse `json:"storage"`
	Stats            *FilespaceStat  `json:"stats,omitempty"`
	ID               string          `json:"id"`
}

type storageResponse struct {
	Owner    string `json:"owner"`
	Provider string `json:"provider"`
	Region   string `json:"region,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Bucket   string `json:"bucket,omitempty"`
}

func (s *Service) describeFilespace(tx *store.Tx, row *statemachine.Row[Filespace]) filespaceResponse {
	f := &row.Body
	a := filespaceResponse{
		Domain: f.Domain, Name: f.Name, Version: f.Version, Status: f.Status, SubscriptionType: f.SubscriptionType,
		Storage: storageResponse(f.Storage), ID: f.ID,
	}
	if row.Life.State != FilespaceProvisioning {
		stats := statsOf(tx, f)
		a.UsersCount, a.Stats = &f.UsersCount, &stats
	}
	s.filespaces.Observed(tx, row)
	return a
}

type listFilespacesRequest struct {
	QualifiedName string `json:"qualifiedName"`
}

// listFilespaces returns the account's filespaces in the order of their names, or only the one with the qualified name
// name.domain. It returns an empty list if there is none (facts/dms-lucidlink-lucidity.md 1.2).
func (s *Service) listFilespaces(tx *store.Tx, r *api.Request, q *listFilespacesRequest) ([]filespaceResponse, error) {
	list := []filespaceResponse{}
	for domain := range s.domains.Table().KeysBy(tx, byAccount, accountOf(r)) {
		if q.QualifiedName == "" {
			for _, row := range s.filespaces.Table().All(tx, filespaceKey(domain, ""), "") {
				list = append(list, s.describeFilespace(tx, &row))
			}
			continue
		}
		row, err := s.filespaceByQualifiedName(tx, q.QualifiedName)
		if errors.Is(err, store.ErrNotFound) || err == nil && row.Body.Account != accountOf(r) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		return append(list, s.describeFilespace(tx, &row)), nil
	}
	return list, nil
}

// The vendor's messages (facts/dms-lucidlink-lucidity.md 1.2).
const (
	msgBadFilespaceID = "Invalid filespace ID."
	msgNoFilespace    = "Filespace not found."
	msgFilespaceTaken = "Filespace name already exists."
)

type filespaceID struct {
	ID string `json:"id"`
}

func (s *Service) getFilespace(tx *store.Tx, r *api.Request, q *filespaceID) (filespaceResponse, error) {
	row, err := s.filespaceByID(tx, r, q.ID)
	if err != nil {
		return filespaceResponse{}, err
	}
	return s.describeFilespace(tx, &row), nil
}

// deleteFilespace deletes a filespace. When it returns, the name is free (assumption 157).
func (s *Service) deleteFilespace(tx *store.Tx, r *api.Request, q *filespaceID) (api.Empty, error) {
	row, err := s.filespaceByID(tx, r, q.ID)
	if err != nil {
		return api.Empty{}, err
	}
	if err := s.filespaces.Refuse(deleteFilespace, &row); err != nil {
		s.filespaces.Observed(tx, &row)
		return api.Empty{}, err
	}
	return api.Empty{}, s.filespaces.Fire(tx, &row, "delete")
}

// filespaceByID returns a filespace of the caller's account. A filespace of another account is not found.
func (s *Service) filespaceByID(tx *store.Tx, r *api.Request, id string) (statemachine.Row[Filespace], error) {
	if !goodID(id) {
		return statemachine.Row[Filespace]{}, refusal.New(refusal.InvalidArgument, msgBadFilespaceID)
	}
	row, err := s.filespaces.Find(tx, strings.ToLower(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Body.Account != accountOf(r) {
		return statemachine.Row[Filespace]{}, refusal.New(refusal.NotFound, msgNoFilespace)
	}
	return row, err
}

// filespaceByQualifiedName returns the filespace name.domain, or store.ErrNotFound.
func (s *Service) filespaceByQualifiedName(tx *store.Tx, qualified string) (statemachine.Row[Filespace], error) {
	name, domain, ok := strings.Cut(qualified, ".")
	if !ok || name == "" {
		return statemachine.Row[Filespace]{}, store.ErrNotFound
	}
	d, err := s.domainByName(tx, domain)
	if err != nil {
		return statemachine.Row[Filespace]{}, err
	}
	return s.filespaces.Get(tx, filespaceKey(d.Body.ID, name))
}

// qualifiedName returns name.domain.
func (s *Service) qualifiedName(tx *store.Tx, f *Filespace) string {
	domain, err := s.domains.Get(tx, f.Domain)
	if err != nil {
		return f.Name // unreachable: a domain with filespaces cannot be deleted
	}
	return f.Name + "." + domain.Body.Name
}
