package lightbits

import (
	"fmt"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// serverUpgrade is an upgrade in progress; the server's LastUpgrade shows it. Its states are the statuses of an
// upgrade.
type serverUpgrade struct {
	Server  string `json:"server"`
	Version string `json:"version"`
	Force   bool   `json:"force"` // even if volumes lose service
}

// upgradeSteps is the ProgressTotal of an upgrade: Upgrading, Rebooting, Recovering.
const upgradeSteps = 3

func (s *Service) upgradeMachine() *statemachine.Machine[serverUpgrade] {
	const (
		upgrading  = statemachine.State(UpgradeUpgrading)
		rebooting  = statemachine.State(UpgradeRebooting)
		recovering = statemachine.State(UpgradeRecovering)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[serverUpgrade]{
		Kind: "lightbits.upgrade", Initial: in(upgrading), Zero: zero,
		Key: func(u *serverUpgrade) string { return u.Server },
		Rules: []statemachine.Rule[serverUpgrade]{
			{From: in(upgrading), On: "reboot", To: rebooting, After: "upgrade", Do: s.upgradeReboots,
				Unless: s.unlessUnfit},
			{From: in(rebooting), On: "recover", To: recovering, After: "reboot", Do: s.upgradeRecovers},
			{From: in(recovering), On: "upgraded", To: statemachine.Gone, After: "recover", Do: s.upgradeEnds,
				Unless: s.unlessWhole},
			{From: in(upgrading, rebooting, recovering), On: "fail", To: statemachine.Gone, Do: s.upgradeFails},
			{From: in(recovering), On: "lose", To: statemachine.Gone, Do: s.upgradeLost},
		},
		Delays: map[string]statemachine.DelayDefault{
			"upgrade": {Fast: "300ms", Realistic: "5m"}, "reboot": {Fast: "300ms", Realistic: "5m"},
			"recover": {Fast: "200ms", Realistic: "30s"},
		},
	})
}

// unlessUnfit fails an upgrade whose package the cluster does not allow or is older than the installed version, or
// whose server cannot reboot without loss of service (assumption 301).
func (s *Service) unlessUnfit(tx *store.Tx, r *statemachine.Row[serverUpgrade]) statemachine.Event {
	if s.unfit(tx, &r.Body) != "" {
		return "fail"
	}
	return ""
}

func (s *Service) unfit(tx *store.Tx, u *serverUpgrade) string {
	c, err := s.cluster(tx)
	if err != nil {
		return err.Error()
	}
	server, err := s.servers.Get(tx, u.Server)
	if err != nil {
		return err.Error()
	}
	switch {
	case compareVersions(u.Version, c.MinAllowed) < 0 || compareVersions(u.Version, c.MaxAllowed) > 0:
		return fmt.Sprintf("version %s is not allowed in the cluster: %s to %s are", u.Version, c.MinAllowed,
			c.MaxAllowed)
	case compareVersions(u.Version, server.Body.LightOSVersion) < 0:
		return fmt.Sprintf("version %s is older than %s, which is installed", u.Version, server.Body.LightOSVersion)
	}
	if lost := s.volumesLost(tx, server.Body.NodesUUIDs); lost > 0 && !u.Force {
		return fmt.Sprintf("%d volumes would no longer take reads or writes while the server reboots", lost)
	}
	return ""
}

// showUpgrade stores the status and step of an upgrade in its server.
func (s *Service) showUpgrade(tx *store.Tx, server *statemachine.Row[Server], status UpgradeStatus, step uint32) error {
	server.Body.UpgradeStatus = status
	server.Body.LastUpgrade.Status, server.Body.LastUpgrade.ProgressStep = status, step
	return s.servers.Touch(tx, server)
}

// upgradeReboots stops the nodes while the server reboots.
func (s *Service) upgradeReboots(tx *store.Tx, r *statemachine.Row[serverUpgrade]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	if err := s.showUpgrade(tx, &server, UpgradeRebooting, 2); err != nil {
		return err
	}
	return s.eachNode(tx, &server.Body, "reboot", statemachine.State(NodeActive), nodeRebuilding,
		statemachine.State(NodeActivating))
}

// upgradeRecovers sets the new version of the server and powers its nodes up.
func (s *Service) upgradeRecovers(tx *store.Tx, r *statemachine.Row[serverUpgrade]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	server.Body.LightOSVersion = r.Body.Version
	if err := s.showUpgrade(tx, &server, UpgradeRecovering, upgradeSteps); err != nil {
		return err
	}
	return s.eachNode(tx, &server.Body, "recover", statemachine.State(NodeInactive))
}

// unlessWhole keeps an upgrade Recovering until the server's nodes serve and are up to date.
func (s *Service) unlessWhole(tx *store.Tx, r *statemachine.Row[serverUpgrade]) statemachine.Event {
	for _, row := range s.nodes.Table().By(tx, nodesByServer, r.Body.Server) {
		u, err := usageTable.Get(tx, row.Body.UUID)
		if err == nil && u.Attached && !(u.Serving && u.Synced) {
			return statemachine.Stay
		}
	}
	return ""
}

// lookAtUpgrade makes the upgrade of a server check right after the transaction whether its nodes are up to date.
func (s *Service) lookAtUpgrade(tx *store.Tx, server string) error {
	row, err := s.upgrades.Get(tx, server)
	if err != nil || row.Life.State != statemachine.State(UpgradeRecovering) || s.upgrades.Waits(tx, &row) {
		return ignoreNotFound(err)
	}
	return s.upgrades.After(tx, &row, "upgraded", tx.Now)
}

func (s *Service) upgradeEnds(tx *store.Tx, r *statemachine.Row[serverUpgrade]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	server.Body.LastUpgrade.EndTime = tx.Now
	if err := s.showUpgrade(tx, &server, UpgradeNone, upgradeSteps); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.ServerUpgraded,
		events.AboutServer(server.Body.UUID, server.Body.Name).With("to "+r.Body.Version)); err != nil {
		return err
	}
	return s.lookAtClusterUpgrade(tx)
}

func (s *Service) upgradeFails(tx *store.Tx, r *statemachine.Row[serverUpgrade]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	why := s.unfit(tx, &r.Body)
	if why == "" {
		why = "the installation failed"
	}
	if err := s.upgradeFailed(tx, &server.Body, why); err != nil {
		return err
	}
	if err := s.servers.Touch(tx, &server); err != nil {
		return err
	}
	if err := s.eachNode(tx, &server.Body, "recover", statemachine.State(NodeInactive)); err != nil {
		return err
	}
	return s.lookAtClusterUpgrade(tx)
}

// upgradeFailed records the failure of an upgrade in v and in the event log. The caller stores v.
func (s *Service) upgradeFailed(tx *store.Tx, v *Server, why string) error {
	v.UpgradeStatus, v.LastUpgrade.Status = UpgradeFailed, UpgradeFailed
	v.LastUpgrade.EndTime, v.LastUpgrade.ErrorMessage = tx.Now, why
	return s.logEvent(tx, events.ServerUpgradeFailed, events.AboutServer(v.UUID, v.Name).With(why))
}

// upgradeLost ends the upgrade of a server that has rebooted and whose node has failed before it was up to date.
func (s *Service) upgradeLost(tx *store.Tx, r *statemachine.Row[serverUpgrade]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	if err := s.upgradeFailed(tx, &server.Body, "a node failed after the reboot"); err != nil {
		return err
	}
	if err := s.servers.Touch(tx, &server); err != nil {
		return err
	}
	return s.lookAtClusterUpgrade(tx)
}

// loseUpgrade ends the upgrade of a server that recovers if one of its nodes fails: it would wait for it for ever.
func (s *Service) loseUpgrade(tx *store.Tx, server string) error {
	row, err := s.upgrades.Get(tx, server)
	if err != nil || row.Life.State != statemachine.State(UpgradeRecovering) {
		return ignoreNotFound(err)
	}
	return s.upgrades.Fire(tx, &row, "lose")
}

// cutUpgrade ends the upgrade of a server that has failed. The caller stores v.
func (s *Service) cutUpgrade(tx *store.Tx, v *Server) error {
	row, err := s.upgrades.Get(tx, v.UUID)
	if err != nil {
		return ignoreNotFound(err)
	}
	if err := s.upgrades.Remove(tx, &row); err != nil {
		return err
	}
	if err := s.upgradeFailed(tx, v, "the server failed"); err != nil {
		return err
	}
	return s.lookAtClusterUpgrade(tx)
}
