// Package idp is the identity provider of every world: a small OpenID Connect issuer under /_sim/idp, so that federated
// authentication can be tested offline. It has no users and no secrets: every request gets a token for the client and
// the user that it names, with the claims that it asks for.
//
// The control API serves its documents. A vendor verifies its tokens with Verify, in the transaction of the request and
// without a connection.
package idp

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/api"
	"storagesim/internal/signing"
	"storagesim/internal/store"
)

// Prefix is the path of the issuers of all worlds, on every port.
const Prefix = "/_sim/idp"

// Paths below an issuer's URL.
const (
	DiscoveryPath = "/.well-known/openid-configuration" // OpenID Connect Discovery 1.0, section 4
	KeysPath      = "/jwks"
	TokenPath     = "/token"
)

// worldPrefix and the name of a world may precede the path of an issuer.
const worldPrefix = "/_sim/in/"

// URL returns the issuer of a world for a client that reaches the simulator at base, such as "http://127.0.0.1:8080".
func URL(base, world string) string { return base + Prefix + "/" + world }

// WorldOf returns the world of an issuer's URL, and false for the URL of another provider. It ignores the host, because
// a simulator cannot know all the names under which clients reach it.
func WorldOf(issuer string) (world string, ok bool) {
	u, err := url.Parse(issuer)
	if err != nil {
		return "", false
	}
	path := u.Path
	if rest, ok := strings.CutPrefix(path, worldPrefix); ok {
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	world, ok = strings.CutPrefix(path, Prefix+"/")
	return world, ok && world != "" && !strings.Contains(world, "/")
}

// Document is the discovery document of an issuer.
type Document struct {
	Issuer                  string   `json:"issuer"`
	TokenEndpoint           string   `json:"token_endpoint"`
	KeysURI                 string   `json:"jwks_uri"`
	ResponseTypes           []string `json:"response_types_supported"`
	SubjectTypes            []string `json:"subject_types_supported"`
	SigningAlgorithms       []string `json:"id_token_signing_alg_values_supported"`
	GrantTypes              []string `json:"grant_types_supported"`
	TokenEndpointAuthMethod []string `json:"token_endpoint_auth_methods_supported"`
}

// The grants of the token endpoint (RFC 6749, sections 4.3 and 4.4).
const (
	ClientCredentials = "client_credentials"
	Password          = "password"
)

// Describe returns the discovery document of an issuer.
func Describe(issuer string) Document {
	return Document{
		Issuer: issuer, TokenEndpoint: issuer + TokenPath, KeysURI: issuer + KeysPath,
		ResponseTypes: []string{"token"}, SubjectTypes: []string{"public"},
		SigningAlgorithms: []string{jwt.SigningMethodRS256.Alg()}, GrantTypes: []string{ClientCredentials, Password},
		TokenEndpointAuthMethod: []string{"client_secret_post", "client_secret_basic"},
	}
}

// KeySet is a JSON Web Key Set (RFC 7517).
type KeySet struct {
	Keys []Key `json:"keys"`
}

// Key is the public half of an RSA key (RFC 7518, section 6.3.1).
type Key struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

// Issuer is the provider of all worlds. Use New to create it.
type Issuer struct {
	key *signing.Key
}

// New returns a provider that signs with the key. It is safe for concurrent use.
func New(key *signing.Key) *Issuer { return &Issuer{key: key} }

// ErrDown is the error during an outage of the provider of the transaction's world (SetDown).
var ErrDown = errors.New("the identity provider is down")

type outage struct {
	Since time.Time `json:"since"`
}

var outages = store.NewTable("idp.outage", func(*outage) string { return "outage" }, store.JSON[outage]())

// Tables returns the package's tables.
func Tables() []store.Verifier { return []store.Verifier{outages} }

// SetDown begins or ends an outage of the provider of the transaction's world.
func SetDown(tx *store.Tx, down bool) error {
	root := tx.In("")
	switch isDown := outages.Has(root, "outage"); {
	case down && !isDown:
		return outages.Insert(root, &outage{Since: tx.Now})
	case !down && isDown:
		return outages.Delete(root, "outage")
	}
	return nil
}

// Up returns nil, or ErrDown with the start of the outage of the provider of the transaction's world.
func Up(tx *store.Tx) error {
	o, err := outages.Get(tx.In(""), "outage")
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: its outage began at %s", ErrDown, o.Since.UTC().Format(time.RFC3339Nano))
}

// Keys returns the public keys of the transaction's world. It returns ErrDown during an outage.
func (i *Issuer) Keys(tx *store.Tx) (KeySet, error) {
	if err := Up(tx); err != nil {
		return KeySet{}, err
	}
	public := i.key.Public()
	number := base64.RawURLEncoding.EncodeToString
	return KeySet{Keys: []Key{{
		Type: "RSA", Use: "sig", Algorithm: jwt.SigningMethodRS256.Alg(), ID: keyID(public),
		Modulus: number(public.N.Bytes()), Exponent: number(big.NewInt(int64(public.E)).Bytes()),
	}}}, nil
}

// keyID returns an ID that is derived from the key.
func keyID(key *rsa.PublicKey) string {
	sum := sha256.Sum256(key.N.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Grant is the content of a token.
type Grant struct {
	Issuer   string
	ClientID string
	Username string // "" for a token of the client itself
	Audience string // "" means the client
	Claims   map[string]any
	TTL      time.Duration
}

// Reserved returns the claims that a Grant cannot set.
func Reserved() []string {
	return []string{"appid", "exp", "iat", "iss", "jti", "sub", "upn", api.WorldClaim}
}

// Token returns a signed access token of the transaction's world, valid from its present on. It has the claims of an
// ADFS: appid is the client, upn the user. The same grant at the same instant gives the same token. Token returns
// ErrDown during an outage.
func (i *Issuer) Token(tx *store.Tx, g Grant) (string, error) {
	if err := Up(tx); err != nil {
		return "", err
	}
	claims := jwt.MapClaims{"aud": g.ClientID, "nbf": tx.Now.Unix()}
	if g.Audience != "" {
		claims["aud"] = g.Audience
	}
	maps.Copy(claims, g.Claims)
	maps.Copy(claims, jwt.MapClaims{
		"iss": g.Issuer, "sub": g.ClientID, "appid": g.ClientID, "iat": tx.Now.Unix(), "exp": tx.Now.Add(g.TTL).Unix(),
		api.WorldClaim: tx.World(),
	})
	if g.Username != "" {
		claims["sub"], claims["upn"] = g.Username, g.Username
	}
	text, err := json.Marshal(claims) // Marshal sorts the keys of a map
	if err != nil {
		return "", fmt.Errorf("idp: claims: %w", err)
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, tx.Seed()))
	claims["jti"] = hex.EncodeToString(sum[:16])
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = keyID(i.key.Public())
	return i.key.Token(t)
}

// Verify checks the algorithm, the key and the signature of a token with the keys of the transaction's world, and
// returns its claims. It does not check the claims, not even the times. It returns ErrDown during an outage, because
// the keys cannot be fetched. The text of any other error describes the fault of the token.
func (i *Issuer) Verify(tx *store.Tx, token string) (jwt.MapClaims, error) {
	set, err := i.Keys(tx)
	if err != nil {
		return nil, err
	}
	var invalid error
	claims := jwt.MapClaims{}
	_, err = jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if alg := t.Method.Alg(); alg != jwt.SigningMethodRS256.Alg() {
			invalid = fmt.Errorf("it is signed with %s; only RS256 is accepted", alg)
			return nil, invalid
		}
		kid, _ := t.Header["kid"].(string)
		if !slices.ContainsFunc(set.Keys, func(k Key) bool { return k.ID == kid }) {
			invalid = fmt.Errorf("its kid %q is not a key of the identity provider", kid)
			return nil, invalid
		}
		return i.key.Public(), nil
	})
	switch {
	case invalid != nil:
		return nil, invalid
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, errors.New("its signature does not match the identity provider's key")
	}
	return claims, err
}

// IssuerOf returns the claim iss of a token without any check, or "".
func IssuerOf(token string) string {
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return ""
	}
	issuer, _ := claims["iss"].(string)
	return issuer
}
