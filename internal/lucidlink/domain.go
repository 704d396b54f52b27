package lucidlink

import (
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

func (s *Service) domainOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListDomains", Method: http.MethodGet, Path: "/v1/domains",
			Statuses: []int{200}, Further: []int{401}, Needs: token, Endpoint: api.Handle(s.listDomains)},
		{Name: "CreateDomain", Method: http.MethodPost, Path: "/v1/domains",
			Statuses: []int{201, 400, 401, 409}, Extra: true, Needs: token, Endpoint: api.Handle(s.createDomain)},
		{Name: "GetDomain", Method: http.MethodGet, Path: "/v1/domains/{id}",
			Statuses: []int{200, 400, 401, 404}, Extra: true, Needs: token, Endpoint: api.Handle(s.getDomain)},
		{Name: "UpdateDomain", Method: http.MethodPut, Path: "/v1/domains/{id}",
			Statuses: []int{200, 400, 401, 404, 409}, Extra: true, Needs: token, Endpoint: api.Handle(s.updateDomain)},
		{Name: "DeleteDomain", Method: http.MethodDelete, Path: "/v1/domains/{id}",
			Statuses: []int{204, 400, 401, 404, 409}, Extra: true, Needs: token, Endpoint: api.Handle(s.deleteDomain)},
	}
}

// Domain is the second half of a filespace's qualified name. Its name is unique across all accounts; an account has at
// most one.
type Domain struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"`
}

// domainResponse is a domain as the API shows it.
type domainResponse struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (d *Domain) response() domainResponse { return domainResponse{ID: d.ID, Name: d.Name} }

const (
	domainActive statemachine.State = "active"

	byName    = "name"
	byAccount = "account"
)

// domainMachine is the machine of a domain. Domains have no visible states.
func (s *Service) domainMachine() *statemachine.Machine[Domain] {
	return statemachine.Define(statemachine.Machine[Domain]{
		Kind: "lucidlink.domain", Initial: []statemachine.State{domainActive}, Zero: wire.OmitZero,
		Rules: []statemachine.Rule[Domain]{
			{From: []statemachine.State{domainActive}, On: "delete", To: statemachine.Gone, Do: s.refuseFilled},
		},
		Key: func(d *Domain) string { return d.ID }, Name: func(d *Domain) string { return d.Name },
		Indexes: []store.Index[statemachine.Row[Domain]]{
			{Name: byName, Unique: true, Keys: func(r *statemachine.Row[Domain]) []string { return []string{r.Body.Name} }},
			{Name: byAccount, Keys: func(r *statemachine.Row[Domain]) []string { return []string{r.Body.Account} }},
		},
	})
}

// The vendor's messages (facts/dms-lucidlink-lucidity.md 1.2).
const (
	msgBadDomainID   = "Invalid domain ID."
	msgNoDomain      = "Domain not found."
	msgDomainFilled  = "Domain has filespaces."
	msgBadDomainName = "Invalid domain name."
	msgDomainTaken   = "Domain name already taken."
	msgDomainOwned   = "Account has an existing domain."
)

func (s *Service) listDomains(tx *store.Tx, r *api.Request, _ *api.Empty) ([]domainResponse, error) {
	list := []domainResponse{}
	for _, row := range s.domains.Table().By(tx, byAccount, accountOf(r)) {
		list = append(list, row.Body.response())
	}
	return list, nil
}

type domainRequest struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// domainNameRequest is a domainRequest with a required name.
type domainNameRequest struct {
	ID   string `json:"id"`
	Name string `json:"name" required:"Invalid domain name. \"\" must be 3 to 60 lowercase letters, numbers or hyphens."`
}

func (s *Service) createDomain(tx *store.Tx, r *api.Request, q *domainNameRequest) (domainResponse, error) {
	if err := checkDomainName(q.Name); err != nil {
		return domainResponse{}, err
	}
	for range s.domains.Table().KeysBy(tx, byAccount, accountOf(r)) {
		return domainResponse{}, refusal.New(refusal.AlreadyExists, msgDomainOwned)
	}
	if _, err := s.domainByName(tx, q.Name); !errors.Is(err, store.ErrNotFound) {
		return domainResponse{}, taken(err)
	}
	domain := Domain{ID: tx.NewUUID().String(), Name: q.Name, Account: accountOf(r)}
	row, err := s.domains.Create(tx, domain, domainActive)
	return row.Body.response(), err
}

// taken returns the refusal of a name in use, or err if the search for the name failed.
func taken(err error) error {
	if err != nil {
		return err
	}
	return refusal.New(refusal.AlreadyExists, msgDomainTaken)
}

func (s *Service) getDomain(tx *store.Tx, r *api.Request, q *domainRequest) (domainResponse, error) {
	row, err := s.domainByID(tx, r, q.ID)
	return row.Body.response(), err
}

// updateDomain renames a domain. It refuses a domain with filespaces, because their qualified names contain its name.
func (s *Service) updateDomain(tx *store.Tx, r *api.Request, q *domainNameRequest) (domainResponse, error) {
	row, err := s.domainByID(tx, r, q.ID)
	if err != nil {
		return domainResponse{}, err
	}
	if err := checkDomainName(q.Name); err != nil {
		return domainResponse{}, err
	}
	if err := s.refuseFilled(tx, &row); err != nil {
		return domainResponse{}, err
	}
	other, err := s.domainByName(tx, q.Name)
	if err == nil && other.Body.ID != row.Body.ID || err != nil && !errors.Is(err, store.ErrNotFound) {
		return domainResponse{}, taken(err)
	}
	row.Body.Name = q.Name
	return row.Body.response(), s.domains.Save(tx, &row)
}

func (s *Service) deleteDomain(tx *store.Tx, r *api.Request, q *domainRequest) (api.Empty, error) {
	row, err := s.domainByID(tx, r, q.ID)
	if err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.domains.Fire(tx, &row, "delete")
}

// FilledDomain is the cause of a 409: the domain has filespaces.
type FilledDomain struct {
	Domain     string   `json:"domain"`
	Filespaces []string `json:"filespaces"` // the first ten
}

// CauseKind returns refusal.Condition.
func (FilledDomain) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns the advice of explain.
func (f FilledDomain) WouldWork() string {
	return "the same request after the filespaces are deleted: " + strings.Join(f.Filespaces, ", ")
}

// refuseFilled refuses if the domain has filespaces.
func (s *Service) refuseFilled(tx *store.Tx, row *statemachine.Row[Domain]) error {
	const shown = 10
	var names []string
	for key := range s.filespaces.Table().Scan(tx, filespaceKey(row.Body.ID, ""), "") {
		_, name, _ := strings.Cut(key, keySeparator)
		if names = append(names, name); len(names) == shown {
			break
		}
	}
	if names == nil {
		return nil
	}
	return refusal.New(refusal.Aborted, msgDomainFilled).Because(FilledDomain{Domain: row.Body.Name, Filespaces: names})
}

// domainByID returns a domain of the caller's account. A domain of another account is not found.
func (s *Service) domainByID(tx *store.Tx, r *api.Request, id string) (statemachine.Row[Domain], error) {
	if !goodID(id) {
		return statemachine.Row[Domain]{}, refusal.New(refusal.InvalidArgument, msgBadDomainID)
	}
	row, err := s.domains.Get(tx, strings.ToLower(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Body.Account != accountOf(r) {
		return statemachine.Row[Domain]{}, refusal.New(refusal.NotFound, msgNoDomain)
	}
	return row, err
}

// domainByName returns the domain of any account with the name, or store.ErrNotFound.
func (s *Service) domainByName(tx *store.Tx, name string) (statemachine.Row[Domain], error) {
	for _, row := range s.domains.Table().By(tx, byName, name) {
		return row, nil
	}
	return statemachine.Row[Domain]{}, store.ErrNotFound
}

// goodID reports whether id is a UUID of 36 characters (assumption 152).
func goodID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

const (
	minDomainName = 3
	maxDomainName = 60
)

// checkDomainName refuses a name that is not 3 to 60 lowercase letters, digits and hyphens
// (facts/dms-lucidlink-lucidity.md 1.2).
func checkDomainName(name string) error {
	if len(name) >= minDomainName && len(name) <= maxDomainName && plainName(name) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument, "%s %q must be %d to %d lowercase letters, numbers or hyphens.",
		msgBadDomainName, clip(name), minDomainName, maxDomainName)
}

// plainName reports whether a name consists of lowercase letters, digits and hyphens.
func plainName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
