package dms

import (
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// authorize refuses a caller without a valid token. Every user may call every operation
// (facts/dms-lucidlink-lucidity.md 3.1).
func (s *Service) authorize(tx *store.Tx, r *api.Request) error {
	if r.Operation.Needs == (api.Permission{}) || s.options.Auth.In(tx) == api.AuthOff {
		return nil
	}
	scheme, text, _ := strings.Cut(r.HTTP.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	switch {
	case scheme == "":
		return refusal.New(refusal.Unauthenticated,
			"no token: the Authorization header is missing; expected Bearer and the idToken of POST /login")
	case !strings.EqualFold(scheme, "Bearer") || text == "":
		return refusal.New(refusal.Unauthenticated,
			"no token: the Authorization header must be Bearer and the idToken of POST /login")
	case strings.Count(text, ".") == 2 && strings.HasPrefix(text, "ey"):
		return s.checkToken(tx, text)
	case s.options.Auth.In(tx) == api.AuthStrict:
		return refusal.New(refusal.Unauthenticated, "the token was not issued by POST /login")
	}
	return nil
}

// checkToken refuses a JWT that the service of the world did not sign, that has expired on the world's clock, or whose
// user does not exist.
func (s *Service) checkToken(tx *store.Tx, text string) error {
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}))
	_, err := parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return s.key.Public(), nil })
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return refusal.New(refusal.Unauthenticated,
			"the token was not signed by this service; POST /login returns a valid one")
	case err != nil:
		return refusal.New(refusal.Unauthenticated, "the token cannot be read: %s", err.Error())
	case claims.ExpiresAt == nil || claims.Issuer != issuer:
		return refusal.New(refusal.Unauthenticated,
			"the token was not issued by POST /login: its claim exp is missing or its claim iss is not %q", issuer)
	case !tx.Now.Before(claims.ExpiresAt.Time):
		return refusal.New(refusal.Unauthenticated, "the token expired at %s; the service's clock is at %s",
			claims.ExpiresAt.UTC().Format(time.RFC3339), tx.Now.Format(time.RFC3339))
	}
	if world, foreign := api.ForeignToken(tx, text); foreign && s.options.Auth.In(tx) == api.AuthStrict {
		return refusal.New(refusal.Unauthenticated,
			"the token was issued in the world %q, and this request is for the world %q", world, tx.World())
	}
	for _, u := range s.settings(tx).Users {
		if u.Name == claims.Subject {
			return nil
		}
	}
	return refusal.New(refusal.Unauthenticated, "the token's user %q no longer exists", claims.Subject)
}
