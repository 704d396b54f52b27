package lightbits

import (
	"slices"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// CopyHost is the host of a service that copies data between clusters. Access lists and in-band authentication apply to
// it as to any other host.
type CopyHost struct{ NQN, IP string }

// trustedIn returns what the host sends to connect to volumes of the project: its NQN and the secret of the trusted
// host of that NQN, which the administrator of both has given to it (assumption 137).
func (h CopyHost) trustedIn(tx *store.Tx, project string) *hostParams {
	p := &hostParams{HostNQN: h.NQN, IP: h.IP}
	for _, t := range trustedHosts.By(tx, byNQN, scopedKey(project, h.NQN)) {
		p.HostSecret = t.Secrets.Host
	}
	return p
}

// HostTrusted refuses a host that in-band authentication keeps from the volumes of the project.
func (s *Service) HostTrusted(tx *store.Tx, project string, h CopyHost) error {
	return s.inBandAuthenticated(tx, &Volume{ProjectName: project}, h.trustedIn(tx, project))
}

// HostTrustedAnywhere reports whether the host can authenticate itself for the volumes of at least one project.
func (s *Service) HostTrustedAnywhere(tx *store.Tx, h CopyHost) bool {
	return slices.ContainsFunc(s.projectNames(tx), func(project string) bool {
		return s.HostTrusted(tx, project, h) == nil
	})
}

// checkHost refuses a host that an access list of the volume excludes or that cannot authenticate itself. A host that
// is connected stays so when in-band authentication is enabled (assumption 209).
func (s *Service) checkHost(tx *store.Tx, v *Volume, h CopyHost) error {
	p := h.trustedIn(tx, v.ProjectName)
	err := checkConnect(v, p)
	if err == nil && !slices.Contains(v.ConnectedHosts, h.NQN) {
		err = s.inBandAuthenticated(tx, v, p)
	}
	return err
}

// ConnectCopyHost connects the host to the volume that it is going to write.
func (s *Service) ConnectCopyHost(tx *store.Tx, project, volumeUUID string, h CopyHost) error {
	row, err := s.findVolume(tx, project, volumeRef{UUID: volumeUUID})
	if err != nil {
		return err
	}
	if err := s.checkHost(tx, &row.Body, h); err != nil {
		return err
	}
	return s.connect(tx, &row, h)
}

// connect connects a host that checkHost has accepted. Connecting again changes nothing. It leaves no event: the ID of
// an event is drawn from the world's seed, so that recordings of earlier versions would not replay.
func (s *Service) connect(tx *store.Tx, row *statemachine.Row[Volume], h CopyHost) error {
	v := &row.Body
	if slices.Contains(v.ConnectedHosts, h.NQN) {
		return nil
	}
	if err := connectVolume(tx, h.NQN, h.IP, v.UUID); err != nil {
		return err
	}
	v.ConnectedHosts = slices.Sorted(slices.Values(append(v.ConnectedHosts, h.NQN)))
	return s.volumes.Touch(tx, row)
}

// disconnect removes the host from the volume, if it is connected. The caller stores the row.
func (s *Service) disconnect(tx *store.Tx, v *Volume, h CopyHost) error {
	if !slices.Contains(v.ConnectedHosts, h.NQN) {
		return nil
	}
	v.ConnectedHosts = slices.DeleteFunc(v.ConnectedHosts, func(nqn string) bool { return nqn == h.NQN })
	if err := disconnectVolume(tx, h.NQN, v.UUID); err != nil && !refusal.Is(err, refusal.NotFound) {
		return err
	}
	return nil
}
