package lightbits

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
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
		api.Do(vendor, "fill-cluster", "hosts write until every node uses so much of its storage", s.fillStorage),
		api.Do(vendor, "age-clock-drift", "the clock of a server drifts", s.ageClockDrift),
		s.writeVolumeAction(),
		s.partitionClusterAction(),
	}
}

// movedThing is what an action answers about the thing it moved.
type movedThing struct {
	UUID  string             `json:"UUID"`
	Name  string             `json:"name"`
	State statemachine.State `json:"state,omitempty"` // none of what is gone
}

// illegal says as a refusal that an event cannot happen now.
func illegal(err error) error {
	var wrong *statemachine.IllegalError
	if errors.As(err, &wrong) {
		return refusal.New(refusal.FailedPrecondition, "%s", wrong.Error()).Because(wrong.Cause)
	}
	return err
}
