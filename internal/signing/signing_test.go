package signing_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/signing"
)

func block(name string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der})
}

func pkcs8(t *testing.T, key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}

func TestPublished(t *testing.T) {
	t.Parallel()
	key := signing.Published()
	require.Equal(t, 2048, key.Public().N.BitLen())
	require.True(t, key.Public().Equal(signing.Published().Public()))

	file, err := os.ReadFile("published.pem")
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(file, []byte("This RSA key is public knowledge.")))
	same, err := signing.Parse(file)
	require.NoError(t, err)
	require.True(t, key.Public().Equal(same.Public()))
}

func TestParse_Forms(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, file := range map[string][]byte{
		"PKCS1": block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private)),
		"PKCS8": block("PRIVATE KEY", pkcs8(t, private)),
		"text around the block": append(append([]byte("a comment\n\n"),
			block("PRIVATE KEY", pkcs8(t, private))...), "the end"...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := signing.Parse(file)
			require.NoError(t, err)
			require.True(t, private.PublicKey.Equal(key.Public()))
		})
	}
}

func TestParse_Refused(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := signing.Published().PublicPEM()
	require.NoError(t, err)
	published, err := os.ReadFile("published.pem")
	require.NoError(t, err)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x"),
		Headers: map[string]string{"DEK-Info": "AES-128-CBC,00"}})
	for name, c := range map[string]struct {
		file  []byte
		words string
	}{
		"empty":              {nil, "the file has no PEM block"},
		"no PEM":             {[]byte("ssh-rsa AAAA"), `for example from "openssl genrsa 2048"`},
		"public key":         {public, `the PEM block has the type "PUBLIC KEY"; "PRIVATE KEY" or "RSA PRIVATE KEY"`},
		"two keys":           {append(published, published...), `a second PEM block "PRIVATE KEY"`},
		"encrypted as PKCS1": {encrypted, `decrypt it first, for example with "openssl rsa"`},
		"encrypted as PKCS8": {block("ENCRYPTED PRIVATE KEY", []byte("x")), "the private key is encrypted"},
		"broken PKCS1":       {block("RSA PRIVATE KEY", []byte("x")), "the PEM block is not a PKCS#1 key: "},
		"broken PKCS8":       {block("PRIVATE KEY", []byte("x")), "the PEM block is not a PKCS#8 key: "},
		"elliptic curve":     {block("PRIVATE KEY", pkcs8(t, curve)), "not an RSA key; tokens are signed with RS256"},
		"1024 bits":          {block("PRIVATE KEY", pkcs8(t, short)), "has 1024 bits; at least 2048 are expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := signing.Parse(c.file)
			require.ErrorContains(t, err, c.words)
		})
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	key := signing.Published()
	text, err := key.Token(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "x"}))
	require.NoError(t, err)

	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key.Public(), nil },
		jwt.WithValidMethods([]string{"RS256"}))
	require.NoError(t, err)
	require.Equal(t, jwt.MapClaims{"sub": "x"}, claims)

	again, err := signing.Published().Token(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "x"}))
	require.NoError(t, err)
	require.Equal(t, text, again)

	_, err = key.Token(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": func() {}}))
	require.ErrorContains(t, err, "signing: a token: ")
}

func TestPublicPEM(t *testing.T) {
	t.Parallel()
	key := signing.Published()
	text, err := key.PublicPEM()
	require.NoError(t, err)
	found, rest := pem.Decode(text)
	require.NotNil(t, found)
	require.Equal(t, "PUBLIC KEY", found.Type)
	require.Empty(t, rest)
	public, err := x509.ParsePKIXPublicKey(found.Bytes)
	require.NoError(t, err)
	require.True(t, key.Public().Equal(public))
}

// testdata/former-dms.pem is what DMS showed as its key before there was one published key.
func TestFormer(t *testing.T) {
	t.Parallel()
	require.False(t, signing.Former(signing.Published().Public()))
	file, err := os.ReadFile("testdata/former-dms.pem")
	require.NoError(t, err)
	found, _ := pem.Decode(file)
	public, err := x509.ParsePKIXPublicKey(found.Bytes)
	require.NoError(t, err)
	require.True(t, signing.Former(public.(*rsa.PublicKey)))
}

func BenchmarkToken(b *testing.B) {
	key := signing.Published()
	for b.Loop() {
		_, err := key.Token(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "x"}))
		require.NoError(b, err)
	}
}
