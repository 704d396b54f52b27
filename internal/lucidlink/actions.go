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

// Actions returns the actions of users and of the vendor that the Service API does not have.
func (s *Service) Actions() []api.Action {
	return []api.Action{
		api.Do(vendor, "initialize-filespace", "initializes a provisioned filespace, as its client does",
			s.initializeFilespace),
		api.Do(vendor, "use-storage", "writes, reads and deletes data of a filespace, as its users do", s.useStorage),
		api.Do(vendor, "add-user", "adds a user to a filespace", s.addUserAction),
		api.Do(vendor, "snapshot", "creates a snapshot of a filespace", s.snapshotAction),
		api.Do(vendor, "set-bucket", "sets the keys and the scheme that the object storage of a bucket accepts", s.setBucket),
		api.Do(vendor, "set-region", "opens or closes a region for new filespaces", s.setRegion),
		api.Do(vendor, "void-invoice", "voids an unpaid invoice, as the vendor can", s.voidInvoice),
	}
}

// anyFilespace returns the filespace that an action names: by its ID, or as the daemon's requests name it.
func (s *Service) anyFilespace(tx *store.Tx, name string) (statemachine.Row[Filespace], error) {
	if goodID(name) {
		row, err := s.filespaces.Find(tx, strings.ToLower(name))
		if !errors.Is(err, store.ErrNotFound) {
			return row, err
		}
	}
	return s.namedFilespace(tx, name)
}

// usable returns the filespace that an action names, and refuses unless it is initialized.
func (s *Service) usable(tx *store.Tx, name string) (statemachine.Row[Filespace], error) {
	row, err := s.anyFilespace(tx, name)
	if err != nil {
		return row, err
	}
	return row, s.filespaces.Refuse(useFilespace, &row)
}

type initializeParams struct {
	Filespace string `json:"filespace" doc:"the filespace: ID, name.domain, or a unique name"`
	Password  string `json:"password" doc:"password of the user root; default: root"`
	BlockSize int64  `json:"blockSize" doc:"block size in KiB, a power of two; default: 256"`
}

func (s *Service) initializeFilespace(tx *store.Tx, p *initializeParams) (any, error) {
	row, err := s.anyFilespace(tx, p.Filespace)
	if err != nil {
		return nil, err
	}
	size := p.BlockSize
	switch {
	case len(p.Password) > maxPassword:
		return nil, &strict.Error{Path: "password", Detail: fmt.Sprintf("must have at most %d bytes", maxPassword)}
	case size != 0 && (size < minBlockSize || size > maxBlockSize || bits.OnesCount64(uint64(size)) != 1):
		return nil, &strict.Error{
			Path:   "blockSize",
			Detail: fmt.Sprintf("%d must be a power of two from %d to %d", size, minBlockSize, maxBlockSize),
		}
	}
	row.Body.BlockSize = size
	if p.Password != "" {
		row.Body.RootPassword = hashPassword(row.Body.ID, p.Password)
	}
	err = s.filespaces.Fire(tx, &row, "initialize")
	var wrongState *statemachine.IllegalError
	if errors.As(err, &wrongState) {
		return nil, refusal.New(refusal.Aborted, "%s", wrongState.Error()).Because(wrongState.Cause)
	}
	return s.used(tx, &row), err
}

type userParams struct {
	Filespace string `json:"filespace" doc:"the filespace: ID, name.domain, or a unique name"`
	User      string `json:"user" doc:"the new user's name"`
	Password  string `json:"password" doc:"the new user's password; without one the user cannot link"`
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
	Filespace string `json:"filespace" doc:"the filespace: ID, name.domain, or a unique name"`
	Name      string `json:"name" doc:"the snapshot's name"`
}

func (s *Service) snapshotAction(tx *store.Tx, p *snapshotParams) (any, error) {
	row, err := s.usable(tx, p.Filespace)
	if err != nil {
		return nil, err
	}
	return s.takeSnapshot(tx, &row, p.Name)
}
