package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// encryptionVersion is the first version with cluster encryption (assumption 200).
const encryptionVersion = "3.12.1"

// encryptionCapable refuses with Unimplemented if a server is older than encryptionVersion (assumption 200).
func (s *Service) encryptionCapable(tx *store.Tx) error {
	for _, row := range s.servers.Table().All(tx, "", "") {
		if v := row.Body.LightOSVersion; compareVersions(v, encryptionVersion) < 0 {
			return refusal.New(refusal.Unimplemented,
				"cluster encryption is not implemented by version %s of server %s; %s is the first that has it",
				v, row.Body.Name, encryptionVersion)
		}
	}
	return nil
}

type enableClusterEncryptionRequest struct {
	KeyStore KeyStore `json:"keyStore"`
}

// enableClusterEncryption: seeds/002 "Enable Cluster level encryption". The error is AlreadyExists if it is Enabled or
// Enabling. It is FailedPrecondition while the feature flag is off, while there are volumes or snapshots, and for the
// key store tpm while a server has no TPM 2.0 (facts/lightbits.md 4.14).
func (s *Service) enableClusterEncryption(tx *store.Tx, _ *api.Request, q *enableClusterEncryptionRequest) (api.Empty,
	error) {
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
	if err := s.logKeyEvent(tx, events.ClusterEncryptionEnabling, &row.Body,
		"key store "+string(q.KeyStore)); err != nil {
		return none, err
	}
	return none, s.encryptions.Fire(tx, &row, "enable")
}

// encryptable refuses with FailedPrecondition if the cluster cannot be encrypted now.
func (s *Service) encryptable(tx *store.Tx, in KeyStore) error {
	if !s.flagEnabled(tx, flagClusterEncryption) {
		return refusal.New(refusal.FailedPrecondition, "the feature flag %s is off; enable it first",
			flagClusterEncryption).
			Because(Unset{Setting: flagClusterEncryption, Value: "off", Needs: "on"})
	}
	for range s.volumes.Table().Scan(tx, "", "") {
		return refusal.New(refusal.FailedPrecondition,
			"the cluster has volumes; encryption can only be enabled while there are none").
			Because(InTheWay{Kinds: []string{s.volumes.Kind}})
	}
	for range s.snapshots.Table().Scan(tx, "", "") {
		return refusal.New(refusal.FailedPrecondition,
			"the cluster has snapshots; encryption can only be enabled while there are none").
			Because(InTheWay{Kinds: []string{s.snapshots.Kind}})
	}
	if in != KeyStoreTPM {
		return nil
	}
	for _, row := range s.servers.Table().All(tx, "", "") {
		if !row.Body.Tpm2IsSupported {
			return refusal.New(refusal.FailedPrecondition,
				"server %s does not support TPM 2.0, which the key store %s needs on every server", row.Body.Name,
				KeyStoreTPM).
				Because(Unset{Setting: "Tpm2IsSupported", Of: row.Body.UUID, Value: "false", Needs: "true"})
		}
	}
	return nil
}
