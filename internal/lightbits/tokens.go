package lightbits

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

const (
	defaultTTL = 30 * 24 * time.Hour // facts/lightbits.md 3.2
	// mintCredential is the ID of the world's own key among the credentials of the project system (assumption 32).
	mintCredential = "sim"
	mintSubject    = "lightos-client"
	mintAudience   = "LightOS"
)

// MintToken makes a JWT as lbcli does, signed by a key of the world's own. The public key appears as the credential
// system:sim of every cluster of the world, or only of the transaction's where that has one; deleting it there ends all
// minted tokens until the next is minted. The same world, role, duration and instant give the same token. What cannot be
// asked for is an *api.InputError.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (map[string]string, error) {
	clusters := []string{tx.Partition()}
	if tx.Partition() == "" {
		clusters = statemachine.Partitions(tx)[1:]
	}
	if len(clusters) == 0 {
		return nil, &api.InputError{Path: "vendor", Detail: "the world has no cluster that a token could be for"}
	}
	if q.Role == "" {
		q.Role = systemProject + ":" + roleClusterAdmin
	}
	if err := s.checkMintRole(tx, clusters, q.Role); err != nil {
		return nil, err
	}
	switch {
	case q.TTL < 0:
		return nil, &api.InputError{Path: "ttl", Detail: fmt.Sprintf("%s is not positive", q.TTL)}
	case q.TTL == 0:
		q.TTL = defaultTTL
	}
	key, err := s.signingKey(tx)
	if err != nil {
		return nil, err
	}
	for _, cluster := range clusters {
		if err := s.trust(tx.In(cluster), &key.PublicKey); err != nil {
			return nil, err
		}
	}
	claims := jwt.MapClaims{
		"sub": mintSubject, "aud": mintAudience, "roles": []string{q.Role},
		"iat": tx.Now.Unix(), "exp": tx.Now.Add(q.TTL).Unix(), "jti": tokenID(tx, q), api.WorldClaim: tx.World(),
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = systemProject + ":" + mintCredential
	token, err := t.SignedString(key)
	if err != nil {
		return nil, fmt.Errorf("lightbits: sign a token: %w", err)
	}
	return map[string]string{"token": token}, nil
}

// checkMintRole refuses a role that no cluster has.
func (s *Service) checkMintRole(tx *store.Tx, clusters []string, role string) error {
	valid := []string{systemProject + ":" + roleClusterAdmin, systemProject + ":" + roleViewer}
	project, name, _ := strings.Cut(role, ":")
	known := project == systemProject
	for _, cluster := range clusters {
		known = known || projects.Has(tx.In(cluster), project)
	}
	if known && rulesOf(project, name) != nil {
		return nil
	}
	for _, p := range s.projectNames(tx.In(clusters[0])) {
		if p != systemProject {
			valid = append(valid, p+":"+roleAdmin, p+":"+roleViewer)
		}
	}
	return &api.InputError{Path: "role", Detail: fmt.Sprintf("there is no role %q", role), Valid: valid}
}

// trust makes the key a credential of the transaction's cluster, if it is not one already.
func (s *Service) trust(tx *store.Tx, key *rsa.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return fmt.Errorf("lightbits: marshal a public key: %w", err)
	}
	payload := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	have, err := credentials.Get(tx, credentialKey(systemProject, mintCredential))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.seedCredential(tx, Credential{
			ProjectName: systemProject, ID: mintCredential, Type: CredsRS256PubKey, Payload: payload, Kind: CredsUserCreds})
	case err != nil:
		return err
	case string(have.Payload) != string(payload):
		return &api.InputError{Path: "vendor", Detail: fmt.Sprintf("cluster %q has a credential %s:%s of somebody else, "+
			"which minted tokens need; delete it", tx.Partition(), systemProject, mintCredential)}
	}
	return nil
}

// tokenID follows from what the token says, since minting must not move the world's generator.
func tokenID(tx *store.Tx, q api.TokenRequest) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d %d", tx.Seed(), tx.World(), q.Role, tx.Now.UnixNano(), q.TTL))
	return hex.EncodeToString(sum[:16])
}

// signer is a world's signing key, in PKCS #8.
type signer struct {
	Key []byte `json:"key"`
}

var signers = store.NewTable("lightbits.signer", func(*signer) string { return "rs256" }, store.JSON[signer]())

// signingKey answers the key of the transaction's world, which is made when it is first needed.
func (s *Service) signingKey(tx *store.Tx) (*rsa.PrivateKey, error) {
	root := tx.In("")
	row, err := signers.Get(root, "rs256")
	if err == nil {
		key, err := x509.ParsePKCS8PrivateKey(row.Key)
		if err != nil {
			return nil, fmt.Errorf("lightbits: the world's signing key: %w", err)
		}
		return key.(*rsa.PrivateKey), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	key, err := s.keys.of(tx.Seed())
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("lightbits: marshal a signing key: %w", err)
	}
	return key, signers.Put(root, &signer{Key: der})
}

// keyCache remembers the keys of seeds, so that only the first world of a seed waits for one. A key is a function of its
// seed and nothing else.
type keyCache struct {
	mu   sync.Mutex
	keys map[uint64]*rsa.PrivateKey
}

// maxKeys bounds the cache.
const maxKeys = 256

func (c *keyCache) of(seed uint64) (*rsa.PrivateKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := c.keys[seed]; key != nil {
		return key, nil
	}
	key, err := newSigningKey(seed)
	if err != nil {
		return nil, err
	}
	if c.keys == nil || len(c.keys) == maxKeys {
		c.keys = make(map[uint64]*rsa.PrivateKey)
	}
	c.keys[seed] = key
	return key, nil
}

const (
	keyBits  = 2048
	exponent = 65537
)

// newSigningKey makes the RSA key that belongs to a seed. It searches the primes itself: rsa.GenerateKey draws from the
// system's randomness whatever reader it is given, and two worlds of one seed are to answer the same bytes. It takes
// about 50 ms. A key that anybody can derive from a small number protects nothing, as suits a simulator.
func newSigningKey(seed uint64) (*rsa.PrivateKey, error) {
	source := rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("lightbits signing key "), seed)))
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
			return nil, fmt.Errorf("lightbits: make a signing key: %w", err)
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
