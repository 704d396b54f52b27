package signing

import (
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

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

func TestKey_IsOfTheFirstPrimes(t *testing.T) {
	t.Parallel()
	for _, service := range []string{Lightbits, Federation, DMS, Issuer} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			p, q, _ := steps(service)
			startP, startQ := starts(service)
			require.Equal(t, [2]int64{firstPrime(startP), firstPrime(startQ)}, [2]int64{p, q})
			key, err := newKey(service)
			require.NoError(t, err)
			require.Equal(t, keyBits, key.N.BitLen())
			for _, prime := range key.Primes {
				require.True(t, prime.ProbablyPrime(20))
			}
		})
	}
}

func TestKey_OfNobody(t *testing.T) {
	t.Parallel()
	_, err := Key("nobody")()
	require.EqualError(t, err, `signing: there is no service "nobody"`)
}

func TestPublicPEM(t *testing.T) {
	t.Parallel()
	key, err := Key(DMS)()
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
	for b.Loop() {
		if _, err := newKey(DMS); err != nil {
			b.Fatal(err)
		}
	}
}
