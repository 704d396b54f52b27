package lightbits

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
)

// Actions returns what users and failures do to a cluster beside its API. Actions use the same machines as the API.
func (s *Service) Actions() []api.Action {
	return []api.Action{
		api.Do(vendor, "fail-node", "a node fails: its replicas are unavailable until it recovers", s.failNode),
		api.Do(vendor, "recover-node", "a failed node powers up, then its volumes are rebuilt", s.recoverNode),
		api.Do(vendor, "connect-host", "a host connects to a volume, if the volume's access lists allow it",
			s.connectHost),
		api.Do(vendor, "disconnect-host", "a host disconnects from a volume", s.disconnectHost),
		api.Do(vendor, "set-feature-flag", "a feature flag is enabled or disabled", s.setFeatureFlag),
		api.Do(vendor, "fail-idp", "the world's own identity provider fails: its tokens cannot be verified", s.failIdp),
		api.Do(vendor, "recover-idp", "the world's own identity provider recovers", s.recoverIdp),
		api.Do(vendor, "fail-device", "an NVMe device fails: its node rebuilds the data, or goes down", s.failDevice),
		api.Do(vendor, "pull-device", "an NVMe device is pulled out of its server", s.pullDevice),
		api.Do(vendor, "insert-device",
			"an NVMe device is inserted into a server; it is unmanaged until it is added to a node",
			s.insertDevice),
		api.Do(vendor, "corrupt-device", "blocks of an NVMe device are found damaged", s.corruptDevice),
		api.Do(vendor, "fail-server", "a server fails, and its nodes with it", s.failServer),
		api.Do(vendor, "recover-server", "a failed server is repaired and enabled again", s.recoverServer),
		api.Do(vendor, "fill-cluster", "hosts write until every node uses the given share of its storage",
			s.fillStorage),
		api.Do(vendor, "age-clock-drift", "the clock of a server drifts", s.ageClockDrift),
		s.writeVolumeAction(),
		s.partitionClusterAction(),
	}
}

// movedThing is the result of an action on a resource.
type movedThing struct {
	UUID  string             `json:"UUID"`
	Name  string             `json:"name"`
	State statemachine.State `json:"state,omitempty"` // empty if it was deleted
}

// illegal returns FailedPrecondition for a *statemachine.IllegalError, and any other error as it is.
func illegal(err error) error {
	var wrong *statemachine.IllegalError
	if errors.As(err, &wrong) {
		return refusal.New(refusal.FailedPrecondition, "%s", wrong.Error()).Because(wrong.Cause)
	}
	return err
}
