package lightbits

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// tokenClaims are the claims that the product reads (facts/lightbits.md 3.2).
type tokenClaims struct {
	jwt.RegisteredClaims
	Roles []string `json:"roles"`
}

// isJWT reports whether a token has the form of a JWT: three parts, the first of them a JSON object in base64. Any
// other token is opaque.
func isJWT(token string) bool {
	if strings.Count(token, ".") != 2 {
		return false
	}
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	return err == nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Valid(text)
}

// verified is a JWT with a valid signature.
type verified struct {
	credential string // the key of the credential that verified it
	row        []byte // the stored row of that credential at the time
	principal  *Principal
	notBefore  time.Time
	expires    time.Time
}

// at returns the principal if the token is valid at a time of the world's clock.
func (v *verified) at(now time.Time) (*Principal, error) {
	if !now.Before(v.expires) {
		return nil, unauthenticated("the token expired at %s; the cluster's clock shows %s", rfc3339(v.expires),
			rfc3339(now))
	}
	if now.Before(v.notBefore) {
		return nil, unauthenticated("the token is not valid before %s; the cluster's clock shows %s",
			rfc3339(v.notBefore), rfc3339(now))
	}
	return v.principal, nil
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// principalOf verifies a JWT with the credentials of the transaction's cluster and returns its principal. Except for
// the time, the result depends only on the token and the stored credential, so it is cached: verifying a token again
// only compares the credential and the clock. Errors are Unauthenticated.
func (s *Service) principalOf(tx *store.Tx, token string) (*Principal, error) {
	if v := checkedTokens.get(token); v != nil {
		if _, row, err := s.signer(tx, v.credential); err == nil && bytes.Equal(row, v.row) {
			return v.at(tx.Now)
		}
	}
	v, err := s.verifyToken(tx, token)
	if err != nil {
		return nil, err
	}
	checkedTokens.put(token, v)
	return v.at(tx.Now)
}

// signer returns the credential of that key, and what the cache of verified tokens compares. The simulator's own
// credential need not be stored: its key is not part of the world, so that a minted token outlives a reset, unless a
// client has deleted the credential.
func (s *Service) signer(tx *store.Tx, key string) (c credentialRow, stored []byte, err error) {
	if row, there := credentials.Raw(tx, key); there {
		return credentials.Decode(key, row), row, nil
	}
	if key != mintedBy || revokedKeys.Has(tx, key) {
		return c, nil, store.ErrNotFound
	}
	payload, err := s.key.PublicPEM()
	return credentialRow{Credential: Credential{Type: CredsRS256PubKey, Payload: payload}}, payload, err
}

// verifyToken verifies everything about a JWT except the time.
func (s *Service) verifyToken(tx *store.Tx, token string) (*verified, error) {
	var claims tokenClaims
	var v verified
	var project string
	parser := jwt.NewParser(jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		if alg := t.Method.Alg(); alg != jwt.SigningMethodRS256.Alg() {
			return nil, unauthenticated("the token is signed with %s; only RS256 is accepted", alg)
		}
		kid, _ := t.Header["kid"].(string)
		var id string
		var ok bool
		if project, id, ok = strings.Cut(kid, ":"); !ok || project == "" || id == "" {
			return nil, unauthenticated("the token's kid %q is not of the form <project>:<credential ID>", kid)
		}
		v.credential = credentialKey(project, id)
		c, row, err := s.signer(tx, v.credential)
		if err != nil || c.Type != CredsRS256PubKey {
			return nil, unauthenticated("the token's kid %q is unknown: project %q has no credential %q of type %s",
				kid, project, id, CredsRS256PubKey)
		}
		v.row = slices.Clone(row)
		return parsePublicKey(c.Payload)
	})
	switch own := refusal.Of(err); {
	case own != nil:
		return nil, own
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, unauthenticated("the token's signature does not match the key of credential %q",
			strings.Replace(v.credential, "/", ":", 1))
	case err != nil:
		return nil, unauthenticated("the token cannot be read: %s", err.Error())
	}
	if err := claims.check(project); err != nil {
		return nil, err
	}
	v.principal = newPrincipal(claims.Subject, claims.Roles...)
	v.expires = claims.ExpiresAt.Time
	if claims.NotBefore != nil {
		v.notBefore = claims.NotBefore.Time
	}
	return &v, nil
}

// check refuses missing claims, and roles that a key of the project cannot grant: those of another project, unless it
// is a key of the project system (assumption 23). An unknown role grants nothing.
func (c *tokenClaims) check(project string) error {
	switch {
	case c.Subject == "":
		return unauthenticated("the token has no claim sub")
	case c.ExpiresAt == nil:
		return unauthenticated("the token has no claim exp")
	case len(c.Roles) == 0:
		return unauthenticated("the token has no claim roles")
	}
	for _, claimed := range c.Roles {
		scope, name, ok := strings.Cut(claimed, ":")
		if !ok || scope == "" || name == "" {
			return unauthenticated("the token's role %q is not of the form <project>:<role>", claimed)
		}
		if scope != project && project != systemProject {
			return unauthenticated("the token's role %q cannot be granted by a credential of project %q", claimed,
				project)
		}
	}
	return nil
}

// tokenMemo caches verified tokens in two generations of limited size. The old generation is dropped when the young one
// is full.
type tokenMemo struct {
	mu         sync.Mutex
	young, old map[string]*verified
}

const (
	memoGeneration = 2048
	maxMemoToken   = 8192 // bytes; longer tokens are verified every time
)

// checkedTokens is shared by all services of the process, since an entry depends only on token and key.
var checkedTokens tokenMemo //nolint:gochecknoglobals // a cache of a pure function

func (m *tokenMemo) get(token string) *verified {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.young[token]; v != nil {
		return v
	}
	v := m.old[token]
	if v != nil {
		m.keep(token, v)
	}
	return v
}

func (m *tokenMemo) put(token string, v *verified) {
	if len(token) > maxMemoToken {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(token, v)
}

func (m *tokenMemo) keep(token string, v *verified) {
	if m.young == nil || len(m.young) >= memoGeneration {
		m.old, m.young = m.young, make(map[string]*verified)
	}
	m.young[token] = v
}
