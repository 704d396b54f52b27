package lightbits

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

func (s *Service) serverOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListServers", Method: http.MethodGet, Path: "/api/v2/servers",
			Statuses: []int{200, 401, 403, 500}, Needs: can("servers", "list"), Endpoint: api.Handle(s.listServers)},
		{Name: "CreateServer", Method: http.MethodPost, Path: "/api/v2/servers",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("servers", "create"), Endpoint: api.Handle(s.createServer)},
		{Name: "GetServer", Method: http.MethodGet, Path: "/api/v2/servers/{UUID}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("servers", "get"), Endpoint: api.Handle(s.getServer)},
		{Name: "DeleteServer", Method: http.MethodDelete, Path: "/api/v2/servers/{UUID}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "delete"), Endpoint: api.Handle(s.deleteServer)},
		{Name: "DisableServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/disable",
			Statuses: []int{200, 400, 401, 403, 404, 409, 500}, Needs: can("servers", "disable"), Endpoint: api.Handle(s.disableServer)},
		{Name: "EnableServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/enable",
			Statuses: []int{200, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "enable"), Endpoint: api.Handle(s.enableServer)},
	}
}

// Server is a server as the API answers it (spec message Server). RiskOfServiceLossState and health are not stored but
// computed when it is shown. UpgradeStatus is the deprecated twin of LastUpgrade.Status.
type Server struct {
	UUID                           string                `json:"UUID"`
	Name                           string                `json:"name"`
	RiskOfServiceLossState         RiskOfServiceLoss     `json:"RiskOfServiceLossState"`
	NodesUUIDs                     []string              `json:"NodesUUIDs"`
	State                          ServerState           `json:"state"`
	ServerEndpoints                []string              `json:"ServerEndpoints"` // etcd peers: http://10.1.0.1:2380
	ETag                           string                `json:"ETag"`
	LightOSVersion                 string                `json:"LightOSVersion"`
	UpgradeStatus                  UpgradeStatus         `json:"UpgradeStatus"`
	APIEndpoints                   []string              `json:"ApiEndpoints"`
	LastUpgrade                    *ServerLastUpgrade    `json:"LastUpgrade"`
	IsWitness                      bool                  `json:"IsWitness"`
	LastEviction                   *ServerEvictionStatus `json:"LastEviction"`
	Health                         HealthState           `json:"health"`
	ServerPermanenetFailureTimeout wire.Duration         `json:"ServerPermanenetFailureTimeout"` // sic; 0 is never
	Tpm2IsSupported                bool                  `json:"tpm2IsSupported"`
}

// ServerLastUpgrade is how the latest upgrade of a server went.
type ServerLastUpgrade struct {
	Status        UpgradeStatus `json:"Status"`
	StartTime     time.Time     `json:"StartTime"`
	EndTime       time.Time     `json:"EndTime"`
	TargetVersion string        `json:"TargetVersion"`
	ErrorMessage  string        `json:"ErrorMessage"`
	ProgressStep  uint32        `json:"ProgressStep"`
	ProgressTotal uint32        `json:"ProgressTotal"`
}

// ServerEvictionStatus is how the latest eviction of a server's data went.
type ServerEvictionStatus struct {
	Status       EvictionStatus `json:"status"`
	StartTime    time.Time      `json:"startTime"`
	EndTime      time.Time      `json:"endTime"`
	ErrorMessage string         `json:"errorMessage"`
	Progress     uint32         `json:"progress"` // percent
}

// ServerState is the life-cycle state of a server.
type ServerState string

// The states of a server (facts/lightbits.md 4.7).
const (
	ServerCreating  ServerState = "Creating"
	ServerEnabled   ServerState = "Enabled"
	ServerDeleting  ServerState = "Deleting"
	ServerFailed    ServerState = "Failed"
	ServerDisabled  ServerState = "Disabled"
	ServerEnabling  ServerState = "Enabling"
	ServerDisabling ServerState = "Disabling"
)

var serverStateNames = map[string]int32{
	"UnknownState": 0, "Creating": 1, "Enabled": 2, "Deleting": 3, "Failed": 4, "Disabled": 5, "Enabling": 6, "Disabling": 7,
}

// EnumNumbers is as in the vendor's definition.
func (ServerState) EnumNumbers() map[string]int32 { return serverStateNames }

// UpgradeStatus is what an upgrade of a server is doing.
type UpgradeStatus string

// The statuses of an upgrade.
const (
	UpgradeNone       UpgradeStatus = "None"
	UpgradeFailed     UpgradeStatus = "UpgradeFailed"
	UpgradeUpgrading  UpgradeStatus = "Upgrading"
	UpgradeRebooting  UpgradeStatus = "Rebooting"
	UpgradeRecovering UpgradeStatus = "Recovering"
)

var upgradeStatusNames = map[string]int32{
	"Unknown": 0, "None": 1, "UpgradeFailed": 2, "Upgrading": 3, "Rebooting": 4, "Recovering": 5,
}

// EnumNumbers is as in the vendor's definition.
func (UpgradeStatus) EnumNumbers() map[string]int32 { return upgradeStatusNames }

// EvictionStatus is what an eviction is doing.
type EvictionStatus string

var evictionStatusNames = map[string]int32{"None": 0, "Failed": 1, "Evicting": 2, "Aborting": 3, "Completed": 4, "Aborted": 5}

// EnumNumbers is as in the vendor's definition.
func (EvictionStatus) EnumNumbers() map[string]int32 { return evictionStatusNames }

// RiskOfServiceLoss says what part a server has in data that is not fully protected.
type RiskOfServiceLoss string

// The risks; what they mean here is assumption 47.
const (
	RiskUnknown RiskOfServiceLoss = "UnknownRiskOfServiceLoss"
	RiskNone    RiskOfServiceLoss = "NoRiskOfServiceLoss"
	RiskIn      RiskOfServiceLoss = "InRiskOfServiceLoss"
	RiskSource  RiskOfServiceLoss = "SourceOfRiskOfServiceLoss"
)

var riskNames = map[string]int32{
	"UnknownRiskOfServiceLoss": 0, "NoRiskOfServiceLoss": 1, "InRiskOfServiceLoss": 2, "SourceOfRiskOfServiceLoss": 3,
}

// EnumNumbers is as in the vendor's definition.
func (RiskOfServiceLoss) EnumNumbers() map[string]int32 { return riskNames }

type listServersRequest struct {
	UUID              string            `json:"UUID"`
	Name              string            `json:"Name"`
	RiskOfServiceLoss RiskOfServiceLoss `json:"RiskOfServiceLoss"`
}

type listServersAnswer struct {
	Servers []*Server `json:"servers"`
}

// listServers answers, by name, the servers that all given filters let through (seeds/002 "Retrieve servers list").
// UnknownRiskOfServiceLoss is no filter, being the default.
func (s *Service) listServers(tx *store.Tx, _ *api.Request, q *listServersRequest) (listServersAnswer, error) {
	var answer listServersAnswer
	risks := s.serviceRisks(tx)
	for _, row := range s.servers.Table().All(tx, "", "") {
		shown := s.shownServer(tx, &row.Body, risks)
		if q.UUID != "" && q.UUID != shown.UUID || q.Name != "" && q.Name != shown.Name ||
			q.RiskOfServiceLoss != "" && q.RiskOfServiceLoss != RiskUnknown && q.RiskOfServiceLoss != shown.RiskOfServiceLossState {
			continue
		}
		s.servers.Observed(tx, &row)
		answer.Servers = append(answer.Servers, &shown)
	}
	slices.SortFunc(answer.Servers, func(a, b *Server) int { return strings.Compare(a.Name, b.Name) })
	return answer, nil
}

type getServerRequest struct {
	UUID string `json:"UUID"`
}

// getServer: seeds/002 "Retrieve specific server information".
func (s *Service) getServer(tx *store.Tx, _ *api.Request, q *getServerRequest) (Server, error) {
	row, err := s.servers.Find(tx, q.UUID)
	if errors.Is(err, store.ErrNotFound) {
		return Server{}, refusal.New(refusal.NotFound, "server UUID %q is not found", q.UUID)
	}
	if err != nil {
		return Server{}, err
	}
	s.servers.Observed(tx, &row)
	return s.shownServer(tx, &row.Body, s.serviceRisks(tx)), nil
}

// shownServer is a server with what follows from its nodes and from what lies on them.
func (s *Service) shownServer(tx *store.Tx, v *Server, risks map[string]RiskOfServiceLoss) Server {
	shown := *v
	shown.RiskOfServiceLossState = RiskNone
	if risk, ok := risks[v.UUID]; ok {
		shown.RiskOfServiceLossState = risk
	}
	shown.Health = s.serverHealth(tx, v)
	return shown
}

// serverHealth: OK while all nodes serve up-to-date data from whole devices, Error while none serves or the server has
// failed, Warning between (assumption 48).
func (s *Service) serverHealth(tx *store.Tx, v *Server) HealthState {
	serving, well := 0, 0
	for _, row := range s.nodes.Table().By(tx, nodesByServer, v.UUID) {
		u, err := usageTable.Get(tx, row.Body.UUID)
		if err != nil || !u.Attached {
			well++
			serving++
			continue
		}
		if u.Serving {
			serving++
		}
		if u.Serving && u.Synced && !row.Body.InLocalRebuild && !u.full() {
			well++
		}
	}
	switch {
	case v.State == ServerFailed || serving == 0:
		return HealthError
	case v.State != ServerEnabled || well < len(v.NodesUUIDs):
		return HealthWarning
	}
	return HealthOK
}

// serviceRisks answers which servers have a part in volumes that are not fully protected, by UUID: those whose nodes
// are missing are the source of the risk; those that hold the rest are in it where one of them less would stop writes
// (assumption 47). Servers without a part are not in the answer.
func (s *Service) serviceRisks(tx *store.Tx) map[string]RiskOfServiceLoss {
	risks := map[string]RiskOfServiceLoss{}
	all := s.usages(tx)
	for _, g := range groupTable.All(tx, "", "") {
		nodes := g.members(all)
		up := upOf(nodes)
		if up == len(nodes) {
			continue
		}
		for i := range nodes {
			switch u := &nodes[i]; {
			case !u.Serving || !u.Synced:
				risks[u.Server] = RiskSource
			case !physics.ProtectionOf(len(nodes), up-1).Writes() && risks[u.Server] == "":
				risks[u.Server] = RiskIn
			}
		}
	}
	return risks
}
