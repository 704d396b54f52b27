// Package signing makes the RSA keys with which the simulated services sign their tokens. A service's key follows from its
// name: it is the same in every world and every process, so that no world waits for one. Keys that anybody can derive from a
// name protect nothing, as suits a simulator.
package signing

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
)

// The services that sign.
const (
	Lightbits  = "lightbits"
	Federation = "cluster federation"
	DMS        = "dms"
	Issuer     = "openid issuer"
)

// steps answers how far the primes of a service's key lie above the numbers that follow from its name. To search them takes
// 25 ms each.
func steps(service string) (p, q int64, ok bool) {
	switch service {
	case Lightbits:
		return 390, 806, true
	case Federation:
		return 166, 76, true
	case DMS:
		return 442, 3112, true
	case Issuer:
		return 120, 1812, true
	}
	return 0, 0, false
}

const (
	keyBits  = 2048
	exponent = 65537
)

// Key answers the key of a service, which is made when it is first asked for, in less than a millisecond. An error means that
// the name is not one of the services'.
func Key(service string) func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (*rsa.PrivateKey, error) { return newKey(service) })
}

func newKey(service string) (*rsa.PrivateKey, error) {
	stepP, stepQ, ok := steps(service)
	if !ok {
		return nil, fmt.Errorf("signing: there is no service %q", service)
	}
	startP, startQ := starts(service)
	p, q := startP.Add(startP, big.NewInt(stepP)), startQ.Add(startQ, big.NewInt(stepQ))
	one := big.NewInt(1)
	totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
		D:         new(big.Int).ModInverse(big.NewInt(exponent), totient),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("signing: the key of %s: %w", service, err)
	}
	return key, nil
}

// starts answers two odd numbers of half the key's bits each. Their two highest bits are set, so that the product of two
// primes above them has all bits.
func starts(service string) (p, q *big.Int) {
	source := rand.NewChaCha8(sha256.Sum256([]byte(service + " signing key")))
	start := func() *big.Int {
		text := make([]byte, keyBits/2/8)
		_, _ = source.Read(text) // never fails
		text[0] |= 0xC0
		text[len(text)-1] |= 1
		return new(big.Int).SetBytes(text)
	}
	return start(), start()
}

// PublicPEM is a public key as a file: a PEM block PUBLIC KEY.
func PublicPEM(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("signing: marshal a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
