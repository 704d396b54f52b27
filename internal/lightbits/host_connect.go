package lightbits

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

type hostParams struct {
	HostNQN string `json:"hostNQN" doc:"NVMe qualified name of the host"`
	Volume  string `json:"volume" doc:"UUID or name"`
	Project string `json:"project" doc:"optional if only one project has a volume of that name"`
	IP      string `json:"ip" doc:"address of the host; needed if the volume has an IP-ACL"`

	HostSecret   string `json:"hostSecret" doc:"secret of the trusted host; needed while in-band authentication is enabled"`
	TargetSecret string `json:"targetSecret" doc:"secret that the host expects of the cluster; without it the host does not check"`
}

// connectedVolume is the result of connect-host and disconnect-host.
type connectedVolume struct {
	Volume         string   `json:"volume"`
	ConnectedHosts []string `json:"connectedHosts"`
}

// connectHost connects a host to a volume. It returns FailedPrecondition if no host can connect to the volume now, and
// PermissionDenied if an access list excludes the host, which the message names, or if in-band authentication fails.
// Connecting again changes nothing. The volume's ETag stays (assumption 45).
func (s *Service) connectHost(tx *store.Tx, p *hostParams) (any, error) {
	row, err := s.hostVolume(tx, p)
	if err != nil {
		return nil, err
	}
	v := &row.Body
	if err := checkConnect(v, p); err != nil {
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
		if err := s.logEvent(tx, events.VolumeConnected,
			events.AboutVolume(v.ProjectName, v.UUID, v.Name).With(p.HostNQN)); err != nil {
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
	err = s.logEvent(tx, events.VolumeDisconnected, events.AboutVolume(v.ProjectName, v.UUID, v.Name).With(p.HostNQN))
	return connectedVolume{Volume: v.UUID, ConnectedHosts: append([]string{}, v.ConnectedHosts...)}, err
}

func (s *Service) hostVolume(tx *store.Tx, p *hostParams) (statemachine.Row[Volume], error) {
	if p.HostNQN == "" {
		return statemachine.Row[Volume]{}, &strict.Error{Path: "hostNQN",
			Detail: "must be the NVMe qualified name of the host"}
	}
	if p.IP != "" {
		if _, err := netip.ParseAddr(p.IP); err != nil {
			return statemachine.Row[Volume]{}, &strict.Error{Path: "ip", Detail: "must be an IP address"}
		}
	}
	return s.volumeAnywhere(tx, p.Project, p.Volume)
}

// checkConnect returns FailedPrecondition for a volume that no host can connect to, and PermissionDenied for a host
// that one of its access lists excludes (assumption 50: the IP-ACL always applies).
func checkConnect(v *Volume, p *hostParams) error {
	switch v.State {
	case VolumeAvailable, VolumeMigrating, VolumeUpdating:
	default:
		return refusal.New(refusal.FailedPrecondition, "volume %s is %s and cannot be connected to", v.Name, v.State)
	}
	if v.ProtectionState == ProtectionNotAvailable {
		return refusal.New(refusal.FailedPrecondition, "volume %s is %s and cannot be connected to", v.Name,
			v.ProtectionState)
	}
	return checkAccess(v, p.HostNQN, p.IP)
}

// checkAccess returns PermissionDenied for a host that one of the volume's access lists excludes.
func checkAccess(v *Volume, nqn, ip string) error {
	if acl := values(v.ACL); !slices.Contains(acl, allowAny) && !slices.Contains(acl, nqn) {
		return refusal.New(refusal.PermissionDenied, "host %s is not in the acl of volume %s: %s", nqn, v.Name,
			strings.Join(acl, ", "))
	}
	ipACL := values(v.IPAcl)
	if len(ipACL) > 0 && !slices.Contains(ipACL, allowAny) &&
		!slices.ContainsFunc(ipACL, func(text string) bool { return sameAddress(text, ip) }) {
		return refusal.New(refusal.PermissionDenied, "address %q is not in the IPAcl of volume %s: %s", ip, v.Name,
			strings.Join(ipACL, ", "))
	}
	return nil
}

// cutHosts disconnects the hosts that the volume's access lists exclude after an update (assumption 413). The caller
// stores the volume.
func (s *Service) cutHosts(tx *store.Tx, v *Volume) error {
	for _, nqn := range slices.Clone(v.ConnectedHosts) {
		host, err := hostTable.Get(tx, nqn)
		if ignoreNotFound(err) != nil {
			return err
		}
		why := checkAccess(v, nqn, host.IPAddress)
		if why == nil {
			continue
		}
		if err := disconnectVolume(tx, nqn, v.UUID); err != nil && !refusal.Is(err, refusal.NotFound) {
			return err
		}
		v.ConnectedHosts = slices.DeleteFunc(v.ConnectedHosts, func(other string) bool { return other == nqn })
		about := events.AboutVolume(v.ProjectName, v.UUID, v.Name).With(why.Error())
		if err := s.logEvent(tx, events.VolumeDisconnected, about); err != nil {
			return err
		}
	}
	return nil
}

func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x.Unmap() == y.Unmap()
}

// connectVolume adds a volume to a host, which it creates if necessary.
func connectVolume(tx *store.Tx, nqn, ip, volumeUUID string) error {
	h, err := hostTable.Get(tx, nqn)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	h.HostNQN, h.Hostname = nqn, nqn[strings.LastIndexByte(nqn, ':')+1:]
	if ip != "" {
		h.IPAddress = ip
	}
	if !slices.Contains(h.VolumeUUIDs, volumeUUID) {
		h.VolumeUUIDs = append(h.VolumeUUIDs, volumeUUID)
		slices.Sort(h.VolumeUUIDs)
	}
	return hostTable.Put(tx, &h)
}

// disconnectVolume removes a volume from a host and deletes a host without volumes. The error is NotFound if they are
// not connected.
func disconnectVolume(tx *store.Tx, nqn, volumeUUID string) error {
	h, err := hostTable.Get(tx, nqn)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !slices.Contains(h.VolumeUUIDs, volumeUUID) {
		return refusal.New(refusal.NotFound, "host %s is not connected to volume %s", nqn, volumeUUID)
	}
	h.VolumeUUIDs = slices.DeleteFunc(h.VolumeUUIDs, func(id string) bool { return id == volumeUUID })
	if len(h.VolumeUUIDs) == 0 {
		return hostTable.Delete(tx, nqn)
	}
	return hostTable.Put(tx, &h)
}
