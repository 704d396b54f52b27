package lightbits

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func (s *Service) clusterConfigOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListClusterConfigParams", Method: http.MethodGet, Path: "/api/v2/clusterConfig",
			Statuses: []int{200, 400, 500}, Needs: can("clusterConfigs", "list"),
			Endpoint: api.Handle(s.listClusterConfigParams)},
		{Name: "UpdateClusterConfigParam", Method: http.MethodPut, Path: "/api/v2/clusterConfig/{configParam.name}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("clusterConfigs", "update"),
			Endpoint: api.Handle(s.updateClusterConfigParam)},
		{Name: "GetClusterConfigParam", Method: http.MethodGet, Path: "/api/v2/clusterConfig/{name}",
			Statuses: []int{200, 400, 404, 500}, Needs: can("clusterConfigs", "get"),
			Endpoint: api.Handle(s.getClusterConfigParam)},
	}
}

// ClusterConfigParam is a parameter as the API returns it. The value is a string for every type of parameter.
type ClusterConfigParam struct {
	Name  string `json:"name"`
	Value string `json:"value" required:"{path} is missing: the new value of the parameter is expected"`
}

// The parameters (seeds/002 "Update Cluster Config value"). Assumption 236 lists their effects.
const (
	configClusterName        = "ClusterName"
	configClockDrift         = "ClockDriftIntervalForRaisingEvent"
	configDeviceHealth       = "DeviceHealthIntervalForRaisingEvent"
	configPermanentFailure   = "DurationToTurnIntoPermanentFailure"
	configDeletionDelay      = "VolumeDeletionFromNodeDelay"
	configDefaultQoS         = "DefaultQoSName"
	configAllowedRevives     = "AllowedNumRevives"
	configNoVolumeStatistics = "DisableVolumeStatisticsExport"
	configTrim               = "EnableTrim"
	configEvictionTimeout    = "EvictionNoProgressTimeout"
	configRevivesWindow      = "RevivesWindowDuration"
)

// configKind describes a parameter: its default and its valid values.
type configKind struct {
	name    string
	initial string // the default (assumption 235); unused for ClusterName
	check   func(s *Service, tx *store.Tx, name, value string) error
}

// configKinds returns the parameters in the order of the page, which is also that of the list.
func configKinds() []configKind {
	return []configKind{
		{configClusterName, "", checkConfigName},
		{configClockDrift, "1m", checkConfigTime(time.Second)},
		{configDeviceHealth, "24h", checkConfigTime(time.Second)},
		{configPermanentFailure, "1h", checkConfigTime(0)},
		{configDeletionDelay, "0s", checkConfigTime(0)},
		{configDefaultQoS, unlimitedPolicy, checkConfigQoS},
		{configAllowedRevives, "3", checkConfigCount},
		{configNoVolumeStatistics, "false", checkConfigBool},
		{configTrim, "true", checkConfigBool},
		{configEvictionTimeout, "30m", checkConfigTime(time.Second)},
		{configRevivesWindow, "1h", checkConfigTime(time.Second)},
	}
}

func findConfigKind(name string) (configKind, error) {
	kinds := configKinds()
	if i := slices.IndexFunc(kinds, func(k configKind) bool { return k.name == name }); i >= 0 {
		return kinds[i], nil
	}
	var valid []string
	for _, k := range kinds {
		valid = append(valid, k.name)
	}
	return configKind{}, refusal.New(refusal.NotFound, "there is no cluster configuration parameter %q; there are: %s",
		name, strings.Join(valid, ", "))
}

func wrongConfig(name, value, want string) error {
	return refusal.New(refusal.InvalidArgument, "%s %q is not valid: %s is expected", name, value, want)
}

func checkConfigName(_ *Service, _ *store.Tx, name, value string) error {
	if !plainWord(value, maxName) {
		return wrongConfig(name, value, "a name of 1 to 256 letters, digits, '-', '_' and '.'")
	}
	return nil
}

// maxConfigTime is the longest duration of a parameter: a year of 365 days.
const maxConfigTime = 365 * 24 * time.Hour

func checkConfigTime(least time.Duration) func(*Service, *store.Tx, string, string) error {
	return func(_ *Service, _ *store.Tx, name, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < least || d > maxConfigTime {
			return wrongConfig(name, value,
				"a duration of "+least.String()+" to 8760h with its unit, as in \"20m\" or \"1h30m\",")
		}
		return nil
	}
}

// maxConfigCount is the maximum of AllowedNumRevives.
const maxConfigCount = 1000

func checkConfigCount(_ *Service, _ *store.Tx, name, value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 0 || n > maxConfigCount {
		return wrongConfig(name, value, "a whole number from 0 to "+strconv.Itoa(maxConfigCount))
	}
	return nil
}

func checkConfigBool(_ *Service, _ *store.Tx, name, value string) error {
	if value != "true" && value != "false" {
		return wrongConfig(name, value, "true or false")
	}
	return nil
}

// checkConfigQoS refuses a policy that new projects could not use.
func checkConfigQoS(s *Service, tx *store.Tx, name, value string) error {
	row, err := s.policyByName(tx, value)
	if errors.Is(err, store.ErrNotFound) {
		return wrongConfig(name, value, "the name of a QoS policy")
	}
	if err != nil {
		return err
	}
	return usable(&row.Body)
}

// configTable has a row for each parameter that was set, except for ClusterName, which is stored in the cluster's row.
var configTable = store.NewTable("lightbits.config", func(p *ClusterConfigParam) string { return p.Name },
	store.JSON[ClusterConfigParam]())

// config returns the value of a parameter in the transaction's cluster.
func (s *Service) config(tx *store.Tx, k configKind) string {
	if k.name == configClusterName {
		c, _ := s.cluster(tx)
		return c.Name
	}
	if p, err := configTable.Get(tx, k.name); err == nil {
		return p.Value
	}
	return k.initial
}

// configText returns the value of the parameter with a name; "" if there is no such parameter.
func (s *Service) configText(tx *store.Tx, name string) string {
	k, err := findConfigKind(name)
	if err != nil {
		return ""
	}
	return s.config(tx, k)
}

// configDuration returns the value of a parameter of type [time].
func (s *Service) configDuration(tx *store.Tx, name string) time.Duration {
	d, _ := time.ParseDuration(s.configText(tx, name)) // it was checked when it was set
	return d
}

// configOn returns the value of a parameter of type [bool].
func (s *Service) configOn(tx *store.Tx, name string) bool { return s.configText(tx, name) == "true" }

type listClusterConfigParamsResponse struct {
	Values []*ClusterConfigParam `json:"values"`
}

// listClusterConfigParams: seeds/002 "List all cluster configuration parameters values", in the order of the page. The
// 400 of the page is never returned (assumption 242).
func (s *Service) listClusterConfigParams(tx *store.Tx, _ *api.Request, _ *api.Empty) (listClusterConfigParamsResponse,
	error) {
	var response listClusterConfigParamsResponse
	for _, k := range configKinds() {
		response.Values = append(response.Values, &ClusterConfigParam{Name: k.name, Value: s.config(tx, k)})
	}
	return response, nil
}

type getClusterConfigParamRequest struct {
	Name string `json:"name"`
}

// getClusterConfigParam: seeds/002 "Get a specific cluster configuration parameter's value".
func (s *Service) getClusterConfigParam(tx *store.Tx, _ *api.Request, q *getClusterConfigParamRequest) (
	ClusterConfigParam, error) {
	if q.Name == "" {
		return ClusterConfigParam{}, refusal.New(refusal.InvalidArgument, "the name of the parameter is missing")
	}
	k, err := findConfigKind(q.Name)
	if err != nil {
		return ClusterConfigParam{}, err
	}
	return ClusterConfigParam{Name: k.name, Value: s.config(tx, k)}, nil
}

type updateClusterConfigParamRequest struct {
	ConfigParam ClusterConfigParam `json:"configParam" required:"configParam.value is missing: the new value of the parameter is expected"`
}

// updateClusterConfigParam: seeds/002 "Update Cluster Config value". The name in the path overrides the one in the
// body.
func (s *Service) updateClusterConfigParam(tx *store.Tx, _ *api.Request, q *updateClusterConfigParamRequest) (api.Empty,
	error) {
	var none api.Empty
	name, value := q.ConfigParam.Name, strings.TrimSpace(q.ConfigParam.Value)
	if name == "" {
		return none, refusal.New(refusal.InvalidArgument, "the name of the parameter is missing")
	}
	k, err := findConfigKind(name)
	if err != nil {
		return none, err
	}
	if value == "" {
		return none, refusal.New(refusal.InvalidArgument,
			"configParam.value is missing: the new value of %s is expected", name)
	}
	if err := k.check(s, tx, name, value); err != nil {
		return none, err
	}
	c, err := s.cluster(tx)
	if err != nil {
		return none, err
	}
	drift := s.configDuration(tx, configClockDrift)
	if name == configClusterName { // the one that the cluster shows, and that its ETag counts (assumption 415)
		c.Name = value
		c.Changes++
		err = clusterTable.Put(tx, &c)
	} else {
		err = configTable.Put(tx, &ClusterConfigParam{Name: name, Value: value})
	}
	if err != nil {
		return none, err
	}
	if err := s.logEvent(tx, events.ClusterConfigUpdated,
		events.AboutCluster(c.UUID, c.Name).With(name+" is "+value)); err != nil {
		return none, err
	}
	if name == configPermanentFailure {
		return none, s.permanentFailureMoved(tx)
	}
	return none, s.driftThresholdMoved(tx, drift)
}
