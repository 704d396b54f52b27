package lucidlink

import (
	"errors"
	"path"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// The operations with guards.
const (
	initializeS3     = "InitializeS3"
	linkFilespace    = "LinkFilespace"
	mountFilespace   = "MountFilespace"
	unmountFilespace = "UnmountFilespace"
)

// The states of a linked instance. An instance that is not linked has no row.
const (
	InstanceMounted   statemachine.State = "Mounted"
	InstanceUnmounted statemachine.State = "Unmounted"
)

// Instance is a daemon that is linked to a filespace. All daemons run on the world's only client machine. A request
// selects an instance by the query parameter instance, or by the name of its filespace in the parameter name
// (assumption 164).
type Instance struct {
	ID         string `json:"id"`
	Filespace  string `json:"filespace"` // id
	User       string `json:"user"`
	MountPoint string `json:"mountPoint"`
	RootPath   string `json:"rootPath"`
	CacheOff   bool   `json:"cacheOff"`
	CacheSize  int64  `json:"cacheSize"` // MiB
}

// defaultInstance is the instance of a request that selects none.
const defaultInstance = "1"

// instanceMachine is the machine of an instance. Link also mounts, and unlink also unmounts.
func (s *Service) instanceMachine() *statemachine.Machine[Instance] {
	both := []statemachine.State{InstanceMounted, InstanceUnmounted}
	return statemachine.Define(statemachine.Machine[Instance]{
		Kind: "lucidlink.instance", Initial: both[:1], Zero: wire.OmitZero,
		Rules: []statemachine.Rule[Instance]{
			{From: both[:1], On: "unmount", To: InstanceUnmounted},
			{From: both[1:], On: "mount", To: InstanceMounted},
			{From: both, On: "unlink", To: statemachine.Gone},
		},
		Guards: []statemachine.Guard{
			{Operation: mountFilespace, In: both[:1], Kind: refusal.Aborted,
				Message: "The filespace is already mounted."},
			{Operation: unmountFilespace, In: both[1:], Kind: refusal.Aborted,
				Message: "The filespace is not mounted."},
		},
		Key: func(i *Instance) string { return i.ID }, Name: func(i *Instance) string { return i.MountPoint },
	})
}

// instanceID returns the ID of the instance that a request selects.
func (s *Service) instanceID(tx *store.Tx, r *api.Request) (string, error) {
	query := r.Query()
	if name := query.Get("name"); name != "" && query.Get("instance") == "" {
		for id, row := range s.instances.Table().All(tx, "", "") {
			f, err := s.filespaces.Find(tx, row.Body.Filespace)
			if err != nil {
				return "", err
			}
			if f.Body.Name == name || s.qualifiedName(tx, &f.Body) == name {
				return id, nil
			}
		}
		return "", invalid("No instance is linked to the filespace %q.", clip(name))
	}
	id := query.Get("instance")
	switch {
	case id == "":
		return defaultInstance, nil
	case len(id) > 5 || strings.Trim(id, "0123456789") != "" || id[0] == '0':
		return "", invalid("The instance ID %q must be a whole number from 1 to 99999.", clip(id))
	}
	return id, nil
}

// instanceOf returns the instance that a request selects, or the refusal notLinked.
func (s *Service) instanceOf(tx *store.Tx, r *api.Request) (statemachine.Row[Instance], error) {
	id, err := s.instanceID(tx, r)
	if err != nil {
		return statemachine.Row[Instance]{}, err
	}
	row, err := s.instances.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return row, notLinked(id)
	}
	return row, err
}

// linked returns the instance that a request selects, and its filespace.
func (s *Service) linked(tx *store.Tx, r *api.Request) (statemachine.Row[Instance], statemachine.Row[Filespace],
	error) {
	link, err := s.instanceOf(tx, r)
	if err != nil {
		return link, statemachine.Row[Filespace]{}, err
	}
	row, err := s.filespaces.Find(tx, link.Body.Filespace)
	return link, row, err
}

// unlinkAll ends the links to a filespace for which matches returns true.
func (s *Service) unlinkAll(tx *store.Tx, filespace string, matches func(*Instance) bool) error {
	for _, row := range s.instances.Table().All(tx, "", "") {
		if row.Body.Filespace != filespace || !matches(&row.Body) {
			continue
		}
		if err := s.instances.Fire(tx, &row, "unlink"); err != nil {
			return err
		}
	}
	return nil
}

type instanceResponse struct {
	ID        string `json:"id"`
	Filespace string `json:"filespace"` // name.domain
	Mode      string `json:"mode"`
}

func (s *Service) listInstances(tx *store.Tx, _ *api.Request, _ *api.Empty) ([]instanceResponse, error) {
	list := []instanceResponse{}
	for id, row := range s.instances.Table().All(tx, "", "") {
		f, err := s.filespaces.Find(tx, row.Body.Filespace)
		if err != nil {
			return nil, err
		}
		list = append(list, instanceResponse{ID: id, Filespace: s.qualifiedName(tx, &f.Body), Mode: "live"})
	}
	return list, nil
}

// namedFilespace returns the filespace that the client's option --fs names: name.domain, or a name that only one
// filespace has (assumption 170). It searches all accounts.
func (s *Service) namedFilespace(tx *store.Tx, name string) (statemachine.Row[Filespace], error) {
	var none statemachine.Row[Filespace]
	if name == "" {
		return none, invalid("The filespace is missing; give its name as filespace.domain.")
	}
	row, err := s.filespaceByQualifiedName(tx, name)
	if !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	found := 0
	for _, other := range s.filespaces.Table().All(tx, "", "") {
		if other.Body.Name == name {
			row = other
			found++
		}
	}
	switch found {
	case 1:
		return row, nil
	case 0:
		return none, refusal.New(refusal.NotFound, "Filespace '%s' does not exist.", clip(name))
	}
	return none, invalid("There are %d filespaces with the name '%s'; use filespace.domain.", found, clip(name))
}

type linkRequest struct {
	Filespace  string `json:"fs" required:"The filespace is missing; give its name as filespace.domain."`
	User       string `json:"user" required:"The user or the password is missing."`
	Password   string `json:"password" required:"The user or the password is missing."`
	MountPoint string `json:"mountPoint"`
	RootPath   string `json:"rootPath"`
}

type linkResponse struct {
	Filespace  string `json:"filespace"` // name.domain
	MountPoint string `json:"mountPoint,omitempty"`
}

const maxPath = 4096

// linkFilespace links the instance to a filespace and mounts it.
func (s *Service) linkFilespace(tx *store.Tx, r *api.Request, q *linkRequest) (linkResponse, error) {
	id, err := s.instanceID(tx, r)
	if err != nil {
		return linkResponse{}, err
	}
	if old, err := s.instances.Get(tx, id); err == nil {
		f, err := s.filespaces.Find(tx, old.Body.Filespace)
		if err != nil {
			return linkResponse{}, err
		}
		return linkResponse{}, refusal.New(refusal.Aborted,
			"The daemon is already linked to '%s'; unlink first, or select another instance.",
			s.qualifiedName(tx, &f.Body)).Because(s.instances.Stands("LinkFilespace", &old))
	}
	row, err := s.namedFilespace(tx, q.Filespace)
	if err != nil {
		return linkResponse{}, err
	}
	if err := s.filespaces.Refuse(linkFilespace, &row); err != nil {
		s.filespaces.Observed(tx, &row)
		return linkResponse{}, err
	}
	i := Instance{ID: id, Filespace: row.Body.ID, User: q.User, RootPath: q.RootPath, CacheSize: defaultCacheSize}
	if i.MountPoint, err = s.mountPoint(tx, &row.Body, q.MountPoint); err != nil {
		return linkResponse{}, err
	}
	if q.RootPath != "" && !goodPath(q.RootPath) {
		return linkResponse{}, invalid("The root path %q must be an absolute path.", clip(q.RootPath))
	}
	if err := admit(tx, &row.Body, q.User, q.Password); err != nil {
		return linkResponse{}, err
	}
	row.Body.Requests.List++
	if err := s.filespaces.Save(tx, &row); err != nil {
		return linkResponse{}, err
	}
	_, err = s.instances.Create(tx, i, InstanceMounted)
	return linkResponse{Filespace: s.qualifiedName(tx, &row.Body), MountPoint: i.MountPoint}, err
}

// mountPoint returns the requested mount point, else the default of the client for Linux
// (facts/dms-lucidlink-lucidity.md 1.4).
func (s *Service) mountPoint(tx *store.Tx, f *Filespace, requested string) (string, error) {
	if requested == "" {
		name, domain, _ := strings.Cut(s.qualifiedName(tx, f), ".")
		return path.Join("/media", domain, name), nil
	}
	if !goodPath(requested) {
		return "", invalid("The mount point %q must be an absolute path.", clip(requested))
	}
	return requested, nil
}

// goodPath reports whether p is an absolute path of Linux, macOS or Windows.
func goodPath(p string) bool {
	drive := len(p) >= 2 && p[1] == ':' && (p[0]|0x20) >= 'a' && (p[0]|0x20) <= 'z'
	return len(p) <= maxPath && (strings.HasPrefix(p, "/") || drive)
}

func (s *Service) unlinkFilespace(tx *store.Tx, r *api.Request, _ *api.Empty) (api.Empty, error) {
	link, err := s.instanceOf(tx, r)
	if err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.instances.Fire(tx, &link, "unlink")
}

type mountRequest struct {
	MountPoint string `json:"mountPoint"`
}

// mountFilespace mounts at the given mount point, else at the last one.
func (s *Service) mountFilespace(tx *store.Tx, r *api.Request, q *mountRequest) (linkResponse, error) {
	link, row, err := s.linked(tx, r)
	if err != nil {
		return linkResponse{}, err
	}
	if err := s.instances.Refuse(mountFilespace, &link); err != nil {
		return linkResponse{}, err
	}
	if q.MountPoint != "" {
		if link.Body.MountPoint, err = s.mountPoint(tx, &row.Body, q.MountPoint); err != nil {
			return linkResponse{}, err
		}
	}
	err = s.instances.Fire(tx, &link, "mount")
	return linkResponse{Filespace: s.qualifiedName(tx, &row.Body), MountPoint: link.Body.MountPoint}, err
}

func (s *Service) unmountFilespace(tx *store.Tx, r *api.Request, _ *api.Empty) (api.Empty, error) {
	link, err := s.instanceOf(tx, r)
	if err != nil {
		return api.Empty{}, err
	}
	if err := s.instances.Refuse(unmountFilespace, &link); err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, s.instances.Fire(tx, &link, "unmount")
}
