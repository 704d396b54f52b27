package lucidlink

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

type createFilespaceRequest struct {
	Domain           string          `json:"domain" required:"Invalid request: domain is missing; it must be the ID of a domain in GET /domains."`
	Name             string          `json:"name" required:"Invalid request: name \"\" must be 2 to 60 lowercase letters, numbers or hyphens."`
	Version          *float64        `json:"version"`
	SubscriptionType string          `json:"subscriptionType"`
	Storage          *storageRequest `json:"storage" required:"Invalid request: storage is missing; it must have a provider."`
}

type storageRequest struct {
	Owner    string `json:"owner"`
	Provider string `json:"provider" required:""`
	Region   string `json:"region"`
	Endpoint string `json:"endpoint"`
	Bucket   string `json:"bucket"`
}

// The owners of storage and the subscription types (facts/dms-lucidlink-lucidity.md 1.2).
const (
	ownerCustomer  = "customer"
	ownerLucidLink = "lucidlink"

	typeCustom     = "custom"
	typeBasic      = "basic"
	typeTeams      = "teams"
	typeEnterprise = "enterprise"
	typeNone       = "none"
)

// createFilespace creates a filespace. It checks the request first, then whether the name is free, then whether the
// region is open (facts/dms-lucidlink-lucidity.md 1.2).
func (s *Service) createFilespace(tx *store.Tx, r *api.Request, q *createFilespaceRequest) (filespaceResponse, error) {
	f, err := s.checkFilespace(tx, accountOf(r), q)
	if err != nil {
		return filespaceResponse{}, err
	}
	if s.filespaces.Table().Has(tx, filespaceKey(f.Domain, f.Name)) {
		return filespaceResponse{}, refusal.New(refusal.AlreadyExists, msgFilespaceTaken)
	}
	if regionIn(tx, f.Storage.Provider, f.Storage.Region) == regionClosed {
		return filespaceResponse{}, refusal.New(refusal.FailedPrecondition, msgRegionClosed).
			Because(Region{Provider: f.Storage.Provider, Name: f.Storage.Region, Closed: true})
	}
	f.ID = tx.NewUUID().String()
	if err := s.startPeriod(tx, f.Account); err != nil {
		return filespaceResponse{}, err
	}
	if err := openMeter(tx, &f); err != nil {
		return filespaceResponse{}, err
	}
	row, err := s.filespaces.Create(tx, f, FilespaceProvisioning)
	if err != nil {
		return filespaceResponse{}, err
	}
	return s.describeFilespace(tx, &row), nil
}

func invalid(format string, args ...any) error {
	return refusal.New(refusal.InvalidArgument, format, args...)
}

// checkFilespace returns the filespace that the request describes, or refuses its first invalid member. An unknown
// domain is a bad request, because the vendor's definition has no 404 here (assumption 153).
func (s *Service) checkFilespace(tx *store.Tx, account string, q *createFilespaceRequest) (Filespace, error) {
	f := Filespace{Domain: strings.ToLower(q.Domain), Name: q.Name, Account: account, Version: 3}
	domain, err := s.domains.Get(tx, f.Domain)
	if err != nil && !errors.Is(err, store.ErrNotFound) && q.Domain != "" {
		return f, err
	}
	switch {
	case !goodID(q.Domain):
		return f, invalid("Invalid request: domain %q must be the ID of a domain in GET /domains.", clip(q.Domain))
	case err != nil || domain.Body.Account != account:
		return f, invalid("Invalid request: domain %q does not exist.", q.Domain)
	case len(q.Name) < minFilespaceName || len(q.Name) > maxFilespaceName || !plainName(q.Name):
		return f, invalid("Invalid request: name %q must be %d to %d lowercase letters, numbers or hyphens.",
			clip(q.Name), minFilespaceName, maxFilespaceName)
	case q.Version != nil && *q.Version != 3 && *q.Version != 4:
		return f, invalid("Invalid request: version %v must be 3 or 4.", *q.Version)
	}
	if q.Version != nil {
		f.Version = int32(*q.Version)
	}
	if f.Storage, err = checkStorage(tx, q.SubscriptionType, *q.Storage); err != nil {
		return f, err
	}
	f.SubscriptionType, err = subscription(q.SubscriptionType, &f.Storage)
	return f, err
}

const (
	minFilespaceName = 2
	maxFilespaceName = 60 // as for domains; the vendor documents none (assumption 153)
	minBucketName    = 3
	maxBucketName    = 63
	maxRegionName    = 64
)

// checkStorage returns the requested storage, or refuses its first invalid member. The default owner depends on the
// subscription type (assumption 154).
func checkStorage(tx *store.Tx, subscriptionType string, q storageRequest) (Storage, error) {
	st := Storage(q)
	if st.Owner == "" {
		st.Owner = ownerCustomer
		if slices.Contains([]string{typeBasic, typeTeams, typeEnterprise}, subscriptionType) {
			st.Owner = ownerLucidLink
		}
	}
	known := slices.IndexFunc(providers[:], func(p provider) bool { return p.name == st.Provider })
	switch {
	case st.Owner != ownerCustomer && st.Owner != ownerLucidLink:
		return st, invalid("Invalid request: storage.owner %q must be customer or lucidlink.", clip(st.Owner))
	case st.Provider == "":
		return st, invalid("Invalid request: storage.provider is missing; it must be one of %s.", providerNames())
	case known < 0:
		return st, invalid(
			"Invalid request: storage.provider %q must be one of %s.", clip(st.Provider), providerNames())
	case st.Bucket != "" && !goodBucket(st.Bucket):
		return st, invalid(
			"Invalid request: storage.bucket %q must be %d to %d lowercase letters, numbers, dots or hyphens.",
			clip(st.Bucket), minBucketName, maxBucketName)
	}
	if !providers[known].ownEndpoint {
		st.Endpoint = "" // ignored (assumption 154)
	} else if !goodEndpoint(st.Endpoint) {
		return st, invalid("Invalid request: storage.endpoint %q must be the address of %s, as host or host:port.",
			clip(st.Endpoint), st.Provider)
	}
	switch {
	case len(st.Region) > maxRegionName:
		return st, invalid("Invalid request: storage.region must have at most %d characters.", maxRegionName)
	case regionIn(tx, st.Provider, st.Region) == regionUnknown:
		return st, invalid(
			"Invalid request: storage.region %q is not a region of %s; it must be one of %s.", st.Region, st.Provider,
			strings.Join(regionsOf(tx, st.Provider), ", "))
	}
	return st, nil
}

func goodBucket(name string) bool {
	return len(name) >= minBucketName && len(name) <= maxBucketName && plainName(strings.ReplaceAll(name, ".", ""))
}

const maxEndpoint = 255

// goodEndpoint reports whether text is host or host:port, with or without http:// or https:// before it.
func goodEndpoint(text string) bool {
	if text == "" || len(text) > maxEndpoint || strings.ContainsAny(text, " \t\r\n") {
		return false
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return false
	}
	if strings.Contains(u.Host, ":") && net.ParseIP(strings.Trim(u.Host, "[]")) == nil {
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		return err == nil && port > 0 && u.Hostname() != ""
	}
	return u.Hostname() != ""
}

// subscription returns the requested subscription type or its default. The owner and the provider of the storage
// determine the possible types (facts/dms-lucidlink-lucidity.md 1.2).
func subscription(requested string, st *Storage) (string, error) {
	var fits []string
	switch {
	case st.Owner == ownerCustomer:
		fits = []string{typeCustom}
	case st.Provider == "Wasabi":
		fits = []string{typeBasic}
	case st.Provider == "IBM":
		fits = []string{typeTeams, typeEnterprise}
	default:
		return "", invalid(
			"Invalid request: storage owned by lucidlink must be at Wasabi or IBM, not at %s.", st.Provider)
	}
	if requested == "" {
		return fits[0], nil
	}
	if !slices.Contains(fits, requested) {
		return "", invalid(
			"Invalid request: subscriptionType %q is not possible for storage owned by %s at %s; it must be %s.",
			clip(requested), st.Owner, st.Provider, strings.Join(fits, " or "))
	}
	return requested, nil
}
