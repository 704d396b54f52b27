package lucidlink

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// userOperations returns the daemon's operations on users. Their paths are ours (assumption 165).
func (s *Service) userOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListUsers", Method: http.MethodGet, Path: "/app/users", Statuses: []int{200, 400, 409}, Extra: true,
			Endpoint: api.Handle(s.listUsers)},
		{Name: "CreateUser", Method: http.MethodPost, Path: "/app/users",
			Statuses: []int{201, 400, 403, 409}, Extra: true, Endpoint: api.Handle(s.createUser)},
		{Name: "GetUser", Method: http.MethodGet, Path: "/app/users/{name}",
			Statuses: []int{200, 400, 404, 409}, Extra: true, Endpoint: api.Handle(s.getUser)},
		{Name: "UpdateUser", Method: http.MethodPatch, Path: "/app/users/{name}",
			Statuses: []int{200, 400, 403, 404, 409}, Extra: true, Endpoint: api.Handle(s.updateUser)},
		{Name: "DeleteUser", Method: http.MethodDelete, Path: "/app/users/{name}",
			Statuses: []int{204, 400, 403, 404, 409}, Extra: true, Endpoint: api.Handle(s.deleteUser)},
	}
}

// User may link to a filespace. The Service API shows only the number of users, because the client manages them
// (facts/dms-lucidlink-lucidity.md 1.4).
type User struct {
	Filespace string `json:"filespace"` // id
	Name      string `json:"name"`      // as given; matches in any case
	Email     string `json:"email"`
	Password  string `json:"password"` // hashed; with "" the user cannot link
}

// rootUser exists from the initialization on, and is not counted (assumption 166).
const rootUser = "root"

func userKey(filespace, name string) string { return filespace + keySeparator + strings.ToLower(name) }

var users = store.NewTable("lucidlink.user",
	func(u *User) string { return userKey(u.Filespace, u.Name) }, store.JSON[User]())

// hashPassword keeps passwords out of the stored world.
func hashPassword(filespace, password string) string {
	sum := sha256.Sum256([]byte(filespace + "\x00" + password))
	return hex.EncodeToString(sum[:])
}

// userResponse is a user as the daemon shows it.
type userResponse struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

const (
	maxUserName  = 128 // facts/dms-lucidlink-lucidity.md 1.4
	maxUserEmail = 254
	maxPassword  = 1024
)

const userNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 '-_.@"

// check refuses an invalid user or password.
func (u *User) check(password string) error {
	switch {
	case u.Name == "" || len(u.Name) > maxUserName || strings.Trim(u.Name, userNameLetters) != "":
		return invalid("The user name %q must be 1 to %d of the characters a-z, A-Z, 0-9, space and '-_.@.",
			clip(u.Name), maxUserName)
	case u.Email != "" && !goodEmail(u.Email):
		return invalid("%q is not an e-mail address.", clip(u.Email))
	case len(password) > maxPassword:
		return invalid("The password must have at most %d bytes.", maxPassword)
	}
	return nil
}

func goodEmail(text string) bool {
	return len(text) <= maxUserEmail && !strings.ContainsAny(text, " \t\r\n") &&
		strings.Contains(strings.Trim(text, "@"), "@")
}

// addUser adds a user to an initialized filespace.
func (s *Service) addUser(tx *store.Tx, row *statemachine.Row[Filespace], u User, password string) error {
	if err := u.check(password); err != nil {
		return err
	}
	u.Filespace = row.Body.ID
	if password != "" {
		u.Password = hashPassword(u.Filespace, password)
	}
	if strings.EqualFold(u.Name, rootUser) || users.Has(tx, userKey(u.Filespace, u.Name)) {
		return refusal.New(refusal.AlreadyExists, "User '%s' already exists.", u.Name)
	}
	if err := users.Insert(tx, &u); err != nil {
		return err
	}
	return s.changeUse(tx, row, func() error { row.Body.UsersCount++; return nil })
}

// passwordOf returns the hash of the password of a user or of root, or "".
func passwordOf(tx *store.Tx, f *Filespace, name string) string {
	if strings.EqualFold(name, rootUser) {
		return f.RootPassword
	}
	u, err := users.Get(tx, userKey(f.ID, name))
	if err != nil {
		return ""
	}
	return u.Password
}

// unknownUser is the cause of a refused user name or password.
type unknownUser struct {
	User      string `json:"user"`
	Filespace string `json:"filespace"`
}

// CauseKind returns refusal.Credential.
func (unknownUser) CauseKind() refusal.CauseKind { return refusal.Credential }

// WouldWork returns the advice of explain.
func (u unknownUser) WouldWork() string {
	return "the name and password of a user of " + u.Filespace +
		"; the action lucidlink/initialize-filespace sets the password of root"
}

// notRoot is the cause of a refusal because of the user.
type notRoot struct {
	User  string `json:"user"`
	Needs string `json:"needs"` // the user who is allowed
}

// CauseKind returns refusal.Permission.
func (notRoot) CauseKind() refusal.CauseKind { return refusal.Permission }

// WouldWork returns the advice of explain.
func (n notRoot) WouldWork() string { return "the same request for " + n.Needs }

// admit refuses a wrong password. The message does not reveal whether the user exists.
func admit(tx *store.Tx, f *Filespace, name, password string) error {
	stored := passwordOf(tx, f, name)
	if stored == "" || !equal(stored, hashPassword(f.ID, password)) {
		return refusal.New(refusal.PermissionDenied, "Invalid user name or password.").
			Because(unknownUser{User: name, Filespace: f.Name})
	}
	return nil
}

// rootsFilespace returns the linked filespace if the password is root's, whoever the daemon is linked as (assumption
// 173).
func (s *Service) rootsFilespace(tx *store.Tx, r *api.Request, password string) (statemachine.Row[Filespace], error) {
	_, row, err := s.linked(tx, r)
	if err == nil && password == "" {
		err = invalid("The password is missing; give the password of root.")
	}
	if err != nil {
		return row, err
	}
	return row, admit(tx, &row.Body, rootUser, password)
}

func (s *Service) listUsers(tx *store.Tx, r *api.Request, _ *api.Empty) ([]userResponse, error) {
	_, row, err := s.linked(tx, r)
	if err != nil {
		return nil, err
	}
	list := []userResponse{{Name: rootUser}}
	for _, u := range users.All(tx, row.Body.ID+keySeparator, "") {
		list = append(list, userResponse{Name: u.Name, Email: u.Email})
	}
	return list, nil
}

type userRequest struct {
	Name         string  `json:"name"`
	Password     string  `json:"password"` // root's
	UserPassword *string `json:"userPassword"`
	UserEmail    *string `json:"userEmail"`
}

type createUserRequest struct {
	Name         string  `json:"name" required:"The user name is missing."`
	Password     string  `json:"password" required:"The password is missing; give the password of root."`
	UserPassword *string `json:"userPassword"`
	UserEmail    *string `json:"userEmail"`
}

type updateUserRequest struct {
	Name         string  `json:"name"`
	Password     string  `json:"password" required:"The password is missing; give the password of root."`
	UserPassword *string `json:"userPassword"`
	UserEmail    *string `json:"userEmail"`
}

func (q *userRequest) userPassword() string {
	if q.UserPassword == nil {
		return ""
	}
	return *q.UserPassword
}

func (s *Service) createUser(tx *store.Tx, r *api.Request, q *createUserRequest) (userResponse, error) {
	row, err := s.rootsFilespace(tx, r, q.Password)
	if err != nil {
		return userResponse{}, err
	}
	u := User{Name: q.Name}
	if q.UserEmail != nil {
		u.Email = *q.UserEmail
	}
	return userResponse{Name: u.Name, Email: u.Email}, s.addUser(tx, &row, u, (*userRequest)(q).userPassword())
}

func (s *Service) getUser(tx *store.Tx, r *api.Request, q *userRequest) (userResponse, error) {
	_, row, err := s.linked(tx, r)
	if err != nil {
		return userResponse{}, err
	}
	if strings.EqualFold(q.Name, rootUser) {
		return userResponse{Name: rootUser}, nil
	}
	u, err := findUser(tx, row.Body.ID, q.Name)
	return userResponse{Name: u.Name, Email: u.Email}, err
}

func findUser(tx *store.Tx, filespace, name string) (User, error) {
	u, err := users.Get(tx, userKey(filespace, name))
	if errors.Is(err, store.ErrNotFound) {
		return u, refusal.New(refusal.NotFound, "User '%s' does not exist.", clip(name))
	}
	return u, err
}

// updateUser sets the password or the e-mail address of a user, or the password of root.
func (s *Service) updateUser(tx *store.Tx, r *api.Request, q *updateUserRequest) (userResponse, error) {
	row, err := s.rootsFilespace(tx, r, q.Password)
	if err != nil {
		return userResponse{}, err
	}
	if q.UserPassword == nil && q.UserEmail == nil || q.UserPassword != nil && *q.UserPassword == "" {
		return userResponse{}, invalid("There is nothing to set: give userPassword or userEmail.")
	}
	if strings.EqualFold(q.Name, rootUser) {
		if q.UserEmail != nil || len(*q.UserPassword) > maxPassword {
			return userResponse{}, invalid("Only a password of at most %d bytes can be set for root.", maxPassword)
		}
		row.Body.RootPassword = hashPassword(row.Body.ID, *q.UserPassword)
		return userResponse{Name: rootUser}, s.filespaces.Save(tx, &row)
	}
	u, err := findUser(tx, row.Body.ID, q.Name)
	if err != nil {
		return userResponse{}, err
	}
	if q.UserEmail != nil {
		u.Email = *q.UserEmail
	}
	if err := u.check((*userRequest)(q).userPassword()); err != nil {
		return userResponse{}, err
	}
	if q.UserPassword != nil {
		u.Password = hashPassword(u.Filespace, *q.UserPassword)
	}
	return userResponse{Name: u.Name, Email: u.Email}, users.Put(tx, &u)
}

// deleteUser deletes a user and ends the links as this user.
func (s *Service) deleteUser(tx *store.Tx, r *api.Request, q *userRequest) (api.Empty, error) {
	row, err := s.rootsFilespace(tx, r, q.Password)
	if err != nil {
		return api.Empty{}, err
	}
	if strings.EqualFold(q.Name, rootUser) {
		return api.Empty{}, refusal.New(refusal.PermissionDenied, "The user root cannot be deleted.").
			Because(notRoot{User: q.Name, Needs: "another user than " + rootUser})
	}
	u, err := findUser(tx, row.Body.ID, q.Name)
	if err != nil {
		return api.Empty{}, err
	}
	if err := users.Delete(tx, userKey(u.Filespace, u.Name)); err != nil {
		return api.Empty{}, err
	}
	asUser := func(i *Instance) bool { return strings.EqualFold(i.User, u.Name) }
	if err := s.unlinkAll(tx, u.Filespace, asUser); err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.changeUse(tx, &row, func() error { row.Body.UsersCount--; return nil })
}
