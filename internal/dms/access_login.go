package dms

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// loginOperations: the login is at the root and takes HTTP Basic, not a token.
func (s *Service) loginOperations() []api.Operation {
	return []api.Operation{
		{Name: "Login", Method: http.MethodPost, Path: "/login", Statuses: []int{200, 401, 500}, Endpoint: api.Handle(s.login)},
	}
}

// tokenTTL is how long a token is good: 30 days (facts/dms-lucidlink-lucidity.md 3.1).
const tokenTTL = 30 * 24 * time.Hour

// issuer is the claim iss of the service's tokens.
const issuer = "dms"

type loginResponse struct {
	TokenType string `json:"tokenType"`
	ExpiresIn uint64 `json:"expiresIn"` // seconds
	IDToken   string `json:"idToken"`
}

// login: seeds/003 "Login to the DMS service". What is sent as a body is not read.
func (s *Service) login(tx *store.Tx, r *api.Request, _ *api.Empty) (loginResponse, error) {
	name, err := s.caller(tx, r)
	if err != nil {
		return loginResponse{}, err
	}
	signed, err := s.sign(s.token(tx, name, tokenTTL))
	return loginResponse{TokenType: "Bearer", ExpiresIn: uint64(tokenTTL / time.Second), IDToken: signed}, err
}

// caller answers the user whose name and password the request carries.
func (s *Service) caller(tx *store.Tx, r *api.Request) (string, error) {
	users := s.settings(tx).Users
	name, password, ok := r.HTTP.BasicAuth()
	switch {
	case s.options.Auth == api.AuthOff && !ok:
		return users[0].Name, nil
	case r.HTTP.Header.Get("Authorization") == "":
		return "", refusal.New(refusal.Unauthenticated, "no credentials: the header Authorization is missing; Basic is expected in it")
	case !ok:
		return "", refusal.New(refusal.Unauthenticated, "no credentials: the header Authorization must hold Basic and base64 of user:password")
	}
	for _, u := range users {
		if s.options.Auth == api.AuthOff || u.Name == name && u.Password == password {
			return name, nil
		}
	}
	return "", refusal.New(refusal.Unauthenticated, "invalid username or password")
}

// token makes an unsigned token of the transaction's world. The same world, user, duration and instant give the same token.
func (s *Service) token(tx *store.Tx, name string, ttl time.Duration) *jwt.Token {
	sum := sha256.Sum256(fmt.Appendf(nil, "dms %d %s %s %d %d", tx.Seed(), tx.World(), name, tx.Now.UnixNano(), ttl))
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer, "sub": name, "iat": tx.Now.Unix(), "exp": tx.Now.Add(ttl).Unix(),
		"jti": hex.EncodeToString(sum[:16]), api.WorldClaim: tx.World(),
	})
}

func (s *Service) sign(t *jwt.Token) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", err
	}
	return key.Token(t)
}

// MintToken makes the token that a login of the user q.Role would answer, of the first user where that is "".
// *strict.Error for a user that does not exist.
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
		return nil, &strict.Error{Path: "role", Detail: fmt.Sprintf("there is no user %q", q.Role), Valid: names}
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("%s is not positive", q.TTL)}
	case q.TTL == 0:
		q.TTL = tokenTTL
	}
	t := s.token(tx, q.Role, q.TTL)
	return func() (map[string]string, error) {
		signed, err := s.sign(t)
		return map[string]string{"token": signed}, err
	}, nil
}

// authorize refuses a caller without a good token. Every user may do everything (facts/dms-lucidlink-lucidity.md 3.1).
func (s *Service) authorize(tx *store.Tx, r *api.Request) error {
	if r.Operation.Needs == (api.Permission{}) || s.options.Auth == api.AuthOff {
		return nil
	}
	scheme, text, _ := strings.Cut(r.HTTP.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	switch {
	case scheme == "":
		return refusal.New(refusal.Unauthenticated, "no token: the header Authorization is missing; Bearer and the idToken of POST /login are expected in it")
	case !strings.EqualFold(scheme, "Bearer") || text == "":
		return refusal.New(refusal.Unauthenticated, "no token: the header Authorization must hold Bearer and the idToken of POST /login")
	case strings.Count(text, ".") == 2 && strings.HasPrefix(text, "ey"):
		return s.checkToken(tx, text)
	case s.options.Auth == api.AuthStrict:
		return refusal.New(refusal.Unauthenticated, "the token is not one of POST /login")
	}
	return nil
}

// checkToken refuses a JWT that this world's service has not signed, or that has expired on the world's clock.
func (s *Service) checkToken(tx *store.Tx, text string) error {
	key, err := s.key()
	if err != nil {
		return err
	}
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}))
	_, err = parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return key.Public, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return refusal.New(refusal.Unauthenticated, "the token was not signed by this service; POST /login answers one")
	case err != nil:
		return refusal.New(refusal.Unauthenticated, "the token cannot be read: %s", err.Error())
	case claims.ExpiresAt == nil || claims.Issuer != issuer:
		return refusal.New(refusal.Unauthenticated, "the token is not one of POST /login: it has no claim exp or another iss than %q", issuer)
	case !tx.Now.Before(claims.ExpiresAt.Time):
		return refusal.New(refusal.Unauthenticated, "the token expired at %s; the service's clock shows %s",
			claims.ExpiresAt.UTC().Format(time.RFC3339), tx.Now.Format(time.RFC3339))
	}
	for _, u := range s.settings(tx).Users {
		if u.Name == claims.Subject {
			return nil
		}
	}
	return refusal.New(refusal.Unauthenticated, "the token's user %q does not exist any more", claims.Subject)
}
