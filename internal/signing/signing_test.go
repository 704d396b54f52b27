package signing

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// firstPrime searches upwards for a prime that a key with the exponent can have, and answers how far it is.
func firstPrime(start *big.Int) (step int64) {
	p, rest, e := new(big.Int), new(big.Int), big.NewInt(exponent)
	for ; ; step += 2 {
		p.Add(start, big.NewInt(step))
		if p.ProbablyPrime(0) && rest.Mod(p, e).Cmp(big.NewInt(1)) != 0 {
			return step
		}
	}
}

func TestOf_IsOfTheFirstPrimes(t *testing.T) {
	t.Parallel()
	for _, service := range []string{Lightbits, Federation, DMS, Issuer} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			var want [primes]int64
			for i, start := range starts(service) {
				want[i] = firstPrime(start)
			}
			far, _ := steps(service)
			require.Equal(t, want, far)
			key, err := Of(service)()
			require.NoError(t, err)
			require.Equal(t, keyBits, key.Public.N.BitLen())
			for i, p := range key.parts {
				require.True(t, p.prime.ProbablyPrime(20))
				for _, other := range key.parts[:i] {
					require.NotEqual(t, p.prime, other.prime)
				}
			}
		})
	}
}

func TestOf_Nobody(t *testing.T) {
	t.Parallel()
	_, err := Of("nobody")()
	require.EqualError(t, err, `signing: there is no service "nobody"`)
}

// Whoever has the public half finds the signatures good, and no others.
func TestSign(t *testing.T) {
	t.Parallel()
	key, err := Of(DMS)()
	require.NoError(t, err)
	for n := range 100 {
		message := []byte(fmt.Sprint("message ", n))
		sum := sha256.Sum256(message)
		signature := key.sign(message)
		require.NoError(t, rsa.VerifyPKCS1v15(key.Public, crypto.SHA256, sum[:], signature))
		signature[n]++
		require.Error(t, rsa.VerifyPKCS1v15(key.Public, crypto.SHA256, sum[:], signature))
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	key, err := Of(Issuer)()
	require.NoError(t, err)
	text, err := key.Token(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "x"}))
	require.NoError(t, err)
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key.Public, nil },
		jwt.WithValidMethods([]string{"RS256"}))
	require.NoError(t, err)
	require.Equal(t, jwt.MapClaims{"sub": "x"}, claims)
	_, err = key.Token(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": func() {}}))
	require.ErrorContains(t, err, "signing: a token: ")
}

func TestPublicPEM(t *testing.T) {
	t.Parallel()
	key, err := Of(DMS)()
	require.NoError(t, err)
	text, err := PublicPEM(key.Public)
	require.NoError(t, err)
	block, rest := pem.Decode(text)
	require.NotNil(t, block)
	require.Empty(t, rest)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	require.True(t, key.Public.Equal(public))
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		if _, err := newKey(DMS); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	key, err := newKey(DMS)
	require.NoError(b, err)
	for b.Loop() {
		key.sign([]byte("message"))
	}
}
