package lucidlink

import (
	"net/http"
	"net/url"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// daemonOperations returns the operations of the client's daemon. The paths of the following are known from real use:
// status and sync below /app, and all of /cache, /fs, /objectstore and /fsEntry except the change of the cache
// (facts/dms-lucidlink-lucidity.md 1.4). The other paths are ours (assumption 165). The daemon has no authentication.
func (s *Service) daemonOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetAppStatus", Method: http.MethodGet, Path: "/app/status", Statuses: []int{200, 400}, Extra: true,
			Endpoint: api.Handle(s.getAppStatus)},
		{Name: "ListInstances", Method: http.MethodGet, Path: "/app/instances", Statuses: []int{200}, Extra: true,
			Endpoint: api.Handle(s.listInstances)},
		{Name: initializeS3, Method: http.MethodPost, Path: "/app/init-s3",
			Statuses: []int{200, 400, 403, 404, 409}, Extra: true, Endpoint: api.Handle(s.initializeS3)},
		{Name: linkFilespace, Method: http.MethodPost, Path: "/app/link",
			Statuses: []int{200, 400, 403, 404, 409}, Extra: true, Endpoint: api.Handle(s.linkFilespace)},
		{Name: "UnlinkFilespace", Method: http.MethodPost, Path: "/app/unlink",
			Statuses: []int{204, 400, 409}, Extra: true, Endpoint: api.Handle(s.unlinkFilespace)},
		{Name: mountFilespace, Method: http.MethodPost, Path: "/app/mount", Statuses: []int{200, 400, 409}, Extra: true,
			Endpoint: api.Handle(s.mountFilespace)},
		{Name: unmountFilespace, Method: http.MethodPost, Path: "/app/unmount",
			Statuses: []int{204, 400, 409}, Extra: true, Endpoint: api.Handle(s.unmountFilespace)},
		{Name: "SyncFilespace", Method: http.MethodPut, Path: "/app/sync", Statuses: []int{200, 400, 409}, Extra: true,
			Endpoint: api.Handle(s.syncFilespace)},
		{Name: "GetCacheInfo", Method: http.MethodGet, Path: "/cache/info", Statuses: []int{200, 400, 409}, Extra: true,
			Endpoint: api.Handle(s.getCacheInfo)},
		{Name: "SetCache", Method: http.MethodPut, Path: "/cache/config", Statuses: []int{200, 400, 409}, Extra: true,
			Endpoint: api.Handle(s.setCache)},
		{Name: "GetFilesystemPerf", Method: http.MethodGet, Path: "/fs/perf",
			Statuses: []int{200, 400, 409}, Extra: true, Endpoint: api.Handle(s.getFilesystemPerf)},
		{Name: "GetCachePerf", Method: http.MethodGet, Path: "/cache/perf", Statuses: []int{200, 400, 409}, Extra: true,
			Endpoint: api.Handle(s.getCachePerf)},
		{Name: "GetObjectStorePerf", Method: http.MethodGet, Path: "/objectstore/perf",
			Statuses: []int{200, 400, 409}, Extra: true, Endpoint: api.Handle(s.getObjectStorePerf)},
		{Name: "GetDirectLink", Method: http.MethodGet, Path: "/fsEntry/direct-link",
			Statuses: []int{200, 400}, Extra: true, Endpoint: api.Handle(s.getDirectLink)},
	}
}

type appStatus struct {
	ClientState clientState `json:"clientState"`
	MountPoint  *string     `json:"mountPoint"` // null when there is none
	FileSystem  fileSystem  `json:"fileSystem"`
	User        string      `json:"user"`
}

type clientState struct {
	State string `json:"state"` // Linked or Unlinked
}

type fileSystem struct {
	Name string `json:"name"` // name.domain
}

func (s *Service) getAppStatus(tx *store.Tx, r *api.Request, _ *api.Empty) (appStatus, error) {
	link, err := s.instanceOf(tx, r)
	if isUnlinked(err) {
		return appStatus{ClientState: clientState{"Unlinked"}}, nil
	}
	if err != nil {
		return appStatus{}, err
	}
	row, err := s.filespaces.Find(tx, link.Body.Filespace)
	if err != nil {
		return appStatus{}, err
	}
	a := appStatus{ClientState: clientState{"Linked"}, FileSystem: fileSystem{s.qualifiedName(tx, &row.Body)},
		User: link.Body.User}
	if link.Life.State == InstanceMounted {
		a.MountPoint = &link.Body.MountPoint
	}
	return a, nil
}

// syncFilespace returns when all data is in the bucket, which is always the case (assumption 168).
func (s *Service) syncFilespace(tx *store.Tx, r *api.Request, _ *api.Empty) (api.Empty, error) {
	_, _, err := s.linked(tx, r)
	return api.Empty{}, err
}

// cacheInfo is the state of an instance's cache. The cache is never dirty (assumption 168).
type cacheInfo struct {
	Enabled    bool   `json:"enabled"`
	SizeMiB    int64  `json:"sizeMiB"`
	UsedBytes  uint64 `json:"usedBytes"`
	DirtyBytes uint64 `json:"dirtyBytes"`
}

func (s *Service) getCacheInfo(tx *store.Tx, r *api.Request, _ *api.Empty) (cacheInfo, error) {
	link, row, err := s.linked(tx, r)
	if err != nil {
		return cacheInfo{}, err
	}
	return cacheOf(&link.Body, &row.Body), nil
}

func cacheOf(i *Instance, f *Filespace) cacheInfo {
	c := cacheInfo{Enabled: !i.CacheOff, SizeMiB: i.CacheSize}
	if c.Enabled {
		c.UsedBytes = min(f.size(), uint64(i.CacheSize)<<20)
	}
	return c
}

type cacheRequest struct {
	Enabled *bool    `json:"enabled"`
	SizeMiB *float64 `json:"sizeMiB"`
}

// The sizes of a cache in MiB (assumption 168).
const (
	defaultCacheSize = 25 << 10
	maxCacheSize     = 16 << 20
)

// setCache turns an instance's cache on or off, and sets the size of a cache that is on.
func (s *Service) setCache(tx *store.Tx, r *api.Request, q *cacheRequest) (cacheInfo, error) {
	link, row, err := s.linked(tx, r)
	if err != nil {
		return cacheInfo{}, err
	}
	i := &link.Body
	switch {
	case q.Enabled == nil && q.SizeMiB == nil:
		return cacheInfo{}, invalid("There is nothing to set: give enabled or sizeMiB.")
	case q.Enabled != nil:
		i.CacheOff = !*q.Enabled
	}
	if q.SizeMiB != nil {
		size := int64(*q.SizeMiB)
		switch {
		case i.CacheOff:
			return cacheInfo{}, invalid("The cache is off; set enabled to true to set its size.")
		case *q.SizeMiB < 1 || *q.SizeMiB > maxCacheSize || float64(size) != *q.SizeMiB:
			return cacheInfo{}, invalid("The cache size %v must be a whole number of MiB from 1 to %d.",
				*q.SizeMiB, maxCacheSize)
		}
		i.CacheSize = size
	}
	return cacheOf(i, &row.Body), s.instances.Save(tx, &link)
}

type filesystemPerf struct {
	TotalBytesRead    uint64 `json:"totalBytesRead"`
	TotalReads        uint64 `json:"totalReads"`
	TotalBytesWritten uint64 `json:"totalBytesWritten"`
	TotalWrites       uint64 `json:"totalWrites"`
}

func (s *Service) getFilesystemPerf(tx *store.Tx, r *api.Request, _ *api.Empty) (filesystemPerf, error) {
	_, row, err := s.linked(tx, r)
	f := &row.Body
	return filesystemPerf{f.Requests.GetBytes, f.Requests.Get, f.Written, f.Requests.Put}, err
}

type cachePerf struct {
	TotalBytesHit    uint64 `json:"totalBytesHit"`
	TotalBytesMissed uint64 `json:"totalBytesMissed"`
	PrefetchBytes    uint64 `json:"prefetchBytes"`
}

// getCachePerf reports every read as a miss: the world counts only the reads from the bucket.
func (s *Service) getCachePerf(tx *store.Tx, r *api.Request, _ *api.Empty) (cachePerf, error) {
	_, row, err := s.linked(tx, r)
	return cachePerf{TotalBytesMissed: row.Body.Requests.GetBytes}, err
}

type objectStorePerf struct {
	GetObjectRequests    uint64 `json:"getObjectRequests"`
	PutObjectRequests    uint64 `json:"putObjectRequests"`
	ListObjectsRequests  uint64 `json:"listObjectsRequests"`
	DeleteObjectRequests uint64 `json:"deleteObjectRequests"`
	TotalGetBytes        uint64 `json:"totalGetBytes"`
	TotalPutBytes        uint64 `json:"totalPutBytes"`
}

func (s *Service) getObjectStorePerf(tx *store.Tx, r *api.Request, _ *api.Empty) (objectStorePerf, error) {
	_, row, err := s.linked(tx, r)
	q := &row.Body.Requests
	return objectStorePerf{q.Get, q.Put, q.List, q.Delete, q.GetBytes, row.Body.Written}, err
}

type directLinkRequest struct {
	Path string `json:"path"`
}

type directLink struct {
	Result string `json:"result"`
}

const maxLinkedPath = 4096

// getDirectLink returns a link to a path inside the linked filespace. Every failure is a 400
// (facts/dms-lucidlink-lucidity.md 1.4). The world has no files, so that every valid path is accepted.
func (s *Service) getDirectLink(tx *store.Tx, r *api.Request, q *directLinkRequest) (directLink, error) {
	_, row, err := s.linked(tx, r)
	path := strings.Trim(q.Path, "/")
	switch {
	case isUnlinked(err):
		return directLink{}, invalid(msgNotLinked)
	case err != nil:
		return directLink{}, err
	case path == "" || len(path) > maxLinkedPath || strings.Contains("/"+path+"/", "/../"):
		return directLink{}, invalid(
			"path must name a file or folder relative to the root of the filespace, such as folder/file.")
	}
	link := url.URL{Scheme: "lucid", Host: s.qualifiedName(tx, &row.Body), Path: "/" + path}
	return directLink{Result: link.String()}, nil
}

const msgNotLinked = "The daemon is not linked to a filespace."

func notLinked(instance string) error {
	return refusal.New(refusal.Aborted, msgNotLinked).Because(unlinked{Instance: instance})
}

// unlinked is the cause of a refusal by an instance that is not linked to a filespace.
type unlinked struct {
	Instance string `json:"instance"`
}

func isUnlinked(err error) bool {
	e := refusal.Of(err)
	if e == nil {
		return false
	}
	_, ok := e.Cause.(unlinked)
	return ok
}

// CauseKind returns refusal.Condition.
func (unlinked) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns the advice of explain.
func (unlinked) WouldWork() string {
	return "the same request after POST /app/link, or for a linked instance"
}
