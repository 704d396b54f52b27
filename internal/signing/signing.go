// Package signing makes the RSA keys with which the simulated services sign their tokens. A key follows from a label
// and a seed and from nothing else, so that two worlds of one seed answer the same bytes. Keys that anybody can derive
// from a small number protect nothing, as suits a simulator.
package signing

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
)

// Keys remembers the keys of one label, so that only the first world of a seed waits for one. Make it with NewKeys; it
// is safe for concurrent use.
type Keys struct {
	label string
	mu    sync.Mutex
	keys  map[uint64]*rsa.PrivateKey
}

// NewKeys makes an empty memory; the label keeps the keys of different services apart.
func NewKeys(label string) *Keys { return &Keys{label: label} }

// maxKeys bounds the memory.
const maxKeys = 256

// Of answers the key that belongs to a seed. The first time it takes about 50 ms.
func (k *Keys) Of(seed uint64) (*rsa.PrivateKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[seed]; key != nil {
		return key, nil
	}
	key, err := newKey(k.label, seed)
	if err != nil {
		return nil, err
	}
	if k.keys == nil || len(k.keys) == maxKeys {
		k.keys = make(map[uint64]*rsa.PrivateKey)
	}
	k.keys[seed] = key
	return key, nil
}

// PublicPEM is a public key as a file: a PEM block PUBLIC KEY.
func PublicPEM(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("signing: marshal a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

const (
	keyBits  = 2048
	exponent = 65537
)

// newKey searches the primes itself: rsa.GenerateKey draws from the system's randomness whatever reader it is given.
func newKey(label string, seed uint64) (*rsa.PrivateKey, error) {
	source := rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte(label), seed)))
	one := big.NewInt(1)
	for {
		p, q := prime(source), prime(source)
		n := new(big.Int).Mul(p, q)
		totient := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(big.NewInt(exponent), totient)
		if p.Cmp(q) == 0 || n.BitLen() != keyBits || d == nil {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: exponent}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("signing: make a key: %w", err)
		}
		return key, nil
	}
}

// sieveLimit bounds the primes that candidates are divided by before the costly test.
const sieveLimit = 1 << 13

// prime searches upwards from a random number of half the key's bits, whose two highest bits are set so that the
// product of two has all bits.
func prime(source *rand.ChaCha8) *big.Int {
	small := smallPrimes()
	text := make([]byte, keyBits/2/8)
	for {
		_, _ = source.Read(text) // never fails
		text[0] |= 0xC0
		text[len(text)-1] |= 1
		start := new(big.Int).SetBytes(text)
		rests := make([]uint32, len(small))
		for i, p := range small {
			rests[i] = uint32(new(big.Int).Mod(start, big.NewInt(int64(p))).Uint64())
		}
	candidates:
		for step := uint32(0); step < 1<<16; step += 2 {
			for i, p := range small {
				if (rests[i]+step)%p == 0 {
					continue candidates
				}
			}
			candidate := new(big.Int).Add(start, big.NewInt(int64(step)))
			if candidate.BitLen() == keyBits/2 && candidate.ProbablyPrime(0) {
				return candidate
			}
		}
	}
}

// smallPrimes lists the odd primes below sieveLimit.
func smallPrimes() []uint32 {
	var list []uint32
	composite := make([]bool, sieveLimit)
	for n := uint32(3); n < sieveLimit; n += 2 {
		if composite[n] {
			continue
		}
		list = append(list, n)
		for m := n * n; m < sieveLimit; m += 2 * n {
			composite[m] = true
		}
	}
	return list
}
