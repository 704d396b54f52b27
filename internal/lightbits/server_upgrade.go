package lightbits

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) upgradeOperations() []api.Operation {
	return []api.Operation{
		{Name: "UpgradeCluster", Method: http.MethodPost, Path: "/api/v2/cluster/upgrade",
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("clusters", "upgrade"), Endpoint: api.Handle(s.upgradeCluster)},
		{Name: "UpgradeServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/upgrade",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "upgrade"), Endpoint: api.Handle(s.upgradeServer)},
	}
}

// serverUpgrade is an upgrade under way; the server's LastUpgrade shows it. Its states are the statuses of an upgrade.
type serverUpgrade struct {
	Server  string `json:"server"`
	Version string `json:"version"`
	Force   bool   `json:"force"` // whatever volumes lose service
}

// upgradeSteps is ProgressTotal of an upgrade: Upgrading, Rebooting, Recovering.
const upgradeSteps = 3

func (s *Service) upgradeMachine() *statemachine.Machine[serverUpgrade] {
	const (
		upgrading  = statemachine.State(UpgradeUpgrading)
		rebooting  = statemachine.State(UpgradeRebooting)
		recovering = statemachine.State(UpgradeRecovering)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[serverUpgrade]{
		Kind: "lightbits.upgrade", Initial: in(upgrading), Zero: zero, Key: func(u *serverUpgrade) string { return u.Server },
		Rules: []statemachine.Rule[serverUpgrade]{
			{From: in(upgrading), On: "reboot", To: rebooting, After: "upgrade", Do: s.upgradeReboots, Unless: s.unlessUnfit},
			{From: in(rebooting), On: "recover", To: recovering, After: "reboot", Do: s.upgradeRecovers},
			{From: in(recovering), On: "upgraded", To: statemachine.Gone, After: "recover", Do: s.upgradeEnds, Unless: s.unlessWhole},
			{From: in(upgrading, rebooting, recovering), On: "fail", To: statemachine.Gone, Do: s.upgradeFails},
		},
		Delays: map[string]statemachine.DelayDefault{
			"upgrade": {Fast: "300ms", Realistic: "5m"}, "reboot": {Fast: "300ms", Realistic: "5m"}, "recover": {Fast: "200ms", Realistic: "30s"},
		},
	})
}

type upgradeServerRequest struct {
	UUID          string     `json:"UUID"`
	InstallPkgURI string     `json:"InstallPkgUri" required:"the mandatory argument {path} is missing"`
	ForceUpgrade  bool       `json:"ForceUpgrade"`
	ProxyInfo     *ProxyInfo `json:"ProxyInfo"`
}

// upgradeServer: seeds/002 "Upgrade server". A server without which volumes would no longer be served is refused like in
// DisableServer (assumption 266). What is wrong with the package shows in the server's LastUpgrade.
func (s *Service) upgradeServer(tx *store.Tx, r *api.Request, q *upgradeServerRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findServer(tx, serverRef{UUID: q.UUID})
	if err != nil {
		return none, err
	}
	version, err := s.packageVersion(tx, q.InstallPkgURI, q.ProxyInfo)
	if err != nil {
		return none, err
	}
	v := &row.Body
	if err := s.servers.Refuse("UpgradeServer", &row); err != nil {
		return none, err
	}
	if err := s.serverBusy(tx, v); err != nil {
		return none, err
	}
	if err := r.IfMatch(v.ETag, row.Life.By); err != nil {
		return none, err
	}
	if lost := s.volumesLost(tx, v.NodesUUIDs); lost > 0 && !q.ForceUpgrade {
		return none, refusal.New(refusal.InvalidArgument,
			"upgrading server %s risks loss of service: %d volumes would no longer take reads or writes while it reboots; ForceUpgrade overrides this", v.Name, lost).
			Because(AtRisk{Server: v.UUID, Volumes: lost, Member: "ForceUpgrade"})
	}
	return none, s.startUpgrade(tx, &row, serverUpgrade{Version: version, Force: q.ForceUpgrade})
}

var versionForm = regexp.MustCompile(`(?:^|[^0-9.])([0-9]+\.[0-9]+\.[0-9]+)(?:[^0-9.]|\.[^0-9]|$)`)

// packageVersion reads the version out of a package's URI: its last three numbers with dots between; the cluster's
// MaxAllowedVersion where it has none (assumption 267). InvalidArgument for what is no URI.
func (s *Service) packageVersion(tx *store.Tx, uri string, proxy *ProxyInfo) (string, error) {
	u, err := url.Parse(uri)
	schemes := []string{"http", "https", "ftp", "file"}
	switch {
	case err != nil || len(uri) > maxURL || u.Path == "" || u.Scheme != "file" && u.Hostname() == "" || !strings.Contains(strings.Join(schemes, " "), u.Scheme) || u.Scheme == "":
		return "", refusal.New(refusal.InvalidArgument, "InstallPkgUri %q is not the URI of a package, such as https://packages.example/lightos-3.16.1.tar.gz", uri)
	}
	if proxy != nil && *proxy != (ProxyInfo{}) {
		if err := proxy.check(); err != nil {
			return "", err
		}
	}
	if all := versionForm.FindAllStringSubmatch(u.Path, -1); len(all) > 0 {
		return all[len(all)-1][1], nil
	}
	c, err := s.cluster(tx)
	return c.MaxAllowed, err
}

// startUpgrade begins the upgrade of a server.
func (s *Service) startUpgrade(tx *store.Tx, server *statemachine.Row[Server], u serverUpgrade) error {
	v := &server.Body
	u.Server = v.UUID
	v.LastUpgrade = &ServerLastUpgrade{Status: UpgradeUpgrading, StartTime: tx.Now, TargetVersion: u.Version, ProgressStep: 1, ProgressTotal: upgradeSteps}
	v.UpgradeStatus = UpgradeUpgrading
	if err := s.servers.Save(tx, server); err != nil {
		return err
	}
	if err := s.logEvent(tx, eventServerUpgrading, serverSubject(v.UUID, v.Name).with("to "+u.Version)); err != nil {
		return err
	}
	_, err := s.upgrades.Create(tx, u, statemachine.State(UpgradeUpgrading))
	return err
}

// unlessUnfit: a package that the cluster does not allow, or that is older than what runs, is not installed; a server that
// volumes have come to depend on meanwhile does not reboot (assumption 301).
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
		return fmt.Sprintf("version %s is not allowed in the cluster: %s to %s are", u.Version, c.MinAllowed, c.MaxAllowed)
	case compareVersions(u.Version, server.Body.LightOSVersion) < 0:
		return fmt.Sprintf("version %s is older than %s, which is installed", u.Version, server.Body.LightOSVersion)
	}
	if lost := s.volumesLost(tx, server.Body.NodesUUIDs); lost > 0 && !u.Force {
		return fmt.Sprintf("%d volumes would no longer take reads or writes while the server reboots", lost)
	}
	return ""
}

// showUpgrade writes the step of an upgrade into its server and stores it.
func (s *Service) showUpgrade(tx *store.Tx, server *statemachine.Row[Server], status UpgradeStatus, step uint32) error {
	server.Body.UpgradeStatus = status
	server.Body.LastUpgrade.Status, server.Body.LastUpgrade.ProgressStep = status, step
	return s.servers.Touch(tx, server)
}

// upgradeReboots: while the server reboots, its nodes are away.
func (s *Service) upgradeReboots(tx *store.Tx, r *statemachine.Row[serverUpgrade]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	if err := s.showUpgrade(tx, &server, UpgradeRebooting, 2); err != nil {
		return err
	}
	return s.eachNode(tx, &server.Body, "stop", statemachine.State(NodeActive), nodeRebuilding, statemachine.State(NodeActivating))
}

// upgradeRecovers: the server is back with its new version, and its nodes power up.
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

// unlessWhole: an upgrade is over when the server's nodes serve and are up to date.
func (s *Service) unlessWhole(tx *store.Tx, r *statemachine.Row[serverUpgrade]) statemachine.Event {
	for _, row := range s.nodes.Table().By(tx, nodesByServer, r.Body.Server) {
		u, err := usageTable.Get(tx, row.Body.UUID)
		if err == nil && u.Attached && !(u.Serving && u.Synced) {
			return statemachine.Stay
		}
	}
	return ""
}

// lookAtUpgrade lets the upgrade of a server see whether its nodes are whole, as soon as the transaction is through.
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
	if err := s.logEvent(tx, eventServerUpgraded, serverSubject(server.Body.UUID, server.Body.Name).with("to "+r.Body.Version)); err != nil {
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

// upgradeFailed writes it into the server; the caller stores it.
func (s *Service) upgradeFailed(tx *store.Tx, v *Server, why string) error {
	v.UpgradeStatus, v.LastUpgrade.Status = UpgradeFailed, UpgradeFailed
	v.LastUpgrade.EndTime, v.LastUpgrade.ErrorMessage = tx.Now, why
	return s.logEvent(tx, eventServerUpgrFail, serverSubject(v.UUID, v.Name).with(why))
}

// cutUpgrade ends the upgrade of a server that has failed meanwhile; the caller stores v.
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
