package lucidlink

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// Actions lists what people do with a filespace beside the Service API, and what the vendor does behind it.
func (s *Service) Actions() []api.Action {
	return []api.Action{
		api.Do(vendor, "initialize-filespace", "the client initialises a filespace that is provisioned", s.initializeFilespace),
		api.Do(vendor, "use-storage", "the users of a filespace write, read and delete data", s.useStorage),
		api.Do(vendor, "add-user", "a filespace gets a user", s.addUserAction),
		api.Do(vendor, "snapshot", "a snapshot of a filespace is made", s.snapshotAction),
		api.Do(vendor, "set-region", "the vendor opens or closes a region for new filespaces", s.setRegion),
		api.Do(vendor, "void-invoice", "the vendor takes back an invoice that is not paid", s.voidInvoice),
	}
}

// anyFilespace finds what an action names: an id, or what the client calls a filespace.
func (s *Service) anyFilespace(tx *store.Tx, name string) (statemachine.Row[Filespace], error) {
	if goodID(name) {
		row, err := s.filespaces.Find(tx, strings.ToLower(name))
		if !errors.Is(err, store.ErrNotFound) {
			return row, err
		}
	}
	return s.namedFilespace(tx, name)
}

// usable is anyFilespace for what only an initialized one takes.
func (s *Service) usable(tx *store.Tx, name string) (statemachine.Row[Filespace], error) {
	row, err := s.anyFilespace(tx, name)
	if err != nil {
		return row, err
	}
	return row, s.filespaces.Refuse(useFilespace, &row)
}

type initializeParams struct {
	Filespace string `json:"filespace" doc:"id, name.domain, or a name that only one has"`
	Password  string `json:"password" doc:"of the user root; root where it is left out"`
	BlockSize int64  `json:"blockSize" doc:"in KiB, a power of two; 256 where it is left out"`
}

func (s *Service) initializeFilespace(tx *store.Tx, p *initializeParams) (any, error) {
	row, err := s.anyFilespace(tx, p.Filespace)
	if err != nil {
		return nil, err
	}
	size := p.BlockSize
	switch {
	case len(p.Password) > maxPassword:
		return nil, &strict.Error{Path: "password", Detail: fmt.Sprintf("is longer than %d bytes", maxPassword)}
	case size != 0 && (size < minBlockSize || size > maxBlockSize || bits.OnesCount64(uint64(size)) != 1):
		return nil, &strict.Error{Path: "blockSize", Detail: fmt.Sprintf("%d must be a power of two from %d to %d", size, minBlockSize, maxBlockSize)}
	}
	row.Body.BlockSize = size
	if p.Password != "" {
		row.Body.RootPassword = hashPassword(row.Body.ID, p.Password)
	}
	err = s.filespaces.Fire(tx, &row, "initialize")
	var illegalEvent *statemachine.IllegalError
	if errors.As(err, &illegalEvent) {
		return nil, refusal.New(refusal.Aborted, "%s", illegalEvent.Error()).Because(illegalEvent.Cause)
	}
	return s.used(tx, &row), err
}

type userParams struct {
	Filespace string `json:"filespace" doc:"id, name.domain, or a name that only one has"`
	User      string `json:"user" doc:"the new user's name"`
	Password  string `json:"password" doc:"the new user's password; without one nobody can link as this user"`
	Email     string `json:"email" doc:"the new user's e-mail address"`
}

func (s *Service) addUserAction(tx *store.Tx, p *userParams) (any, error) {
	row, err := s.usable(tx, p.Filespace)
	if err != nil {
		return nil, err
	}
	err = s.addUser(tx, &row, User{Name: p.User, Email: p.Email}, p.Password)
	return s.used(tx, &row), err
}

type snapshotParams struct {
	Filespace string `json:"filespace" doc:"id, name.domain, or a name that only one has"`
	Name      string `json:"name" doc:"the snapshot's name"`
}

func (s *Service) snapshotAction(tx *store.Tx, p *snapshotParams) (any, error) {
	row, err := s.usable(tx, p.Filespace)
	if err != nil {
		return nil, err
	}
	return s.takeSnapshot(tx, &row, p.Name)
}
