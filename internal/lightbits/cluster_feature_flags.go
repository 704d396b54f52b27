package lightbits

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

func (s *Service) featureFlagOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListFeatureFlags", Method: http.MethodGet, Path: "/api/v2/featureFlags",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("featureFlags", "list"),
			Endpoint: api.Handle(s.listFeatureFlags)},
		{Name: "GetFeatureFlag", Method: http.MethodGet, Path: "/api/v2/featureFlags/{name}",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("featureFlags", "get"),
			Endpoint: api.Handle(s.getFeatureFlag)},
		{Name: "DisableFeatureFlag", Method: http.MethodPost, Path: "/api/v2/featureFlags/{name}/disable",
			Statuses: []int{200, 400, 401, 403, 500, 501}, Needs: can("featureFlags", "disable"),
			Endpoint: api.Handle(s.disableFeatureFlag)},
		{Name: "EnableFeatureFlag", Method: http.MethodPost, Path: "/api/v2/featureFlags/{name}/enable",
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("featureFlags", "enable"),
			Endpoint: api.Handle(s.enableFeatureFlag)},
	}
}

// FeatureFlag is a flag as the API returns it (spec message FeatureFlagStatus).
type FeatureFlag struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// The feature flags (facts/lightbits.md 4.13).
const (
	flagEventLog           = "event-log"
	flagEvictData          = "evict-data"
	flagFailInPlace        = "fail-in-place"
	flagInBandAuth         = "in-band-authentication"
	flagProactiveRebalance = "proactive-rebalance"
	flagClusterEncryption  = "cluster-encryption"
)

// flagDefaultValues are the initial values of the flags: only the event log is on (assumption 42).
var flagDefaultValues = map[string]bool{
	flagEventLog: true, flagEvictData: false, flagFailInPlace: false, flagInBandAuth: false,
	flagProactiveRebalance: false, flagClusterEncryption: false,
}

// flagTable has a row for each flag that was set.
var flagTable = store.NewTable("lightbits.flag", func(f *FeatureFlag) string { return f.Name },
	store.JSON[FeatureFlag]())

// flagEnabled reports whether a flag is on in the transaction's cluster.
func (s *Service) flagEnabled(tx *store.Tx, name string) bool {
	if f, err := flagTable.Get(tx, name); err == nil {
		return f.Enabled
	}
	return flagDefaultValues[name]
}

// setFlag sets a flag. The error is InvalidArgument for an unknown name.
func (s *Service) setFlag(tx *store.Tx, name string, enabled bool) error {
	if err := checkFlag(name); err != nil {
		return err
	}
	return flagTable.Put(tx, &FeatureFlag{Name: name, Enabled: enabled})
}

func checkFlag(name string) error {
	if _, ok := flagDefaultValues[name]; !ok {
		names := slices.Sorted(maps.Keys(flagDefaultValues))
		return refusal.New(refusal.InvalidArgument, "there is no feature flag %q; there are: %s", name,
			strings.Join(names, ", ")).
			Because(api.Known{Valid: names})
	}
	return nil
}

type listFeatureFlagsResponse struct {
	FeatureFlags map[string]*FeatureFlag `json:"featureFlags"`
}

// listFeatureFlags returns all flags by name (seeds/002 "List feature flags"). The 400 of the page is never returned
// (assumption 242).
func (s *Service) listFeatureFlags(tx *store.Tx, _ *api.Request, _ *api.Empty) (listFeatureFlagsResponse, error) {
	response := listFeatureFlagsResponse{FeatureFlags: map[string]*FeatureFlag{}}
	for name := range flagDefaultValues {
		response.FeatureFlags[name] = &FeatureFlag{Name: name, Enabled: s.flagEnabled(tx, name)}
	}
	return response, nil
}

type getFeatureFlagRequest struct {
	Name string `json:"name"`
}

// getFeatureFlag returns one flag; an unknown name is InvalidArgument, not NotFound (seeds/002 "Get feature flag
// status" documents no 404).
func (s *Service) getFeatureFlag(tx *store.Tx, _ *api.Request, q *getFeatureFlagRequest) (FeatureFlag, error) {
	return FeatureFlag{Name: q.Name, Enabled: s.flagEnabled(tx, q.Name)}, checkFlag(q.Name)
}

// enableFeatureFlag: seeds/002 "Enable feature flag". Enabling an enabled flag has no effect (assumption 243).
func (s *Service) enableFeatureFlag(tx *store.Tx, _ *api.Request, q *getFeatureFlagRequest) (api.Empty, error) {
	return api.Empty{}, s.enableFlag(tx, q.Name)
}

func (s *Service) enableFlag(tx *store.Tx, name string) error {
	if err := s.setFlag(tx, name, true); err != nil {
		return err
	}
	if err := s.logFlag(tx, events.FeatureFlagEnabled, name); err != nil {
		return err
	}
	return s.lookForRoom(tx)
}

// disableFeatureFlag: seeds/002 "Disable feature flag". The flag cluster-encryption cannot be disabled once the
// cluster's data is encrypted; this is the 501 of the page (facts/lightbits.md 4.13). The last event recorded is that
// event-log was disabled.
func (s *Service) disableFeatureFlag(tx *store.Tx, _ *api.Request, q *getFeatureFlagRequest) (api.Empty, error) {
	return api.Empty{}, s.disableFlag(tx, q.Name)
}

func (s *Service) disableFlag(tx *store.Tx, name string) error {
	if err := checkFlag(name); err != nil {
		return err
	}
	if name == flagClusterEncryption && s.encryptionEnabled(tx) {
		return refusal.New(refusal.Unimplemented,
			"the feature flag %s cannot be disabled: encryption is enabled, which is not reversible", name)
	}
	if err := s.logFlag(tx, events.FeatureFlagDisabled, name); err != nil {
		return err
	}
	return s.setFlag(tx, name, false)
}

func (s *Service) logFlag(tx *store.Tx, kind events.Name, flag string) error {
	c, err := s.cluster(tx)
	if err != nil {
		return err
	}
	return s.logEvent(tx, kind, events.AboutCluster(c.UUID, c.Name).With(flag))
}

type flagParams struct {
	Name    string `json:"name" doc:"name of the feature flag"`
	Enabled *bool  `json:"enabled" doc:"whether the flag is on from now on"`
}

func (s *Service) setFeatureFlag(tx *store.Tx, p *flagParams) (any, error) {
	if p.Enabled == nil {
		return nil, &strict.Error{Path: "enabled", Detail: "must be true or false"}
	}
	response := FeatureFlag{Name: p.Name, Enabled: *p.Enabled}
	if *p.Enabled {
		return response, s.enableFlag(tx, p.Name)
	}
	return response, s.disableFlag(tx, p.Name)
}
