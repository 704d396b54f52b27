package lucidlink

import (
	"math/bits"
	"net"
	"net/url"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type initializeRequest struct {
	Filespace  string   `json:"fs" required:"The filespace is missing; give its name as filespace.domain."`
	Password   string   `json:"password" required:"The password is missing; it becomes the password of root."`
	HTTPS      bool     `json:"https"`
	Endpoint   string   `json:"endpoint"`
	AccessKey  string   `json:"accessKey" required:"The keys of the object storage are missing; give accessKey and secretKey."`
	SecretKey  string   `json:"secretKey" required:"The keys of the object storage are missing; give accessKey and secretKey."`
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

// initializeS3 creates the file system in the bucket and sets the password of root.
func (s *Service) initializeS3(tx *store.Tx, _ *api.Request, q *initializeRequest) (linkResponse, error) {
	row, err := s.namedFilespace(tx, q.Filespace)
	if err != nil {
		return linkResponse{}, err
	}
	if err := q.check(); err != nil {
		return linkResponse{}, err
	}
	if err := s.filespaces.Refuse(initializeS3, &row); err != nil {
		s.filespaces.Observed(tx, &row)
		return linkResponse{}, err
	}
	if err := q.checkStorage(&row.Body.Storage); err != nil {
		return linkResponse{}, err
	}
	if err := q.checkKeys(tx, &row.Body.Storage); err != nil {
		return linkResponse{}, err
	}
	if row.Body.Storage.Endpoint == "" {
		row.Body.Storage.Endpoint = q.Endpoint
	}
	row.Body.BlockSize = defaultBlockSize
	if q.BlockSize != nil {
		row.Body.BlockSize = int64(*q.BlockSize)
	}
	row.Body.RootPassword = hashPassword(row.Body.ID, q.Password)
	err = s.filespaces.Fire(tx, &row, "initialize")
	return linkResponse{Filespace: s.qualifiedName(tx, &row.Body)}, err
}

// check refuses invalid members. The page shows the required ones in every call (seeds/001).
func (q *initializeRequest) check() error {
	switch {
	case len(q.Password) > maxPassword:
		return invalid("The password must have at most %d bytes.", maxPassword)
	case q.Endpoint != "" && !goodEndpoint(q.Endpoint):
		return invalid("The endpoint %q must be host or host:port.", clip(q.Endpoint))
	case q.HTTPS && strings.HasPrefix(strings.ToLower(q.Endpoint), "http://"):
		return invalid("The endpoint %q contradicts --https: it begins with http://.", clip(q.Endpoint))
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

// checkStorage refuses members that contradict the storage of the filespace (assumption 169).
func (q *initializeRequest) checkStorage(st *Storage) error {
	switch {
	case st.Provider == "Azure":
		return invalid("The filespace is stored at Azure, which has no S3 API.")
	case q.Provider != "" && !strings.EqualFold(q.Provider, st.Provider):
		return invalid("The filespace is stored at %s, not at %q.", st.Provider, clip(q.Provider))
	case q.Region != "" && st.Region != "" && q.Region != st.Region:
		return invalid("The filespace is stored in the region %s, not in %q.", st.Region, clip(q.Region))
	case q.BucketName != "" && q.BucketName != st.Bucket:
		return invalid("The filespace is stored in the bucket %s, not in %q.", st.Bucket, clip(q.BucketName))
	case q.Endpoint != "" && st.Endpoint != "" && !sameEndpoint(q.Endpoint, st.Endpoint, q.HTTPS):
		return invalid("The filespace is stored at the endpoint %s, not at %q.", st.Endpoint, clip(q.Endpoint))
	}
	return nil
}

// sameEndpoint reports whether two endpoints are one address. A port that is left out is that of the scheme; without a
// scheme it is that of HTTPS if https is set, else that of HTTP.
func sameEndpoint(a, b string, https bool) bool { return address(a, https) == address(b, https) }

func address(endpoint string, https bool) string {
	scheme, host, ok := strings.Cut(strings.ToLower(endpoint), "://")
	if !ok {
		scheme, host = "http", strings.ToLower(endpoint)
		if https {
			scheme = "https"
		}
	}
	u := url.URL{Host: strings.Trim(host, "/")}
	port := u.Port()
	switch {
	case port == "" && scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// makeRoot sets the default block size and root's default password if the initialization has none, as in an action.
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
