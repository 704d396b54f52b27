package lightbits

import (
	"net/netip"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Actions lists what a person or nature does to a cluster beside its API. Each leads through the machines that the API
// uses too.
func (s *Service) Actions() []api.Action {
	return []api.Action{
		api.Do(vendor, "fail-node", "a node dies: its replicas are gone until it comes back", s.failNode),
		api.Do(vendor, "recover-node", "a failed node powers up again, then its volumes are rebuilt", s.recoverNode),
		api.Do(vendor, "connect-host", "a host connects to a volume, if the volume's ACLs let it", s.connectHost),
		api.Do(vendor, "disconnect-host", "a host disconnects from a volume", s.disconnectHost),
		api.Do(vendor, "set-feature-flag", "a feature flag is switched", s.setFeatureFlag),
		api.Do(vendor, "fail-idp", "the world's own identity provider dies: its tokens cannot be verified", s.failIdp),
		api.Do(vendor, "recover-idp", "the world's own identity provider is back", s.recoverIdp),
		api.Do(vendor, "fail-device", "an NVMe device fails: its node rebuilds what was on it, or goes down", s.failDevice),
		api.Do(vendor, "pull-device", "an NVMe device is pulled out of its server", s.pullDevice),
		api.Do(vendor, "insert-device", "an NVMe device is put into a server; nobody manages it until it is added to a node", s.insertDevice),
		api.Do(vendor, "corrupt-device", "blocks of an NVMe device turn out to be damaged", s.corruptDevice),
		api.Do(vendor, "fail-server", "a server dies, and its nodes with it", s.failServer),
		api.Do(vendor, "recover-server", "a failed server is repaired: it is enabled again", s.recoverServer),
		api.Do(vendor, "fill-cluster", "hosts write until every node uses so much of its storage", s.fillClusterUp),
		api.Do(vendor, "age-clock-drift", "the clock of a server drifts", s.ageClockDrift),
		s.writeVolumeAction(),
		s.partitionClusterAction(),
	}
}

type nodeParams struct {
	Node string `json:"node" doc:"UUID or name"`
}

// movedThing is what an action answers about the thing it moved.
type movedThing struct {
	UUID  string             `json:"UUID"`
	Name  string             `json:"name"`
	State statemachine.State `json:"state,omitempty"` // none of what is gone
}

func (s *Service) failNode(tx *store.Tx, p *nodeParams) (any, error) {
	return s.fireNode(tx, p.Node, "fail")
}

// recoverNode: a node that was lost before it had joined the cluster joins it now (assumption 362). FailedPrecondition
// while the node's server is not there for it (assumption 304).
func (s *Service) recoverNode(tx *store.Tx, p *nodeParams) (any, error) {
	row, err := s.nodeByNameOrUUID(tx, p.Node)
	if err != nil {
		return nil, err
	}
	server, err := s.servers.Get(tx, row.Body.ServerUUID)
	if err != nil {
		return nil, err
	}
	if slices.Contains([]ServerState{ServerFailed, ServerDisabled, ServerDeleting}, server.Body.State) {
		return nil, refusal.New(refusal.FailedPrecondition, "node %s cannot come back: its server %s is %s", row.Body.Name, server.Body.Name, server.Body.State)
	}
	plan, err := s.plan(tx, server.Body.UUID)
	if err != nil {
		return nil, err
	}
	if plan.Extend && row.Body.State == NodeUnattached {
		return s.fireNode(tx, p.Node, "attach")
	}
	return s.fireNode(tx, p.Node, "recover")
}

// fireNode: NotFound for an unknown node, FailedPrecondition in a state where the event cannot happen.
func (s *Service) fireNode(tx *store.Tx, ref string, on statemachine.Event) (any, error) {
	row, err := s.nodeByNameOrUUID(tx, ref)
	if err != nil {
		return nil, err
	}
	if err := illegal(s.nodes.Fire(tx, &row, on)); err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.UUID, Name: row.Body.Name, State: row.Life.State}, nil
}

type hostParams struct {
	HostNQN string `json:"hostNQN" doc:"NVMe qualified name of the host"`
	Volume  string `json:"volume" doc:"UUID or name"`
	Project string `json:"project" doc:"may be left out where only one project has a volume of that name"`
	IP      string `json:"ip" doc:"the address the host comes from; needed where the volume has an IP-ACL"`

	HostSecret   string `json:"hostSecret" doc:"that of the trusted host; needed while in-band authentication is enabled"`
	TargetSecret string `json:"targetSecret" doc:"what the host expects of the cluster; left out, the host trusts it"`
}

// connectedVolume is what connect-host and disconnect-host answer.
type connectedVolume struct {
	Volume         string   `json:"volume"`
	ConnectedHosts []string `json:"connectedHosts"`
}

// connectHost: PermissionDenied, naming the ACL, where the volume does not let the host in, and where in-band
// authentication fails; FailedPrecondition while the volume is not there for anybody. Connecting again changes nothing. The volume's ETag stays (assumption 45).
func (s *Service) connectHost(tx *store.Tx, p *hostParams) (any, error) {
	row, err := s.hostVolume(tx, p)
	if err != nil {
		return nil, err
	}
	v := &row.Body
	if err := mayConnect(v, p); err != nil {
		return nil, err
	}
	if err := s.inBandAuthenticated(tx, v, p); err != nil {
		return nil, err
	}
	if err := connectVolume(tx, p.HostNQN, p.IP, v.UUID); err != nil {
		return nil, err
	}
	if !slices.Contains(v.ConnectedHosts, p.HostNQN) {
		v.ConnectedHosts = slices.Sorted(slices.Values(append(v.ConnectedHosts, p.HostNQN)))
		if err := s.volumes.Touch(tx, &row); err != nil {
			return nil, err
		}
		if err := s.logEvent(tx, eventVolumeConnected, volumeSubject(v.ProjectName, v.UUID, v.Name).with(p.HostNQN)); err != nil {
			return nil, err
		}
	}
	return connectedVolume{Volume: v.UUID, ConnectedHosts: v.ConnectedHosts}, nil
}

func (s *Service) disconnectHost(tx *store.Tx, p *hostParams) (any, error) {
	row, err := s.hostVolume(tx, p)
	if err != nil {
		return nil, err
	}
	v := &row.Body
	if err := disconnectVolume(tx, p.HostNQN, v.UUID); err != nil {
		return nil, err
	}
	v.ConnectedHosts = slices.DeleteFunc(v.ConnectedHosts, func(nqn string) bool { return nqn == p.HostNQN })
	if err := s.volumes.Touch(tx, &row); err != nil {
		return nil, err
	}
	err = s.logEvent(tx, eventVolumeDisconnected, volumeSubject(v.ProjectName, v.UUID, v.Name).with(p.HostNQN))
	return connectedVolume{Volume: v.UUID, ConnectedHosts: append([]string{}, v.ConnectedHosts...)}, err
}

func (s *Service) hostVolume(tx *store.Tx, p *hostParams) (statemachine.Row[Volume], error) {
	if p.HostNQN == "" {
		return statemachine.Row[Volume]{}, &api.InputError{Path: "hostNQN", Detail: "must be the NVMe qualified name of the host"}
	}
	if p.IP != "" {
		if _, err := netip.ParseAddr(p.IP); err != nil {
			return statemachine.Row[Volume]{}, &api.InputError{Path: "ip", Detail: "must be an IP address"}
		}
	}
	return s.volumeAnywhere(tx, p.Project, p.Volume)
}

// mayConnect checks the volume's state and both of its ACLs (assumption 50: an IP-ACL always counts).
func mayConnect(v *Volume, p *hostParams) error {
	switch v.State {
	case VolumeAvailable, VolumeMigrating, VolumeUpdating:
	default:
		return refusal.New(refusal.FailedPrecondition, "volume %s is %s and cannot be connected to", v.Name, v.State)
	}
	if v.ProtectionState == ProtectionNotAvailable {
		return refusal.New(refusal.FailedPrecondition, "volume %s is %s and cannot be connected to", v.Name, v.ProtectionState)
	}
	if acl := values(v.ACL); !slices.Contains(acl, allowAny) && !slices.Contains(acl, p.HostNQN) {
		return refusal.New(refusal.PermissionDenied, "host %s is not in the acl of volume %s: %s", p.HostNQN, v.Name, strings.Join(acl, ", "))
	}
	ipACL := values(v.IPAcl)
	if len(ipACL) > 0 && !slices.Contains(ipACL, allowAny) && !slices.ContainsFunc(ipACL, func(text string) bool { return sameAddress(text, p.IP) }) {
		return refusal.New(refusal.PermissionDenied, "address %q is not in the IPAcl of volume %s: %s", p.IP, v.Name, strings.Join(ipACL, ", "))
	}
	return nil
}

func values(l *StringList) []string {
	if l == nil {
		return nil
	}
	return l.Values
}

func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x.Unmap() == y.Unmap()
}

type flagParams struct {
	Name    string `json:"name" doc:"of the feature flag"`
	Enabled *bool  `json:"enabled" doc:"whether it is to be on"`
}

func (s *Service) setFeatureFlag(tx *store.Tx, p *flagParams) (any, error) {
	if p.Enabled == nil {
		return nil, &api.InputError{Path: "enabled", Detail: "must be true or false"}
	}
	answer := FeatureFlag{Name: p.Name, Enabled: *p.Enabled}
	if *p.Enabled {
		return answer, s.enableFlag(tx, p.Name)
	}
	return answer, s.disableFlag(tx, p.Name)
}
