package lightbits

import (
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// encryptionMachine is the life cycle of a cluster's encryption, with one row in each cluster. Encryption is enabled
// once and never disabled (facts/lightbits.md 4.14). GetCluster and GetClusterInfo return the body.
func (s *Service) encryptionMachine() *statemachine.Machine[ClusterEncryptionStatus] {
	const (
		disabled, enabling = statemachine.State(EncryptionDisabled), statemachine.State(EncryptionEnabling)
		enabled            = statemachine.State(EncryptionEnabled)
		distributing, deks = statemachine.State(RotationKEK), statemachine.State(RotationDEKs)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[ClusterEncryptionStatus]{
		Kind: "lightbits.encryption", Initial: in(disabled), Zero: zero,
		Key: func(*ClusterEncryptionStatus) string { return clusterKey },
		Mirror: func(e *ClusterEncryptionStatus, l statemachine.Life) {
			e.EncryptionState, e.RotationState = EncryptionState(l.State), RotationNone
			if l.State == distributing || l.State == deks {
				e.EncryptionState, e.RotationState = EncryptionEnabled, KeyRotationState(l.State)
			}
		},
		Rules: []statemachine.Rule[ClusterEncryptionStatus]{
			{From: in(disabled), On: "enable", To: enabling, Do: s.encryptionShown},
			{From: in(enabling), On: "enabled", To: enabled, After: "enable", Do: s.encrypted},
			{From: in(enabled), On: "rotate", To: distributing, Do: s.logEncryption(events.RootKeyRotating)},
			{From: in(distributing), On: "distributed", To: deks, After: "distribute", Do: s.newRootKey},
			{From: in(deks), On: "reencrypted", To: enabled, After: "reencrypt",
				Do: s.logEncryption(events.RootKeyRotated)},
		},
		Guards: []statemachine.Guard{
			{Operation: "EnableClusterEncryption", In: in(enabling, enabled, distributing, deks),
				Kind:    refusal.AlreadyExists,
				Message: "cluster encryption is already enabled or enabling"},
			{Operation: "RotateClusterRootKey", In: in(disabled, enabling), Kind: refusal.FailedPrecondition,
				Message: "cluster encryption is {state}; there is no root key to rotate before it is Enabled"},
			{Operation: "RotateClusterRootKey", In: in(distributing, deks), Kind: refusal.NotFound,
				Message: "a rotation of the root key is already in progress: {state}"},
			{Operation: "GetClusterRootKey", In: in(disabled, enabling), Kind: refusal.Unimplemented,
				Message: "cluster encryption is {state}; there is no root key to export before it is Enabled"},
		},
		Delays: map[string]statemachine.DelayDefault{
			"enable": {Fast: "500ms", Realistic: "30s"}, "distribute": {Fast: "200ms", Realistic: "5s"},
			"reencrypt": {Fast: "300ms", Realistic: "20s"},
		},
	})
}

type encryptionEffect = func(tx *store.Tx, r *statemachine.Row[ClusterEncryptionStatus]) error

func (s *Service) logEncryption(kind events.Name) encryptionEffect {
	return func(tx *store.Tx, r *statemachine.Row[ClusterEncryptionStatus]) error {
		if err := s.encryptionShown(tx, r); err != nil {
			return err
		}
		return s.logKeyEvent(tx, kind, &r.Body, "")
	}
}

// encrypted creates the first root key once encryption is enabled. Volumes that have waited for it become Available.
func (s *Service) encrypted(tx *store.Tx, r *statemachine.Row[ClusterEncryptionStatus]) error {
	if err := s.newRootKey(tx, r); err != nil {
		return err
	}
	if err := s.logKeyEvent(tx, events.ClusterEncryptionEnabled, &r.Body, ""); err != nil {
		return err
	}
	return s.continueCreations(tx)
}

// encryptionShown records that the cluster shows another state of its encryption.
func (s *Service) encryptionShown(tx *store.Tx, _ *statemachine.Row[ClusterEncryptionStatus]) error {
	return s.clusterChanged(tx)
}

// logKeyEvent logs an event about the encryption of the cluster.
func (s *Service) logKeyEvent(tx *store.Tx, kind events.Name, e *ClusterEncryptionStatus, detail string) error {
	c, err := s.cluster(tx)
	if err != nil {
		return err
	}
	if detail == "" {
		detail = "root key generation " + strconv.FormatUint(e.KekGeneration, 10)
	}
	return s.logEvent(tx, kind, events.AboutCluster(c.UUID, c.Name).With(detail))
}
