// Package signing holds the RSA key with which the simulated services sign their tokens.
//
// By default this is Published, one key that is embedded in every copy of the simulator. Anyone can sign with it, so
// the simulator's tokens prove nothing. A user who needs a key of their own reads it with Parse.
package signing

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // for published.pem
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// minBits is the size of the smallest key that Parse accepts. Client libraries refuse to verify RS256 with less.
const minBits = 2048

//go:embed published.pem
var publishedPEM []byte

// Key is an RSA key that signs tokens with RS256. It is safe for concurrent use.
type Key struct {
	private func() *rsa.PrivateKey
}

// Published returns the embedded key. Its PEM file is decoded when the key is first used.
func Published() *Key {
	return &Key{private: sync.OnceValue(func() *rsa.PrivateKey {
		private, err := parse(publishedPEM)
		if err != nil {
			panic(fmt.Sprintf("signing: the embedded key: %v", err))
		}
		return private
	})}
}

// Parse reads a private key from a PEM file. The file must hold one RSA key of at least 2,048 bits, unencrypted, in a
// block of PKCS#1 ("RSA PRIVATE KEY") or PKCS#8 ("PRIVATE KEY"). Text around the block is ignored.
func Parse(file []byte) (*Key, error) {
	private, err := parse(file)
	if err != nil {
		return nil, err
	}
	return &Key{private: func() *rsa.PrivateKey { return private }}, nil
}

func parse(file []byte) (*rsa.PrivateKey, error) {
	block, rest := pem.Decode(file)
	if block == nil {
		return nil, errors.New("the file has no PEM block; a private RSA key in PKCS#1 or PKCS#8 is expected, " +
			`for example from "openssl genrsa 2048"`)
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, fmt.Errorf("the file has a second PEM block %q; one private key is expected", next.Type)
	}
	private, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	if bits := private.N.BitLen(); bits < minBits {
		return nil, fmt.Errorf("the RSA key has %d bits; at least %d are expected", bits, minBits)
	}
	return private, nil
}

func parseBlock(block *pem.Block) (*rsa.PrivateKey, error) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New(`the private key is encrypted; decrypt it first, for example with "openssl rsa"`)
	case block.Type == "RSA PRIVATE KEY":
		private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the PEM block is not a PKCS#1 key: %w", err)
		}
		return private, nil
	case block.Type == "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the PEM block is not a PKCS#8 key: %w", err)
		}
		private, ok := key.(*rsa.PrivateKey)
		if !ok {
			return nil, errors.New("the private key is not an RSA key; tokens are signed with RS256")
		}
		return private, nil
	}
	return nil, fmt.Errorf("the PEM block has the type %q; %q or %q is expected", block.Type,
		"PRIVATE KEY", "RSA PRIVATE KEY")
}

// Public returns the public half of the key.
func (k *Key) Public() *rsa.PublicKey { return &k.private().PublicKey }

// Token signs a token with RS256. The same token always has the same signature (RFC 8017, 8.2).
func (k *Key) Token(t *jwt.Token) (string, error) {
	text, err := t.SignedString(k.private())
	if err != nil {
		return "", fmt.Errorf("signing: a token: %w", err)
	}
	return text, nil
}

// PublicPEM returns the public half of the key as a PEM file with the block "PUBLIC KEY".
func (k *Key) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return nil, fmt.Errorf("signing: marshal a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Former reports whether earlier versions of the simulator signed with the key. Their data directories hold its public
// half where later ones hold that of the present key. Keys that followed from a world's seed are not among them.
func Former(key *rsa.PublicKey) bool {
	sum := sha256.Sum256(key.N.Bytes())
	return slices.Contains([]string{
		"f46a77ad043794cd602561a3665cd0670a9f1b33bf16ab2e9533163f3aa526e9", // of Lightbits
		"48cd544ee9485c33b783a99aeb16fe3d4c1f41bcc53d3a580fcd5c82dbb67235", // of the cluster federation
		"1973647543d07cdf5201ee698425b371091b59a05c4b6df7fa3d552f598b424f", // of DMS
	}, hex.EncodeToString(sum[:]))
}
