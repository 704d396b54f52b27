package lightbits

import (
	"errors"
	"net/http"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func (s *Service) encryptionOperations() []api.Operation {
	return []api.Operation{
		{Name: "RotateClusterRootKey", Method: http.MethodPost, Path: "/api/v2/cluster/clusterRootKey/rotate",
			Statuses: []int{200, 401, 403, 404, 409, 412, 500, 501}, Needs: can("encryptions", "manage"),
			Endpoint: api.Handle(s.rotateClusterRootKey)},
		{Name: "GetClusterRootKey", Method: http.MethodGet, Path: "/api/v2/cluster/clusterRootkey",
			Statuses: []int{200, 401, 501}, Needs: can("encryptions", "get"),
			Endpoint: api.Handle(s.getClusterRootKey)},
		{Name: "EnableClusterEncryption", Method: http.MethodPost, Path: "/api/v2/cluster/encryption/enable",
			Statuses: []int{200, 400, 401, 403, 409, 412, 500, 501}, Needs: can("encryptions", "enable"),
			Endpoint: api.Handle(s.enableClusterEncryption)},
	}
}

// ClusterEncryptionStatus is the state of the encryption of the cluster's data.
type ClusterEncryptionStatus struct {
	EncryptionState        EncryptionState  `json:"encryptionState"`
	KekGeneration          uint64           `json:"kekGeneration"`
	KekUpdateDate          time.Time        `json:"kekUpdateDate"`
	PreviousKekGenerations []uint64         `json:"previousKekGenerations"`
	RotationState          KeyRotationState `json:"rotationState"`
}

// EncryptionState is whether data is encrypted; Disabled is the zero value.
type EncryptionState string

var encryptionStateNames = map[string]int32{"Disabled": 0, "Enabling": 1, "Enabled": 2, "Unknown": 3}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (EncryptionState) EnumNumbers() map[string]int32 { return encryptionStateNames }

// KeyRotationState is the state of a rotation of the root key; NoRotation is the zero value.
type KeyRotationState string

var keyRotationStateNames = map[string]int32{"NoRotation": 0, "DistributingKEK": 1, "EncryptingDEKs": 2,
	"EncryptyingDEKs": 2}

// EnumNumbers implements wire.Enum with the vendor's numbers, including its misspelt alias.
func (KeyRotationState) EnumNumbers() map[string]int32 { return keyRotationStateNames }

// The states of a cluster's encryption and of a rotation of its root key. Data stays encrypted during a rotation.
const (
	EncryptionDisabled EncryptionState  = "Disabled"
	EncryptionEnabling EncryptionState  = "Enabling"
	EncryptionEnabled  EncryptionState  = "Enabled"
	RotationNone       KeyRotationState = "NoRotation"
	RotationKEK        KeyRotationState = "DistributingKEK"
	RotationDEKs       KeyRotationState = "EncryptingDEKs"
)

// KeyStore is where a cluster stores its root key (spec enum EnableClusterEncryptionRequest.KeyStore).
type KeyStore string

// The key stores; file is the default.
const (
	KeyStoreFile KeyStore = "file"
	KeyStoreTPM  KeyStore = "tpm"
)

var keyStoreNames = map[string]int32{string(KeyStoreFile): 0, string(KeyStoreTPM): 1}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (KeyStore) EnumNumbers() map[string]int32 { return keyStoreNames }

// encryptionRow returns the encryption of the transaction's cluster. The error is Unavailable in a world without a
// cluster.
func (s *Service) encryptionRow(tx *store.Tx) (statemachine.Row[ClusterEncryptionStatus], error) {
	row, err := s.encryptions.Get(tx, clusterKey)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.Unavailable,
			"world %q has no Lightbits cluster; its fixture has no section lightbits", tx.World())
	}
	return row, err
}

// encryptionStatus returns the encryption for a client, which has then observed it.
func (s *Service) encryptionStatus(tx *store.Tx) *ClusterEncryptionStatus {
	row, err := s.encryptions.Get(tx, clusterKey)
	if err != nil {
		return &ClusterEncryptionStatus{}
	}
	s.encryptions.Observed(tx, &row)
	return &row.Body
}

// encryptionEnabled reports whether encryption is Enabled or Enabling, so that the feature flag can no longer be
// disabled.
func (s *Service) encryptionEnabled(tx *store.Tx) bool {
	row, err := s.encryptions.Get(tx, clusterKey)
	return err == nil && row.Life.State != statemachine.State(EncryptionDisabled)
}
