package lightbits

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) clusterUpgradeOperations() []api.Operation {
	return []api.Operation{
		{Name: "UpgradeCluster", Method: http.MethodPost, Path: "/api/v2/cluster/upgrade",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("clusters", "upgrade"),
			Endpoint: api.Handle(s.upgradeCluster)},
	}
}

// ClusterLastUpgrade is the progress and outcome of the latest upgrade of the cluster.
type ClusterLastUpgrade struct {
	Status        ClusterUpgradeStatus `json:"Status"`
	StartTime     time.Time            `json:"StartTime"`
	EndTime       time.Time            `json:"EndTime"`
	TargetVersion string               `json:"TargetVersion"`
	ErrorMessage  string               `json:"ErrorMessage"`
	ProgressStep  uint32               `json:"ProgressStep"`
	ProgressTotal uint32               `json:"ProgressTotal"`
}

// ClusterUpgradeStatus is the status of an upgrade of the cluster.
type ClusterUpgradeStatus string

// The statuses. None means that the cluster is not being upgraded.
const (
	ClusterUpgradeNone      ClusterUpgradeStatus = "None"
	ClusterUpgradeFailed    ClusterUpgradeStatus = "UpgradeFailed"
	ClusterUpgradeUpgrading ClusterUpgradeStatus = "Upgrading"
)

var clusterUpgradeStatusNames = map[string]int32{"Unknown": 0, "None": 1, "UpgradeFailed": 2, "Upgrading": 3}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (ClusterUpgradeStatus) EnumNumbers() map[string]int32 { return clusterUpgradeStatusNames }

// clusterLastUpgrade returns the latest upgrade of the cluster for a client, which has then observed it.
func (s *Service) clusterLastUpgrade(tx *store.Tx) *ClusterLastUpgrade {
	row, err := s.clusterUpgrades.Get(tx, clusterKey)
	if err != nil {
		return &ClusterLastUpgrade{Status: ClusterUpgradeNone}
	}
	s.clusterUpgradeObserved(tx, &row)
	return &row.Body.Last
}

type upgradeClusterRequest struct {
	InstallPkgURI string     `json:"InstallPkgUri" required:"the mandatory argument {path} is missing"`
	UUIDs         []string   `json:"UUIDs"`
	ProxyInfo     *ProxyInfo `json:"ProxyInfo"`
}

// upgradeCluster: seeds/002 "Upgrade cluster". Servers are upgraded one after the other, in the order of the request or
// of their names, after the upgrade of a single server if one runs. A server without which volumes would lose service
// is skipped and named in ErrorMessage.
func (s *Service) upgradeCluster(tx *store.Tx, _ *api.Request, q *upgradeClusterRequest) (api.Empty, error) {
	var none api.Empty
	version, err := s.packageVersion(tx, q.InstallPkgURI, q.ProxyInfo)
	if err != nil {
		return none, err
	}
	queue, err := s.upgradeQueue(tx, q.UUIDs)
	if err != nil {
		return none, err
	}
	if last, err := s.clusterUpgrades.Get(tx, clusterKey); err == nil {
		if v, _ := s.whileRunning(tx, opUpgradeCluster); v == twice {
			return none, refusal.New(refusal.InvalidArgument,
				"the cluster is already being upgraded to %s: server %d of %d",
				last.Body.Last.TargetVersion, last.Body.Last.ProgressStep, last.Body.Last.ProgressTotal)
		}
		if err := s.clusterUpgrades.Remove(tx, &last); err != nil {
			return none, err
		}
	} else if ignoreNotFound(err) != nil {
		return none, err
	}
	row, err := s.clusterUpgrades.Create(tx, clusterUpgrade{
		Last:  ClusterLastUpgrade{StartTime: tx.Now, TargetVersion: version, ProgressTotal: uint32(len(queue))},
		Queue: queue,
	}, statemachine.State(ClusterUpgradeUpgrading))
	if err != nil {
		return none, err
	}
	return none, s.clusterUpgrades.After(tx, &row, "next", tx.Now)
}

// upgradeQueue returns the UUIDs of the servers to upgrade without duplicates; all servers if uuids is empty. The error
// is NotFound for an unknown one.
func (s *Service) upgradeQueue(tx *store.Tx, uuids []string) ([]string, error) {
	var queue []string
	for _, id := range uuids {
		if !s.servers.Table().Has(tx, id) {
			return nil, refusal.New(refusal.NotFound, "server UUID %q is not found", id)
		}
		if !slices.Contains(queue, id) {
			queue = append(queue, id)
		}
	}
	if len(uuids) > 0 {
		return queue, nil
	}
	var all []Server
	for _, row := range s.servers.Table().All(tx, "", "") {
		all = append(all, row.Body)
	}
	slices.SortFunc(all, func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
	for i := range all {
		queue = append(queue, all[i].UUID)
	}
	return queue, nil
}
