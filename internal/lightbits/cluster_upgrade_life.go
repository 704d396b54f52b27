package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// clusterUpgrade is the latest upgrade of the cluster, which upgrades its servers one after the other. There is at most
// one row; its states are the statuses of ClusterLastUpgrade.
type clusterUpgrade struct {
	Last    ClusterLastUpgrade `json:"last"`
	Queue   []string           `json:"queue"` // UUIDs of the servers that are still to be upgraded
	Current string             `json:"current"`
	Skipped []string           `json:"skipped"` // why servers were skipped
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

// lookAtClusterUpgrade continues with the next server right after the transaction.
func (s *Service) lookAtClusterUpgrade(tx *store.Tx) error {
	row, err := s.clusterUpgrades.Get(tx, clusterKey)
	if err != nil || row.Life.State != statemachine.State(ClusterUpgradeUpgrading) {
		return ignoreNotFound(err)
	}
	return s.clusterUpgrades.After(tx, &row, "next", tx.Now)
}

// unlessAllUpgraded checks the server that was upgraded last. It ends the upgrade if that failed or if no server is
// left.
func (s *Service) unlessAllUpgraded(tx *store.Tx, r *statemachine.Row[clusterUpgrade]) statemachine.Event {
	u := &r.Body
	if u.Current != "" {
		if s.upgrades.Table().Has(tx, u.Current) {
			return statemachine.Stay // the upgrade of another server has ended
		}
		if server, err := s.servers.Get(tx, u.Current); err == nil && server.Body.UpgradeStatus == UpgradeFailed {
			u.Last.ErrorMessage = fmt.Sprintf("the upgrade of server %s failed: %s", server.Body.Name,
				server.Body.LastUpgrade.ErrorMessage)
			return "fail"
		}
		u.Current = ""
	}
	for len(u.Queue) > 0 {
		server, err := s.servers.Get(tx, u.Queue[0])
		why, wait := s.whySkipped(tx, &server, err)
		if wait {
			return statemachine.Stay // the end of that upgrade continues this one
		}
		if why == "" {
			return ""
		}
		u.Queue, u.Skipped = u.Queue[1:], append(u.Skipped, why)
		u.Last.ProgressStep++
	}
	return "upgraded"
}

// whySkipped returns why a server cannot be upgraded now; "" if it can. wait means that another upgrade must end first.
func (s *Service) whySkipped(tx *store.Tx, server *statemachine.Row[Server], err error) (why string, wait bool) {
	v := &server.Body
	if err != nil {
		return "a server is no longer there", false
	}
	for _, r := range s.runningOperations(tx) {
		rule := concurrent[r.is][opUpgradeCluster]
		switch here := slices.Contains(r.servers, v.UUID); {
		case rule.other == waits:
			return "", true
		case here && rule.same == skips:
			why = fmt.Sprintf("server %s: there is a user operation in progress: %s", v.Name, r.what())
		}
	}
	if why == "" && v.State != ServerEnabled {
		why = fmt.Sprintf("server %s is %s", v.Name, v.State)
	}
	if lost := s.volumesLost(tx, v.NodesUUIDs); lost > 0 && why == "" {
		why = fmt.Sprintf("server %s: %d volumes would lose service", v.Name, lost)
	}
	return why, false
}

// nextServer starts the upgrade of the next server.
func (s *Service) nextServer(tx *store.Tx, r *statemachine.Row[clusterUpgrade]) error {
	u := &r.Body
	server, err := s.servers.Get(tx, u.Queue[0])
	if err != nil {
		return err
	}
	u.Current, u.Queue = u.Queue[0], u.Queue[1:]
	u.Last.ProgressStep++
	if err := s.clusterChanged(tx); err != nil {
		return err
	}
	if err := s.startUpgrade(tx, &server, serverUpgrade{Version: u.Last.TargetVersion}); err != nil ||
		s.upgrades.Table().Has(tx, u.Current) {
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
	return s.clusterChanged(tx)
}
