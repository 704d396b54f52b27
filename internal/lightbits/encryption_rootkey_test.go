package lightbits

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store"
)

// encrypted returns a cluster with encryption Enabled.
func encrypted(t *testing.T) *server {
	t.Helper()
	s := newServer(t, withCluster("featureFlags: {cluster-encryption: true}"))
	require.False(t, s.encrypts())
	status, body := s.do(http.MethodPost, "/api/v2/cluster/encryption/enable", admin, "")
	require.Equal(t, 200, status, body)
	require.True(t, s.encrypts(), "Enabling counts as enabled")
	s.advance(time.Second)
	return s
}

func (s *server) encrypts() (on bool) {
	s.view(func(tx *store.Tx) error {
		on = s.service.encryptionEnabled(tx)
		return nil
	})
	return on
}

// export exports a root key for the owner of the private key and decrypts it.
func (s *server) export(key *rsa.PrivateKey, generation uint64) (rootKey []byte, from uint64) {
	s.t.Helper()
	q := url.Values{"userPublicKey": {base64.StdEncoding.EncodeToString(publicPEM(s.t, key))}}
	if generation > 0 {
		q.Set("encryptingKeyGeneration", strconv.FormatUint(generation, 10))
	}
	answer := decodeWire[getClusterRootKeyResponse](s.t, s, "/api/v2/cluster/clusterRootkey?"+q.Encode())
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, key, answer.Key.EncryptedKey, nil)
	require.NoError(s.t, err)
	require.Len(s.t, plain, rootKeyBytes)
	return plain, answer.Key.EncryptingKeyGeneration
}

func TestGetClusterRootKey_IsDecryptable(t *testing.T) {
	s := encrypted(t)
	mine, yours := keys()[0], keys()[1]
	first, generation := s.export(mine, 0)
	require.EqualValues(t, 1, generation)
	same, _ := s.export(yours, 1)
	require.Equal(t, first, same, "every caller gets the same key")

	status, body := s.do(http.MethodPost, "/api/v2/cluster/clusterRootKey/rotate", admin, "")
	require.Equal(t, 200, status, body)
	s.advance(time.Second)
	second, generation := s.export(mine, 0)
	require.EqualValues(t, 2, generation)
	require.NotEqual(t, first, second)
	old, generation := s.export(mine, 1)
	require.EqualValues(t, 1, generation)
	require.Equal(t, first, old)

	q := url.Values{"userPublicKey": {base64.StdEncoding.EncodeToString(publicPEM(t, mine))}}
	sealed := decodeWire[getClusterRootKeyResponse](t, s, "/api/v2/cluster/clusterRootkey?"+q.Encode())
	_, err := rsa.DecryptOAEP(sha256.New(), nil, yours, sealed.Key.EncryptedKey, nil)
	require.Error(t, err, "only the owner of the public key can decrypt it")
}

func TestRotateClusterRootKey_KeepsLatestGenerations(t *testing.T) {
	s := encrypted(t)
	for range keptRootKeys + 3 {
		status, body := s.do(http.MethodPost, "/api/v2/cluster/clusterRootKey/rotate", admin, "")
		require.Equal(t, 200, status, body)
		s.advance(rotationInterval + time.Second)
	}
	e := decodeWire[Cluster](t, s, "/api/v2/cluster").EncryptionStatus
	require.EqualValues(t, keptRootKeys+4, e.KekGeneration)
	require.Len(t, e.PreviousKekGenerations, keptRootKeys)
	require.EqualValues(t, 4, e.PreviousKekGenerations[0])
	s.view(func(tx *store.Tx) error {
		require.False(t, rootKeys.Has(tx, rootKeyKey(3)))
		require.True(t, rootKeys.Has(tx, rootKeyKey(4)))
		return nil
	})
}

func TestEnableClusterEncryption_WithoutCluster(t *testing.T) {
	s := newServer(t)
	for method, path := range map[string]string{
		http.MethodPost: "/api/v2/cluster/encryption/enable", http.MethodGet: "/api/v2/cluster/clusterRootkey",
	} {
		status, body := s.do(method, path, admin, "")
		require.Equal(t, 503, status, body)
	}
}
