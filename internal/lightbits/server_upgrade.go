package lightbits

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) serverUpgradeOperations() []api.Operation {
	return []api.Operation{
		{Name: "UpgradeServer", Method: http.MethodPost, Path: "/api/v2/servers/{UUID}/upgrade",
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500}, Needs: can("servers", "upgrade"),
			Endpoint: api.Handle(s.upgradeServer)},
	}
}

type upgradeServerRequest struct {
	UUID          string     `json:"UUID"`
	InstallPkgURI string     `json:"InstallPkgUri" required:"the mandatory argument {path} is missing"`
	ForceUpgrade  bool       `json:"ForceUpgrade"`
	ProxyInfo     *ProxyInfo `json:"ProxyInfo"`
}

// upgradeServer: seeds/002 "Upgrade server". As in DisableServer, the server is refused if volumes would lose service
// without it (assumption 266). Problems with the package show in the server's LastUpgrade.
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
	if err := s.mayStart(tx, opUpgradeServer, v.UUID); err != nil {
		return none, err
	}
	if err := s.servers.Refuse("UpgradeServer", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(v.ETag, row.Life.By); err != nil {
		return none, err
	}
	if lost := s.volumesLost(tx, v.NodesUUIDs); lost > 0 && !q.ForceUpgrade {
		return none, refusal.New(refusal.InvalidArgument,
			"upgrading server %s risks loss of service: %d volumes would no longer take reads or writes "+
				"while it reboots; ForceUpgrade overrides this", v.Name, lost).
			Because(AtRisk{Server: v.UUID, Volumes: lost, Member: "ForceUpgrade"})
	}
	return none, s.startUpgrade(tx, &row, serverUpgrade{Version: version, Force: q.ForceUpgrade})
}

var versionForm = regexp.MustCompile(`(?:^|[^0-9.])([0-9]+\.[0-9]+\.[0-9]+)(?:[^0-9.]|\.[^0-9]|$)`)

// packageVersion reads the version from the URI of a package: the last three numbers separated by dots, or the
// cluster's MaxAllowedVersion if it has none (assumption 267). The error is InvalidArgument for an invalid URI.
func (s *Service) packageVersion(tx *store.Tx, uri string, proxy *ProxyInfo) (string, error) {
	u, err := url.Parse(uri)
	schemes := []string{"http", "https", "ftp", "file"}
	switch {
	case err != nil || len(uri) > maxURL || u.Path == "" || u.Scheme != "file" && u.Hostname() == "" ||
		!strings.Contains(strings.Join(schemes, " "), u.Scheme) || u.Scheme == "":
		return "", refusal.New(refusal.InvalidArgument,
			"InstallPkgUri %q is not the URI of a package, such as https://packages.example/lightos-3.16.1.tar.gz", uri)
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

// startUpgrade starts the upgrade of a server.
func (s *Service) startUpgrade(tx *store.Tx, server *statemachine.Row[Server], u serverUpgrade) error {
	v := &server.Body
	u.Server = v.UUID
	v.LastUpgrade = &ServerLastUpgrade{Status: UpgradeUpgrading, StartTime: tx.Now, TargetVersion: u.Version,
		ProgressStep: 1, ProgressTotal: upgradeSteps}
	v.UpgradeStatus = UpgradeUpgrading
	if err := s.servers.Save(tx, server); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.ServerUpgrading,
		events.AboutServer(v.UUID, v.Name).With("to "+u.Version)); err != nil {
		return err
	}
	_, err := s.upgrades.Create(tx, u, statemachine.State(UpgradeUpgrading))
	return err
}
