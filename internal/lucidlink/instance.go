package lucidlink

import (
	"errors"
	"math/bits"
	"path"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// The operations that guards name.
const (
	initializeS3     = "InitializeS3"
	linkFilespace    = "LinkFilespace"
	mountFilespace   = "MountFilespace"
	unmountFilespace = "UnmountFilespace"
)

// The states of a daemon instance that is linked; one that is not has no row.
const (
	InstanceMounted   statemachine.State = "Mounted"
	InstanceUnmounted statemachine.State = "Unmounted"
)

// Instance is one daemon of the world's only client machine, while it is linked to a filespace. Requests choose it by
// the query parameter instance, or by the filespace that it is linked to with name (assumption 164).
type Instance struct {
	ID         string `json:"id"`
	Filespace  string `json:"filespace"` // id
	User       string `json:"user"`
	MountPoint string `json:"mountPoint"`
	RootPath   string `json:"rootPath"`
	CacheOff   bool   `json:"cacheOff"`
	CacheSize  int64  `json:"cacheSize"` // MiB
}

// defaultInstance is meant where a request chooses none.
const defaultInstance = "1"

// instanceMachine: link mounts too, and unlink unmounts too.
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
			{Operation: mountFilespace, In: both[:1], Kind: refusal.Aborted, Message: "The filespace is already mounted."},
			{Operation: unmountFilespace, In: both[1:], Kind: refusal.Aborted, Message: "The filespace is not mounted."},
		},
		Key: func(i *Instance) string { return i.ID }, Name: func(i *Instance) string { return i.MountPoint },
	})
}

// instanceID reads which instance a request is for.
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
		return "", invalid("No instance is linked to a filespace %q.", clip(name))
	}
	id := query.Get("instance")
	switch {
	case id == "":
		return defaultInstance, nil
	case len(id) > 5 || strings.Trim(id, "0123456789") != "" || id[0] == '0':
		return "", invalid("The instance id %q must be a whole number from 1 to 99999.", clip(id))
	}
	return id, nil
}

// instanceOf is the instance that a request is for; the refusal notLinked where it is not linked.
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

// linked is the instance that a request is for, and its filespace.
func (s *Service) linked(tx *store.Tx, r *api.Request) (statemachine.Row[Instance], statemachine.Row[Filespace], error) {
	link, err := s.instanceOf(tx, r)
	if err != nil {
		return link, statemachine.Row[Filespace]{}, err
	}
	row, err := s.filespaces.Find(tx, link.Body.Filespace)
	return link, row, err
}

// unlinkAll ends the links to a filespace that are meant.
func (s *Service) unlinkAll(tx *store.Tx, filespace string, meant func(*Instance) bool) error {
	for _, row := range s.instances.Table().All(tx, "", "") {
		if row.Body.Filespace != filespace || !meant(&row.Body) {
			continue
		}
		if err := s.instances.Fire(tx, &row, "unlink"); err != nil {
			return err
		}
	}
	return nil
}

type instanceAnswer struct {
	ID        string `json:"id"`
	Filespace string `json:"filespace"` // name.domain
	Mode      string `json:"mode"`
}

func (s *Service) listInstances(tx *store.Tx, _ *api.Request, _ *api.Empty) ([]instanceAnswer, error) {
	list := []instanceAnswer{}
	for id, row := range s.instances.Table().All(tx, "", "") {
		f, err := s.filespaces.Find(tx, row.Body.Filespace)
		if err != nil {
			return nil, err
		}
		list = append(list, instanceAnswer{ID: id, Filespace: s.qualifiedName(tx, &f.Body), Mode: "live"})
	}
	return list, nil
}

type initializeQuestion struct {
	Filespace  string   `json:"fs" required:"The filespace is missing; it is called filespace.domain."`
	Password   string   `json:"password" required:"The password is missing; it becomes root's."`
	HTTPS      bool     `json:"https"`
	Endpoint   string   `json:"endpoint"`
	AccessKey  string   `json:"accessKey" required:"The keys of the object storage are missing; an access key and a secret key are needed."`
	SecretKey  string   `json:"secretKey" required:"The keys of the object storage are missing; an access key and a secret key are needed."`
	Region     string   `json:"region"`
	BlockSize  *float64 `json:"blockSize"` // KiB
	Provider   string   `json:"provider"`
	BucketName string   `json:"bucketName"`
}

// The block sizes in KiB: powers of two (assumption 169).
const (
	defaultBlockSize = 256 // facts/dms-lucidlink-lucidity.md 1.4
	minBlockSize     = 16
	maxBlockSize     = 4096
)

// initializeS3 makes the file system in the bucket: the filespace is initialized, and root has its password.
func (s *Service) initializeS3(tx *store.Tx, _ *api.Request, q *initializeQuestion) (linkAnswer, error) {
	row, err := s.namedFilespace(tx, q.Filespace)
	if err != nil {
		return linkAnswer{}, err
	}
	if err := q.check(); err != nil {
		return linkAnswer{}, err
	}
	if err := s.filespaces.Refuse(initializeS3, &row); err != nil {
		s.filespaces.Observed(tx, &row)
		return linkAnswer{}, err
	}
	if err := q.checkStorage(&row.Body.Storage); err != nil {
		return linkAnswer{}, err
	}
	row.Body.BlockSize = defaultBlockSize
	if q.BlockSize != nil {
		row.Body.BlockSize = int64(*q.BlockSize)
	}
	row.Body.RootPassword = hashPassword(row.Body.ID, q.Password)
	err = s.filespaces.Fire(tx, &row, "initialize")
	return linkAnswer{Filespace: s.qualifiedName(tx, &row.Body)}, err
}

// check: what the page shows in every call is needed (seeds/001).
func (q *initializeQuestion) check() error {
	switch {
	case len(q.Password) > maxPassword:
		return invalid("The password is longer than %d bytes.", maxPassword)
	case q.Endpoint != "" && !goodEndpoint(q.Endpoint):
		return invalid("The endpoint %q must be host or host:port.", clip(q.Endpoint))
	}
	if q.BlockSize == nil {
		return nil
	}
	size := *q.BlockSize
	if size < minBlockSize || size > maxBlockSize || float64(int64(size)) != size || bits.OnesCount64(uint64(size)) != 1 {
		return invalid("The block size %v must be a power of two from %d to %d KiB.", size, minBlockSize, maxBlockSize)
	}
	return nil
}

// checkStorage: what is said of the storage must be what the filespace was made with (assumption 169).
func (q *initializeQuestion) checkStorage(st *Storage) error {
	switch {
	case st.Provider == "Azure":
		return invalid("The filespace is stored at Azure, which does not speak S3.")
	case q.Provider != "" && !strings.EqualFold(q.Provider, st.Provider):
		return invalid("The filespace is stored at %s, not at %q.", st.Provider, clip(q.Provider))
	case q.Region != "" && st.Region != "" && q.Region != st.Region:
		return invalid("The filespace is stored in the region %s, not in %q.", st.Region, clip(q.Region))
	case q.BucketName != "" && q.BucketName != st.Bucket:
		return invalid("The filespace is stored in the bucket %s, not in %q.", st.Bucket, clip(q.BucketName))
	}
	return nil
}

// makeRoot completes an initialisation that says neither block size nor password, as the control surface's may.
func makeRoot(_ *store.Tx, row *statemachine.Row[Filespace]) error {
	if row.Body.BlockSize == 0 {
		row.Body.BlockSize = defaultBlockSize
	}
	if row.Body.RootPassword == "" {
		row.Body.RootPassword = hashPassword(row.Body.ID, rootUser)
	}
	row.Body.Requests.List++
	return nil
}

// namedFilespace finds what --fs names: name.domain, or a name that only one filespace has (assumption 170). The daemon
// knows no accounts.
func (s *Service) namedFilespace(tx *store.Tx, name string) (statemachine.Row[Filespace], error) {
	var none statemachine.Row[Filespace]
	if name == "" {
		return none, invalid("The filespace is missing; it is called filespace.domain.")
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
	return none, invalid("There are %d filespaces '%s'; call it filespace.domain.", found, clip(name))
}

type linkQuestion struct {
	Filespace  string `json:"fs" required:"The filespace is missing; it is called filespace.domain."`
	User       string `json:"user" required:"The user or the password is missing."`
	Password   string `json:"password" required:"The user or the password is missing."`
	MountPoint string `json:"mountPoint"`
	RootPath   string `json:"rootPath"`
}

type linkAnswer struct {
	Filespace  string `json:"filespace"` // name.domain
	MountPoint string `json:"mountPoint,omitempty"`
}

const maxPath = 4096

// linkFilespace links the instance and mounts.
func (s *Service) linkFilespace(tx *store.Tx, r *api.Request, q *linkQuestion) (linkAnswer, error) {
	id, err := s.instanceID(tx, r)
	if err != nil {
		return linkAnswer{}, err
	}
	if old, err := s.instances.Get(tx, id); err == nil {
		f, err := s.filespaces.Find(tx, old.Body.Filespace)
		if err != nil {
			return linkAnswer{}, err
		}
		return linkAnswer{}, refusal.New(refusal.Aborted, "The daemon is already linked to '%s'; unlink first, or choose another instance.",
			s.qualifiedName(tx, &f.Body)).Because(s.instances.Stands("LinkFilespace", &old))
	}
	row, err := s.namedFilespace(tx, q.Filespace)
	if err != nil {
		return linkAnswer{}, err
	}
	if err := s.filespaces.Refuse(linkFilespace, &row); err != nil {
		s.filespaces.Observed(tx, &row)
		return linkAnswer{}, err
	}
	i := Instance{ID: id, Filespace: row.Body.ID, User: q.User, RootPath: q.RootPath, CacheSize: defaultCacheSize}
	if i.MountPoint, err = s.mountPoint(tx, &row.Body, q.MountPoint); err != nil {
		return linkAnswer{}, err
	}
	switch {
	case q.RootPath != "" && !goodPath(q.RootPath):
		return linkAnswer{}, invalid("The root path %q must be an absolute path.", clip(q.RootPath))
	}
	if err := admit(tx, &row.Body, q.User, q.Password); err != nil {
		return linkAnswer{}, err
	}
	row.Body.Requests.List++
	if err := s.filespaces.Save(tx, &row); err != nil {
		return linkAnswer{}, err
	}
	_, err = s.instances.Create(tx, i, InstanceMounted)
	return linkAnswer{Filespace: s.qualifiedName(tx, &row.Body), MountPoint: i.MountPoint}, err
}

// mountPoint is the one asked for, else the one that the client for Linux takes (facts/dms-lucidlink-lucidity.md 1.4).
func (s *Service) mountPoint(tx *store.Tx, f *Filespace, asked string) (string, error) {
	if asked == "" {
		name, domain, _ := strings.Cut(s.qualifiedName(tx, f), ".")
		return path.Join("/media", domain, name), nil
	}
	if !goodPath(asked) {
		return "", invalid("The mount point %q must be an absolute path.", clip(asked))
	}
	return asked, nil
}

// goodPath takes the absolute paths of Linux, macOS and Windows.
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

type mountQuestion struct {
	MountPoint string `json:"mountPoint"`
}

// mountFilespace mounts where it was mounted before, or at a new place.
func (s *Service) mountFilespace(tx *store.Tx, r *api.Request, q *mountQuestion) (linkAnswer, error) {
	link, row, err := s.linked(tx, r)
	if err != nil {
		return linkAnswer{}, err
	}
	if err := s.instances.Refuse(mountFilespace, &link); err != nil {
		return linkAnswer{}, err
	}
	if q.MountPoint != "" {
		if link.Body.MountPoint, err = s.mountPoint(tx, &row.Body, q.MountPoint); err != nil {
			return linkAnswer{}, err
		}
	}
	err = s.instances.Fire(tx, &link, "mount")
	return linkAnswer{Filespace: s.qualifiedName(tx, &row.Body), MountPoint: link.Body.MountPoint}, err
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
