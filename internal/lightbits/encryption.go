package lightbits

import (
	"errors"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) encryptionOperations() []api.Operation {
	return []api.Operation{
		{Name: "RotateClusterRootKey", Method: http.MethodPost, Path: "/api/v2/cluster/clusterRootKey/rotate",
			Statuses: []int{200, 401, 403, 404, 409, 412, 500, 501}, Needs: can("encryptions", "manage"), Endpoint: api.Handle(s.rotateClusterRootKey)},
		{Name: "GetClusterRootKey", Method: http.MethodGet, Path: "/api/v2/cluster/clusterRootkey",
			Statuses: []int{200, 401, 501}, Needs: can("encryptions", "get"), Endpoint: api.Handle(s.getClusterRootKey)},
		{Name: "EnableClusterEncryption", Method: http.MethodPost, Path: "/api/v2/cluster/encryption/enable",
			Statuses: []int{200, 400, 401, 403, 409, 412, 500, 501}, Needs: can("encryptions", "enable"), Endpoint: api.Handle(s.enableClusterEncryption)},
	}
}

// The states of a cluster's encryption. The last two are those of a rotation of the root key, during which data stays
// encrypted; each is what RotationState shows.
const (
	EncryptionDisabled EncryptionState  = "Disabled"
	EncryptionEnabling EncryptionState  = "Enabling"
	EncryptionEnabled  EncryptionState  = "Enabled"
	RotationNone       KeyRotationState = "NoRotation"
	RotationKEK        KeyRotationState = "DistributingKEK"
	RotationDEKs       KeyRotationState = "EncryptingDEKs"
)

// KeyStore is where a cluster keeps its root key (spec enum EnableClusterEncryptionRequest.KeyStore).
type KeyStore string

// The key stores; file is the default.
const (
	KeyStoreFile KeyStore = "file"
	KeyStoreTPM  KeyStore = "tpm"
)

var keyStoreNames = map[string]int32{string(KeyStoreFile): 0, string(KeyStoreTPM): 1}

// EnumNumbers is as in the vendor's definition.
func (KeyStore) EnumNumbers() map[string]int32 { return keyStoreNames }

// encryptionMachine is the life of a cluster's encryption, one row in each cluster: it is switched on once and never
// off (facts/lightbits.md 4.14). The body is what GetCluster and GetClusterInfo show.
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
			{From: in(disabled), On: "enable", To: enabling},
			{From: in(enabling), On: "enabled", To: enabled, After: "enable", Do: s.encrypted},
			{From: in(enabled), On: "rotate", To: distributing, Do: s.logEncryption(eventRootKeyRotating)},
			{From: in(distributing), On: "distributed", To: deks, After: "distribute", Do: s.newRootKey},
			{From: in(deks), On: "reencrypted", To: enabled, After: "reencrypt", Do: s.logEncryption(eventRootKeyRotated)},
		},
		Guards: []statemachine.Guard{
			{Operation: "EnableClusterEncryption", In: in(enabling, enabled, distributing, deks), Kind: refusal.AlreadyExists,
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

func (s *Service) logEncryption(kind eventName) encryptionEffect {
	return func(tx *store.Tx, r *statemachine.Row[ClusterEncryptionStatus]) error {
		return s.logKeyEvent(tx, kind, &r.Body, "")
	}
}

// encrypted makes the first root key when the cluster is through.
func (s *Service) encrypted(tx *store.Tx, r *statemachine.Row[ClusterEncryptionStatus]) error {
	if err := s.newRootKey(tx, r); err != nil {
		return err
	}
	return s.logEncryption(eventEncryptionEnabled)(tx, r)
}

// encryptionRow answers the encryption of the transaction's cluster. Unavailable in a world that has none.
func (s *Service) encryptionRow(tx *store.Tx) (statemachine.Row[ClusterEncryptionStatus], error) {
	row, err := s.encryptions.Get(tx, clusterKey)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.Unavailable, "world %q has no Lightbits cluster; its fixture has no section lightbits", tx.World())
	}
	return row, err
}

// encryptionStatus is what clients are shown of the encryption; they have then observed it.
func (s *Service) encryptionStatus(tx *store.Tx) *ClusterEncryptionStatus {
	row, err := s.encryptions.Get(tx, clusterKey)
	if err != nil {
		return &ClusterEncryptionStatus{}
	}
	s.encryptions.Observed(tx, &row)
	return &row.Body
}

// encryptionEnabled says whether the cluster's data is encrypted or about to be: the feature flag cannot be turned off
// any more.
func (s *Service) encryptionEnabled(tx *store.Tx) bool {
	row, err := s.encryptions.Get(tx, clusterKey)
	return err == nil && row.Life.State != statemachine.State(EncryptionDisabled)
}

// encryptionVersion is the first version with cluster encryption (assumption 200).
const encryptionVersion = "3.12.1"

// encryptionCapable refuses with Unimplemented what a cluster of older servers cannot do (assumption 200).
func (s *Service) encryptionCapable(tx *store.Tx) error {
	for _, row := range s.servers.Table().All(tx, "", "") {
		if v := row.Body.LightOSVersion; compareVersions(v, encryptionVersion) < 0 {
			return refusal.New(refusal.Unimplemented, "cluster encryption is not implemented by version %s of server %s; %s is the first that has it",
				v, row.Body.Name, encryptionVersion)
		}
	}
	return nil
}

type enableClusterEncryptionRequest struct {
	KeyStore KeyStore `json:"keyStore"`
}

// enableClusterEncryption: seeds/002 "Enable Cluster level encryption". AlreadyExists once it is enabled or enabling;
// FailedPrecondition while the feature flag is off, while there is a volume or a snapshot, and for the key store tpm
// while a server has no TPM 2.0 (facts/lightbits.md 4.14).
func (s *Service) enableClusterEncryption(tx *store.Tx, _ *api.Request, q *enableClusterEncryptionRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.encryptionRow(tx)
	if err != nil {
		return none, err
	}
	if err := s.encryptionCapable(tx); err != nil {
		return none, err
	}
	if err := s.encryptions.Refuse("EnableClusterEncryption", &row); err != nil {
		return none, err
	}
	if err := s.encryptable(tx, q.KeyStore); err != nil {
		return none, err
	}
	if q.KeyStore == "" {
		q.KeyStore = KeyStoreFile
	}
	if err := s.logKeyEvent(tx, eventEncryptionEnabling, &row.Body, "key store "+string(q.KeyStore)); err != nil {
		return none, err
	}
	return none, s.encryptions.Fire(tx, &row, "enable")
}

// encryptable refuses with FailedPrecondition a cluster that is not ready to be encrypted.
func (s *Service) encryptable(tx *store.Tx, in KeyStore) error {
	if !s.flagEnabled(tx, flagClusterEncryption) {
		return refusal.New(refusal.FailedPrecondition, "the feature flag %s is off; enable it first", flagClusterEncryption).
			Because(Unset{Setting: flagClusterEncryption, Value: "off", Needs: "on"})
	}
	for range s.volumes.Table().Scan(tx, "", "") {
		return refusal.New(refusal.FailedPrecondition, "the cluster has volumes; encryption can only be enabled while there are none").Because(InTheWay{Kinds: []string{s.volumes.Kind}})
	}
	for range s.snapshots.Table().Scan(tx, "", "") {
		return refusal.New(refusal.FailedPrecondition, "the cluster has snapshots; encryption can only be enabled while there are none").Because(InTheWay{Kinds: []string{s.snapshots.Kind}})
	}
	if in != KeyStoreTPM {
		return nil
	}
	for _, row := range s.servers.Table().All(tx, "", "") {
		if !row.Body.Tpm2IsSupported {
			return refusal.New(refusal.FailedPrecondition,
				"server %s does not support TPM 2.0, which the key store %s needs on every server", row.Body.Name, KeyStoreTPM).
				Because(Unset{Setting: "Tpm2IsSupported", Of: row.Body.UUID, Value: "false", Needs: "true"})
		}
	}
	return nil
}
