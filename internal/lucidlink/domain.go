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
		{Name: "ListDomains", Method: http.MethodGet, Path: "/v1/domains", Statuses: []int{200}, Further: []int{401}, Needs: token,
			Endpoint: api.Handle(s.listDomains)},
		{Name: "CreateDomain", Method: http.MethodPost, Path: "/v1/domains", Statuses: []int{201, 400, 401, 409}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.createDomain)},
		{Name: "GetDomain", Method: http.MethodGet, Path: "/v1/domains/{id}", Statuses: []int{200, 400, 401, 404}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.getDomain)},
		{Name: "UpdateDomain", Method: http.MethodPut, Path: "/v1/domains/{id}", Statuses: []int{200, 400, 401, 404, 409}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.updateDomain)},
		{Name: "DeleteDomain", Method: http.MethodDelete, Path: "/v1/domains/{id}", Statuses: []int{204, 400, 401, 404, 409}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.deleteDomain)},
	}
}

// Domain is the second half of a filespace's qualified name: unique over all accounts, one for each account at most.
type Domain struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"`
}

// domainAnswer is a domain as the vendor answers it.
type domainAnswer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (d *Domain) answer() domainAnswer { return domainAnswer{ID: d.ID, Name: d.Name} }

const (
	domainActive statemachine.State = "active"

	byName    = "name"
	byAccount = "account"
)

// domainMachine: the vendor's domains have no states; a row is there or it is not.
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

// The vendor's own words for what is wrong with a request (facts/dms-lucidlink-lucidity.md 1.2).
const (
	msgBadDomainID   = "Invalid domain ID."
	msgNoDomain      = "Domain not found."
	msgDomainFilled  = "Domain has filespaces."
	msgBadDomainName = "Invalid domain name."
	msgDomainTaken   = "Domain name already taken."
	msgDomainOwned   = "Account has an existing domain."
)

func (s *Service) listDomains(tx *store.Tx, r *api.Request, _ *api.Empty) ([]domainAnswer, error) {
	list := []domainAnswer{}
	for _, row := range s.domains.Table().By(tx, byAccount, accountOf(r)) {
		list = append(list, row.Body.answer())
	}
	return list, nil
}

type domainQuestion struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// domainNameQuestion is a domainQuestion whose name is needed.
type domainNameQuestion struct {
	ID   string `json:"id"`
	Name string `json:"name" required:"Invalid domain name. \"\" must be 3 to 60 lowercase letters, numbers or hyphens."`
}

func (s *Service) createDomain(tx *store.Tx, r *api.Request, q *domainNameQuestion) (domainAnswer, error) {
	if err := checkDomainName(q.Name); err != nil {
		return domainAnswer{}, err
	}
	for range s.domains.Table().KeysBy(tx, byAccount, accountOf(r)) {
		return domainAnswer{}, refusal.New(refusal.AlreadyExists, msgDomainOwned)
	}
	if _, err := s.domainByName(tx, q.Name); !errors.Is(err, store.ErrNotFound) {
		return domainAnswer{}, taken(err)
	}
	row, err := s.domains.Create(tx, Domain{ID: tx.NewUUID().String(), Name: q.Name, Account: accountOf(r)}, domainActive)
	return row.Body.answer(), err
}

// taken is the refusal of a domain's name that was found, or the error that looking for it ended in.
func taken(err error) error {
	if err != nil {
		return err
	}
	return refusal.New(refusal.AlreadyExists, msgDomainTaken)
}

func (s *Service) getDomain(tx *store.Tx, r *api.Request, q *domainQuestion) (domainAnswer, error) {
	row, err := s.domainByID(tx, r, q.ID)
	return row.Body.answer(), err
}

// updateDomain renames a domain, which is only possible while it is empty: filespaces are called by its name.
func (s *Service) updateDomain(tx *store.Tx, r *api.Request, q *domainNameQuestion) (domainAnswer, error) {
	row, err := s.domainByID(tx, r, q.ID)
	if err != nil {
		return domainAnswer{}, err
	}
	if err := checkDomainName(q.Name); err != nil {
		return domainAnswer{}, err
	}
	if err := s.refuseFilled(tx, &row); err != nil {
		return domainAnswer{}, err
	}
	other, err := s.domainByName(tx, q.Name)
	if err == nil && other.Body.ID != row.Body.ID || err != nil && !errors.Is(err, store.ErrNotFound) {
		return domainAnswer{}, taken(err)
	}
	row.Body.Name = q.Name
	return row.Body.answer(), s.domains.Save(tx, &row)
}

func (s *Service) deleteDomain(tx *store.Tx, r *api.Request, q *domainQuestion) (api.Empty, error) {
	row, err := s.domainByID(tx, r, q.ID)
	if err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.domains.Fire(tx, &row, "delete")
}

// FilledDomain is the cause of a 409: the filespaces that are in the way.
type FilledDomain struct {
	Domain     string   `json:"domain"`
	Filespaces []string `json:"filespaces"` // the first ten
}

// CauseKind is refusal.Condition.
func (FilledDomain) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (f FilledDomain) WouldWork() string {
	return "the same request once the filespaces are deleted: " + strings.Join(f.Filespaces, ", ")
}

// refuseFilled refuses what a domain with filespaces does not take.
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

// domainByID finds a domain of the caller's account; those of others do not exist for it.
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

// domainByName answers store.ErrNotFound where no account has a domain of that name.
func (s *Service) domainByName(tx *store.Tx, name string) (statemachine.Row[Domain], error) {
	for _, row := range s.domains.Table().By(tx, byName, name) {
		return row, nil
	}
	return statemachine.Row[Domain]{}, store.ErrNotFound
}

// goodID: ids are UUIDs in their usual form (assumption 152).
func goodID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

const (
	minDomainName = 3
	maxDomainName = 60
)

// checkDomainName: lower-case letters, digits and hyphens, 3 to 60 of them (facts/dms-lucidlink-lucidity.md 1.2).
func checkDomainName(name string) error {
	if len(name) >= minDomainName && len(name) <= maxDomainName && plainName(name) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument, "%s %q must be %d to %d lowercase letters, numbers or hyphens.",
		msgBadDomainName, clip(name), minDomainName, maxDomainName)
}

// plainName says whether a name consists of lower-case letters, digits and hyphens, as domains' and filespaces' do.
func plainName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
