// Package signing makes the RSA keys with which the simulated services sign their tokens, and signs. A service's key follows
// from its name: it is the same in every world and every process, so that no world waits for one. Keys that anybody can derive
// from a name protect nothing, as suits a simulator.
//
// A key has eight primes (RFC 8017, 3.2), which nobody can tell from its public half: a signature takes a fifth of the time
// that it takes with two, and every new world gets tokens. crypto/rsa signs quickly with two primes only.
package signing

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// The services that sign.
const (
	Lightbits  = "lightbits"
	Federation = "cluster federation"
	DMS        = "dms"
	Issuer     = "openid issuer"
)

const (
	keyBits  = 2048
	exponent = 65537
	primes   = 8
)

// steps answers how far the primes of a service's key lie above the numbers that follow from its name. To search them takes
// some milliseconds each.
func steps(service string) (far [primes]int64, ok bool) {
	switch service {
	case Lightbits:
		return [...]int64{58, 90, 80, 240, 284, 48, 124, 78}, true
	case Federation:
		return [...]int64{190, 224, 24, 120, 54, 0, 84, 602}, true
	case DMS:
		return [...]int64{104, 130, 234, 368, 362, 2, 314, 12}, true
	case Issuer:
		return [...]int64{264, 58, 182, 26, 112, 194, 82, 110}, true
	}
	return far, false
}

// Key is the key of a service.
type Key struct {
	Public *rsa.PublicKey
	parts  [primes]part
}

// part is what a signature needs of one of the primes (RFC 8017, 3.2).
type part struct {
	prime       *big.Int
	exponent    *big.Int // the private one, modulo the prime less one
	product     *big.Int // of the primes before it
	coefficient *big.Int // the inverse of the product
}

// Of answers the key of a service, which is made when it is first asked for, in less than a millisecond. An error means that
// the name is not one of the services'.
func Of(service string) func() (*Key, error) {
	return sync.OnceValues(func() (*Key, error) { return newKey(service) })
}

func newKey(service string) (*Key, error) {
	far, ok := steps(service)
	if !ok {
		return nil, fmt.Errorf("signing: there is no service %q", service)
	}
	k, product, one, e := new(Key), big.NewInt(1), big.NewInt(1), big.NewInt(exponent)
	for i, p := range starts(service) {
		p.Add(p, big.NewInt(far[i]))
		k.parts[i] = part{
			prime:       p,
			exponent:    new(big.Int).ModInverse(e, new(big.Int).Sub(p, one)),
			product:     product,
			coefficient: new(big.Int).ModInverse(product, p),
		}
		product = new(big.Int).Mul(product, p)
	}
	k.Public = &rsa.PublicKey{N: product, E: exponent}
	return k, nil
}

// starts answers odd numbers of an eighth of the key's bits. Their four highest bits are set, so that the product of primes
// above them has all bits.
func starts(service string) (list [primes]*big.Int) {
	source := rand.NewChaCha8(sha256.Sum256([]byte(service + " signing key")))
	for i := range list {
		text := make([]byte, keyBits/primes/8)
		_, _ = source.Read(text) // never fails
		text[0] |= 0xF0
		text[len(text)-1] |= 1
		list[i] = new(big.Int).SetBytes(text)
	}
	return list
}

// Token signs a token with RS256.
func (k *Key) Token(t *jwt.Token) (string, error) {
	text, err := t.SigningString()
	if err != nil {
		return "", fmt.Errorf("signing: a token: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(k.sign([]byte(text))), nil
}

// digestInfo comes before a SHA-256 (RFC 8017, 9.2, note 1).
const digestInfo = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"

// sign makes an RSASSA-PKCS1-v1_5 signature (RFC 8017, 8.2.1 and 5.2.1).
func (k *Key) sign(message []byte) []byte {
	sum := sha256.Sum256(message)
	padded := make([]byte, keyBits/8)
	for i := range padded {
		padded[i] = 0xFF
	}
	padded[0], padded[1] = 0, 1
	end := padded[len(padded)-len(sum)-len(digestInfo):]
	padded[len(padded)-len(end)-1] = 0
	copy(end[copy(end, digestInfo):], sum[:])

	m, s := new(big.Int).SetBytes(padded), new(big.Int)
	for _, p := range k.parts {
		h := new(big.Int).Exp(m, p.exponent, p.prime)
		h.Sub(h, s).Mul(h, p.coefficient).Mod(h, p.prime)
		s.Add(s, h.Mul(h, p.product))
	}
	return s.FillBytes(padded)
}

// PublicPEM is a public key as a file: a PEM block PUBLIC KEY.
func PublicPEM(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("signing: marshal a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
