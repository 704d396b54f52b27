// Package idp is the identity provider that every world has: a small OpenID Connect issuer under /_sim/idp, so that
// federated authentication can be tried offline. It knows no users and no secrets: whoever asks gets a token for the
// client and the user that he names, with the claims that he wants.
//
// The control surface serves its documents; a vendor verifies its tokens with Verify, in the transaction of the request
// and without a connection.
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

// Prefix is where the issuers of all worlds lie on every port.
const Prefix = "/_sim/idp"

// Paths below an issuer's URL.
const (
	DiscoveryPath = "/.well-known/openid-configuration" // OpenID Connect Discovery 1.0, section 4
	KeysPath      = "/jwks"
	TokenPath     = "/token"
)

// URL is the issuer of a world, as a client sees it that reaches the simulator at base ("http://127.0.0.1:8080").
func URL(base, world string) string { return base + Prefix + "/" + world }

// WorldOf answers the world whose issuer a URL names, whatever its host: a simulator does not know all the names under
// which it is reached. False for the URL of another provider.
func WorldOf(issuer string) (world string, ok bool) {
	u, err := url.Parse(issuer)
	if err != nil {
		return "", false
	}
	world, ok = strings.CutPrefix(u.Path, Prefix+"/")
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

// Describe makes the discovery document of an issuer's URL.
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

// Issuer is the provider of every world; make it with New.
type Issuer struct {
	key func() (*signing.Key, error)
}

// New makes the provider. It is safe for concurrent use.
func New() *Issuer { return &Issuer{key: signing.Of(signing.Issuer)} }

// ErrDown is answered while the transaction's world has lost its provider (SetDown).
var ErrDown = errors.New("the identity provider does not answer")

type outage struct {
	Since time.Time `json:"since"`
}

var outages = store.NewTable("idp.outage", func(*outage) string { return "outage" }, store.JSON[outage]())

// Tables lists the package's tables.
func Tables() []store.Verifier { return []store.Verifier{outages} }

// SetDown lets the provider of the transaction's world fail, or come back.
func SetDown(tx *store.Tx, down bool) error {
	root := tx.In("")
	switch there := outages.Has(root, "outage"); {
	case down && !there:
		return outages.Insert(root, &outage{Since: tx.Now})
	case !down && there:
		return outages.Delete(root, "outage")
	}
	return nil
}

// Up is nil, or ErrDown with the instant since which the provider of the transaction's world is gone.
func Up(tx *store.Tx) error {
	o, err := outages.Get(tx.In(""), "outage")
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w since %s", ErrDown, o.Since.UTC().Format(time.RFC3339Nano))
}

// Keys answers the public keys of the transaction's world, ErrDown while its provider is gone.
func (i *Issuer) Keys(tx *store.Tx) (KeySet, error) {
	if err := Up(tx); err != nil {
		return KeySet{}, err
	}
	key, err := i.key()
	if err != nil {
		return KeySet{}, err
	}
	number := base64.RawURLEncoding.EncodeToString
	return KeySet{Keys: []Key{{
		Type: "RSA", Use: "sig", Algorithm: jwt.SigningMethodRS256.Alg(), ID: keyID(key.Public),
		Modulus: number(key.Public.N.Bytes()), Exponent: number(big.NewInt(int64(key.Public.E)).Bytes()),
	}}}, nil
}

// keyID follows from the key.
func keyID(key *rsa.PublicKey) string {
	sum := sha256.Sum256(key.N.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Grant is what a token is to say.
type Grant struct {
	Issuer   string
	ClientID string
	Username string // "" for a token of the client itself
	Audience string // "" is the client
	Claims   map[string]any
	TTL      time.Duration
}

// Reserved are the claims that a Grant cannot set.
func Reserved() []string {
	return []string{"appid", "exp", "iat", "iss", "jti", "sub", "upn", api.WorldClaim}
}

// Token signs an access token in the transaction's world, valid from its present on. It has the claims of an ADFS: appid
// is the client, upn the user. The same grant at the same instant is the same token. ErrDown while the provider is gone.
func (i *Issuer) Token(tx *store.Tx, g Grant) (string, error) {
	if err := Up(tx); err != nil {
		return "", err
	}
	key, err := i.key()
	if err != nil {
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
	text, err := json.Marshal(claims) // maps are written in the order of their keys
	if err != nil {
		return "", fmt.Errorf("idp: claims: %w", err)
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, tx.Seed()))
	claims["jti"] = hex.EncodeToString(sum[:16])
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = keyID(key.Public)
	return key.Token(t)
}

// Verify checks algorithm, key and signature of a token against the keys of the transaction's world, and answers its
// claims; what they say, times included, is for the caller to judge. ErrDown while the provider is gone: its keys cannot
// be fetched. Every other error says in words what is wrong with the token.
func (i *Issuer) Verify(tx *store.Tx, token string) (jwt.MapClaims, error) {
	set, err := i.Keys(tx)
	if err != nil {
		return nil, err
	}
	key, err := i.key()
	if err != nil {
		return nil, err
	}
	var wrong error
	claims := jwt.MapClaims{}
	_, err = jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if alg := t.Method.Alg(); alg != jwt.SigningMethodRS256.Alg() {
			wrong = fmt.Errorf("it is signed with %s; only RS256 is accepted", alg)
			return nil, wrong
		}
		kid, _ := t.Header["kid"].(string)
		if !slices.ContainsFunc(set.Keys, func(k Key) bool { return k.ID == kid }) {
			wrong = fmt.Errorf("its kid %q is none of the identity provider's keys", kid)
			return nil, wrong
		}
		return key.Public, nil
	})
	switch {
	case wrong != nil:
		return nil, wrong
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, errors.New("its signature does not fit the identity provider's key")
	}
	return claims, err
}

// IssuerOf reads who a token says it is from, without checking anything; "" where it does not say.
func IssuerOf(token string) string {
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		return ""
	}
	issuer, _ := claims["iss"].(string)
	return issuer
}
