package dms

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// loginOperations returns the login, which is at the root and takes HTTP Basic instead of a token.
func (s *Service) loginOperations() []api.Operation {
	return []api.Operation{
		{Name: "Login", Method: http.MethodPost, Path: "/login", Statuses: []int{200, 401, 500},
			Endpoint: api.HandleLater(s.login)},
	}
}

// tokenTTL is the lifetime of a token: 30 days (facts/dms-lucidlink-lucidity.md 3.1).
const tokenTTL = 30 * 24 * time.Hour

// issuer is the claim iss of the service's tokens.
const issuer = "dms"

type loginResponse struct {
	TokenType string `json:"tokenType"`
	ExpiresIn uint64 `json:"expiresIn"` // seconds
	IDToken   string `json:"idToken"`
}

// login implements seeds/003 "Login to the DMS service". It ignores the body.
func (s *Service) login(tx *store.Tx, r *api.Request, _ *api.Empty) (func() (loginResponse, error), error) {
	name, err := s.caller(tx, r)
	if err != nil {
		return nil, err
	}
	t := s.token(tx, name, tokenTTL)
	return func() (loginResponse, error) {
		signed, err := s.key.Token(t)
		return loginResponse{TokenType: "Bearer", ExpiresIn: uint64(tokenTTL / time.Second), IDToken: signed}, err
	}, nil
}

// caller returns the user whose name and password the request carries, or refuses with Unauthenticated.
func (s *Service) caller(tx *store.Tx, r *api.Request) (string, error) {
	users := s.settings(tx).Users
	name, password, ok := r.HTTP.BasicAuth()
	switch {
	case s.options.Auth.In(tx) == api.AuthOff && !ok:
		return users[0].Name, nil
	case r.HTTP.Header.Get("Authorization") == "":
		return "", refusal.New(refusal.Unauthenticated,
			"no credentials: the Authorization header is missing; expected Basic and the base64 of user:password")
	case !ok:
		return "", refusal.New(refusal.Unauthenticated,
			"no credentials: the Authorization header must be Basic and the base64 of user:password")
	}
	for _, u := range users {
		if s.options.Auth.In(tx) == api.AuthOff || u.Name == name && u.Password == password {
			return name, nil
		}
	}
	return "", refusal.New(refusal.Unauthenticated, "invalid username or password")
}

// token returns an unsigned token of the transaction's world. The same world, user, duration and instant give the same
// token.
func (s *Service) token(tx *store.Tx, name string, ttl time.Duration) *jwt.Token {
	sum := sha256.Sum256(fmt.Appendf(nil, "dms %d %s %s %d %d", tx.Seed(), tx.World(), name, tx.Now.UnixNano(), ttl))
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer, "sub": name, "iat": tx.Now.Unix(), "exp": tx.Now.Add(ttl).Unix(),
		"jti": hex.EncodeToString(sum[:16]), api.WorldClaim: tx.World(),
	})
}

// MintToken returns the token that a login of the user q.Role returns; "" means the first user. It returns a
// *strict.Error if the user does not exist.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	users := s.settings(tx).Users
	if q.Role == "" {
		q.Role = users[0].Name
	}
	names := make([]string, len(users))
	known := false
	for i, u := range users {
		names[i], known = u.Name, known || u.Name == q.Role
	}
	switch {
	case !known:
		return nil, &strict.Error{Path: "role", Detail: fmt.Sprintf("user %q does not exist", q.Role), Valid: names}
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("must be positive, not %s", q.TTL)}
	case q.TTL == 0:
		q.TTL = tokenTTL
	}
	t := s.token(tx, q.Role, q.TTL)
	return func() (map[string]string, error) {
		signed, err := s.key.Token(t)
		return map[string]string{"token": signed}, err
	}, nil
}
