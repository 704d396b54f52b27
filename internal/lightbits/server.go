package lightbits

import (
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/wire"
)

func (s *Service) serverOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListServers", Method: http.MethodGet, Path: "/api/v2/servers",
			Statuses: []int{200, 401, 403, 500}, Needs: can("servers", "list"), Endpoint: api.Handle(s.listServers)},
		{Name: "CreateServer", Method: http.MethodPost, Path: "/api/v2/servers",
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("servers", "create"),
			Endpoint: api.Handle(s.createServer)},
		{Name: "GetServer", Method: http.MethodGet, Path: "/api/v2/servers/{UUID}",
			Statuses: []int{200, 401, 403, 404, 500}, Needs: can("servers", "get"), Endpoint: api.Handle(s.getServer)},
		{Name: "DeleteServer", Method: http.MethodDelete, Path: "/api/v2/servers/{UUID}",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "delete"),
			Endpoint: api.Handle(s.deleteServer)},
		{Name: "DisableServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/disable",
			Statuses: []int{200, 400, 401, 403, 404, 409, 500}, Needs: can("servers", "disable"),
			Endpoint: api.Handle(s.disableServer)},
		{Name: "EnableServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/enable",
			Statuses: []int{200, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "enable"),
			Endpoint: api.Handle(s.enableServer)},
	}
}

// Server is a server as the API returns it (spec message Server). RiskOfServiceLossState and health are not stored but
// computed when a server is returned. UpgradeStatus is the deprecated duplicate of LastUpgrade.Status.
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
	ServerPermanenetFailureTimeout wire.Duration         `json:"ServerPermanenetFailureTimeout"` // sic; 0 means never
	Tpm2IsSupported                bool                  `json:"tpm2IsSupported"`
}

// ServerLastUpgrade is the progress and outcome of the latest upgrade of a server.
type ServerLastUpgrade struct {
	Status        UpgradeStatus `json:"Status"`
	StartTime     time.Time     `json:"StartTime"`
	EndTime       time.Time     `json:"EndTime"`
	TargetVersion string        `json:"TargetVersion"`
	ErrorMessage  string        `json:"ErrorMessage"`
	ProgressStep  uint32        `json:"ProgressStep"`
	ProgressTotal uint32        `json:"ProgressTotal"`
}

// ServerEvictionStatus is the progress and outcome of the latest eviction of a server's data.
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
	"UnknownState": 0, "Creating": 1, "Enabled": 2, "Deleting": 3, "Failed": 4, "Disabled": 5, "Enabling": 6,
	"Disabling": 7,
}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (ServerState) EnumNumbers() map[string]int32 { return serverStateNames }

// UpgradeStatus is the status of an upgrade of a server.
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

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (UpgradeStatus) EnumNumbers() map[string]int32 { return upgradeStatusNames }

// EvictionStatus is the status of an eviction.
type EvictionStatus string

var evictionStatusNames = map[string]int32{"None": 0, "Failed": 1, "Evicting": 2, "Aborting": 3, "Completed": 4,
	"Aborted": 5}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (EvictionStatus) EnumNumbers() map[string]int32 { return evictionStatusNames }

// The statuses of an eviction.
const (
	EvictionFailed    EvictionStatus = "Failed"
	EvictionEvicting  EvictionStatus = "Evicting"
	EvictionAborting  EvictionStatus = "Aborting"
	EvictionCompleted EvictionStatus = "Completed"
	EvictionAborted   EvictionStatus = "Aborted"
)
