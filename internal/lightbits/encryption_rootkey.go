package lightbits

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// rootKeyBytes is the length of a root key, an AES-256 key that encrypts the keys of volumes.
const rootKeyBytes = 32

// keptRootKeys is how many generations before the current one a cluster keeps (assumption 203).
const keptRootKeys = 100

// rotationInterval is the minimum time between two rotations (assumption 202).
const rotationInterval = 24 * time.Hour

// rootKey is a generation of the cluster's root key, the KEK.
type rootKey struct {
	Generation uint64 `json:"generation"`
	Key        []byte `json:"key"`
}

var rootKeys = store.NewTable("lightbits.rootkey", func(k *rootKey) string { return rootKeyKey(k.Generation) },
	store.JSON[rootKey]())

func rootKeyKey(generation uint64) string { return fmt.Sprintf("%020d", generation) }

// newRootKey creates the next generation of the root key. The latest keptRootKeys generations before it can still be
// exported.
func (s *Service) newRootKey(tx *store.Tx, r *statemachine.Row[ClusterEncryptionStatus]) error {
	e := &r.Body
	if e.KekGeneration > 0 {
		e.PreviousKekGenerations = append(e.PreviousKekGenerations, e.KekGeneration)
	}
	for len(e.PreviousKekGenerations) > keptRootKeys {
		if err := rootKeys.Delete(tx, rootKeyKey(e.PreviousKekGenerations[0])); err != nil {
			return err
		}
		e.PreviousKekGenerations = e.PreviousKekGenerations[1:]
	}
	e.KekGeneration++
	e.KekUpdateDate = tx.Now
	key := make([]byte, 0, rootKeyBytes)
	for len(key) < rootKeyBytes {
		key = binary.BigEndian.AppendUint64(key, tx.Rand().Uint64())
	}
	if err := rootKeys.Insert(tx, &rootKey{Generation: e.KekGeneration, Key: key}); err != nil {
		return err
	}
	return s.clusterChanged(tx)
}

// rotateClusterRootKey: seeds/002 "Rotate the cluster root encryption key". The error is NotFound while a rotation is
// in progress, as on the page; Aborted (409) within rotationInterval of the last one; FailedPrecondition before
// encryption is Enabled. The new generation is used once it is distributed (assumption 202).
func (s *Service) rotateClusterRootKey(tx *store.Tx, _ *api.Request, _ *api.Empty) (api.Empty, error) {
	var none api.Empty
	row, err := s.encryptionRow(tx)
	if err != nil {
		return none, err
	}
	if err := s.encryptionCapable(tx); err != nil {
		return none, err
	}
	if err := s.encryptions.Refuse("RotateClusterRootKey", &row); err != nil {
		return none, err
	}
	if e := &row.Body; len(e.PreviousKekGenerations) > 0 && tx.Now.Before(e.KekUpdateDate.Add(rotationInterval)) {
		return none, refusal.New(refusal.Aborted,
			"the last rotation of the root key was at %s; the next one is possible from %s",
			rfc3339(e.KekUpdateDate), rfc3339(e.KekUpdateDate.Add(rotationInterval))).
			Because(TooEarly{Last: e.KekUpdateDate, From: e.KekUpdateDate.Add(rotationInterval)})
	}
	return none, s.encryptions.Fire(tx, &row, "rotate")
}

type getClusterRootKeyRequest struct {
	EncryptingKeyGeneration uint64 `json:"encryptingKeyGeneration"`
	UserPublicKey           []byte `json:"userPublicKey"`
}

type getClusterRootKeyResponse struct {
	Key *exportedKey `json:"key"`
}

// exportedKey is a root key, encrypted with the caller's public key (spec message GetClusterRootKeyResponse.KeyObject).
type exportedKey struct {
	EncryptedKey            []byte `json:"encryptedKey"`
	EncryptingKeyGeneration uint64 `json:"encryptingKeyGeneration"`
}

// getClusterRootKey: seeds/002 "Get cluster root encryption key". Without a generation it returns the current key. The
// key is encrypted with RSA-OAEP and SHA-256 (assumption 204); openssl pkeyutl -decrypt with rsa_padding_mode:oaep and
// rsa_oaep_md:sha256 decrypts it. The error is Unimplemented before encryption is Enabled (assumption 201).
func (s *Service) getClusterRootKey(tx *store.Tx, _ *api.Request, q *getClusterRootKeyRequest) (
	getClusterRootKeyResponse, error) {
	var none getClusterRootKeyResponse
	row, err := s.encryptionRow(tx)
	if err != nil {
		return none, err
	}
	if err := s.encryptionCapable(tx); err != nil {
		return none, err
	}
	if err := s.encryptions.Refuse("GetClusterRootKey", &row); err != nil {
		return none, err
	}
	if len(q.UserPublicKey) == 0 {
		return none, refusal.New(refusal.InvalidArgument,
			"userPublicKey is missing: the PEM of an RSA public key, in base64, is expected")
	}
	public, err := parsePublicKey(q.UserPublicKey)
	if err != nil {
		return none, refusal.New(refusal.InvalidArgument, "userPublicKey is not an RSA public key in PEM: %s",
			err.Error())
	}
	generation := q.EncryptingKeyGeneration
	if generation == 0 {
		generation = row.Body.KekGeneration
	}
	key, err := rootKeys.Get(tx, rootKeyKey(generation))
	if errors.Is(err, store.ErrNotFound) {
		return none, refusal.New(refusal.NotFound, "there is no root key of generation %d; the current one is %d",
			generation, row.Body.KekGeneration)
	}
	if err != nil {
		return none, err
	}
	seed := sha256.Sum256(append(binary.BigEndian.AppendUint64(key.Key, tx.Seed()), q.UserPublicKey...))
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.NewChaCha8(seed), public, key.Key, nil)
	if err != nil {
		return none, refusal.New(refusal.InvalidArgument, "the root key cannot be encrypted with userPublicKey: %s",
			err.Error())
	}
	return getClusterRootKeyResponse{Key: &exportedKey{EncryptedKey: sealed, EncryptingKeyGeneration: generation}}, nil
}
