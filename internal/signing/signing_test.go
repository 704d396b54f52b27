package signing

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeys_FollowFromLabelAndSeed(t *testing.T) {
	t.Parallel()
	of := func(label string, seed uint64) []byte {
		t.Helper()
		key, err := NewKeys(label).Of(seed)
		require.NoError(t, err)
		require.Equal(t, keyBits, key.N.BitLen())
		return x509.MarshalPKCS1PrivateKey(key)
	}
	one, again := of("a ", 7), of("a ", 7)
	require.Equal(t, one, again)
	require.NotEqual(t, one, of("a ", 8))
	require.NotEqual(t, one, of("b ", 7))
}

func TestKeys_AreRemembered(t *testing.T) {
	t.Parallel()
	k := NewKeys("a ")
	one, err := k.Of(1)
	require.NoError(t, err)
	again, err := k.Of(1)
	require.NoError(t, err)
	require.Same(t, one, again)
}

func TestPublicPEM(t *testing.T) {
	t.Parallel()
	key, err := NewKeys("a ").Of(1)
	require.NoError(t, err)
	text, err := PublicPEM(&key.PublicKey)
	require.NoError(t, err)
	block, rest := pem.Decode(text)
	require.NotNil(t, block)
	require.Empty(t, rest)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	require.True(t, key.PublicKey.Equal(public))
}

func BenchmarkKey(b *testing.B) {
	seed := uint64(0)
	for b.Loop() {
		seed++
		if _, err := newKey("bench ", seed); err != nil {
			b.Fatal(err)
		}
	}
}
