package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// clusterUpgrade is the latest upgrade of the cluster, which takes its servers one after the other. There is at most one
// row; its states are the statuses of ClusterLastUpgrade.
type clusterUpgrade struct {
	Last    ClusterLastUpgrade `json:"last"`
	Queue   []string           `json:"queue"` // UUIDs of the servers that have not had their turn
	Current string             `json:"current"`
	Skipped []string           `json:"skipped"` // why servers were left out
}

func (s *Service) clusterUpgradeMachine() *statemachine.Machine[clusterUpgrade] {
	const (
		none, failed = statemachine.State(ClusterUpgradeNone), statemachine.State(ClusterUpgradeFailed)
		upgrading    = statemachine.State(ClusterUpgradeUpgrading)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[clusterUpgrade]{
		Kind: "lightbits.clusterUpgrade", Initial: in(upgrading), Ends: in(none, failed), Zero: zero,
		Key:    func(*clusterUpgrade) string { return clusterKey },
		Mirror: func(u *clusterUpgrade, l statemachine.Life) { u.Last.Status = ClusterUpgradeStatus(l.State) },
		Rules: []statemachine.Rule[clusterUpgrade]{
			{From: in(upgrading), On: "next", To: upgrading, Do: s.nextServer, Unless: s.unlessAllUpgraded},
			{From: in(upgrading), On: "upgraded", To: none, Do: s.clusterUpgradeEnds},
			{From: in(upgrading), On: "fail", To: failed, Do: s.clusterUpgradeEnds},
		},
	})
}

// clusterLastUpgrade is what the cluster shows of its latest upgrade.
func (s *Service) clusterLastUpgrade(tx *store.Tx) *ClusterLastUpgrade {
	row, err := s.clusterUpgrades.Get(tx, clusterKey)
	if err != nil {
		return &ClusterLastUpgrade{Status: ClusterUpgradeNone}
	}
	return &row.Body.Last
}

type upgradeClusterRequest struct {
	InstallPkgURI string     `json:"InstallPkgUri" required:"the mandatory argument {path} is missing"`
	UUIDs         []string   `json:"UUIDs"`
	ProxyInfo     *ProxyInfo `json:"ProxyInfo"`
}

// upgradeCluster: seeds/002 "Upgrade cluster". Servers go one after the other, in the order of the request or of their
// names; one without which volumes would not be served when its turn comes is left out and named in ErrorMessage.
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
		if last.Body.Last.Status == ClusterUpgradeUpgrading {
			return none, refusal.New(refusal.InvalidArgument, "the cluster is being upgraded already, to %s: server %d of %d",
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

// upgradeQueue: InvalidArgument for what is no UUID, NotFound for an unknown one. Naming a server twice is naming it once.
func (s *Service) upgradeQueue(tx *store.Tx, uuids []string) ([]string, error) {
	var queue []string
	for _, id := range uuids {
		if _, err := uuid.Parse(id); err != nil {
			return nil, refusal.New(refusal.InvalidArgument, "server UUID %q is not a UUID", id)
		}
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

// lookAtClusterUpgrade goes on with the next server as soon as the transaction is through.
func (s *Service) lookAtClusterUpgrade(tx *store.Tx) error {
	row, err := s.clusterUpgrades.Get(tx, clusterKey)
	if err != nil || row.Life.State != statemachine.State(ClusterUpgradeUpgrading) {
		return ignoreNotFound(err)
	}
	return s.clusterUpgrades.After(tx, &row, "next", tx.Now)
}

// unlessAllUpgraded takes note of the server that has had its turn, and ends the upgrade where it failed or was the last.
func (s *Service) unlessAllUpgraded(tx *store.Tx, r *statemachine.Row[clusterUpgrade]) statemachine.Event {
	u := &r.Body
	if u.Current != "" {
		if s.upgrades.Table().Has(tx, u.Current) {
			return statemachine.Stay // somebody else's upgrade has ended
		}
		if server, err := s.servers.Get(tx, u.Current); err == nil && server.Body.UpgradeStatus == UpgradeFailed {
			u.Last.ErrorMessage = fmt.Sprintf("the upgrade of server %s failed: %s", server.Body.Name, server.Body.LastUpgrade.ErrorMessage)
			return "fail"
		}
		u.Current = ""
	}
	for len(u.Queue) > 0 {
		server, err := s.servers.Get(tx, u.Queue[0])
		why := s.whyLeftOut(tx, &server, err)
		if why == "" {
			return ""
		}
		u.Queue, u.Skipped = u.Queue[1:], append(u.Skipped, why)
		u.Last.ProgressStep++
	}
	return "upgraded"
}

// whyLeftOut says why a server cannot be upgraded now; "" where it can.
func (s *Service) whyLeftOut(tx *store.Tx, server *statemachine.Row[Server], err error) string {
	v := &server.Body
	if err != nil {
		return "a server is no longer there"
	}
	if v.State != ServerEnabled {
		return fmt.Sprintf("server %s is %s", v.Name, v.State)
	}
	if err := s.serverBusy(tx, v); err != nil {
		return err.Error()
	}
	if lost := s.volumesLost(tx, v.NodesUUIDs); lost > 0 {
		return fmt.Sprintf("server %s: %d volumes would lose service", v.Name, lost)
	}
	return ""
}

// nextServer begins with the next server.
func (s *Service) nextServer(tx *store.Tx, r *statemachine.Row[clusterUpgrade]) error {
	u := &r.Body
	server, err := s.servers.Get(tx, u.Queue[0])
	if err != nil {
		return err
	}
	u.Current, u.Queue = u.Queue[0], u.Queue[1:]
	u.Last.ProgressStep++
	if err := s.startUpgrade(tx, &server, serverUpgrade{Version: u.Last.TargetVersion}); err != nil || s.upgrades.Table().Has(tx, u.Current) {
		return err
	}
	return s.clusterUpgrades.After(tx, r, "next", tx.Now)
}

func (s *Service) clusterUpgradeEnds(tx *store.Tx, r *statemachine.Row[clusterUpgrade]) error {
	last := &r.Body.Last
	last.EndTime = tx.Now
	if len(r.Body.Skipped) > 0 && last.ErrorMessage == "" {
		last.ErrorMessage = "not upgraded: " + strings.Join(r.Body.Skipped, "; ")
	}
	r.Body.Queue, r.Body.Current = nil, ""
	return nil
}
