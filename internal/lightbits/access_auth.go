package lightbits

import (
	"fmt"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// AuthMode says how strictly callers are checked.
type AuthMode string

// The modes. Lenient refuses a call without a token, takes an opaque one for a cluster administrator's and checks a JWT
// in full; strict takes nothing but valid JWTs; off takes everybody for a cluster administrator. The zero value is
// lenient.
const (
	AuthLenient AuthMode = "lenient"
	AuthStrict  AuthMode = "strict"
	AuthOff     AuthMode = "off"
)

// ParseAuthMode reads a mode as a user writes it; "" is lenient.
func ParseAuthMode(text string) (AuthMode, error) {
	switch mode := AuthMode(text); mode {
	case "":
		return AuthLenient, nil
	case AuthLenient, AuthStrict, AuthOff:
		return mode, nil
	}
	return "", fmt.Errorf("auth mode %q: must be lenient, strict or off", text)
}

// authenticate answers whose token the request carries.
func (s *Service) authenticate(tx *store.Tx, r *api.Request) (*Principal, error) {
	if s.auth == AuthOff {
		return s.anybody, nil
	}
	header := r.HTTP.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	switch {
	case header == "":
		return nil, unauthenticated("no token: the header Authorization is missing; Bearer and a JWT are expected in it")
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return nil, unauthenticated("no token: the header Authorization must hold Bearer and a JWT")
	case isJWT(token):
		if p, federated, err := s.federatedPrincipal(tx, token); federated {
			return p, err
		}
		return principalOf(tx, token)
	case s.auth == AuthStrict:
		return nil, unauthenticated("the token is not a JWT")
	}
	return s.opaque, nil
}

func unauthenticated(format string, args ...any) error {
	return refusal.New(refusal.Unauthenticated, format, args...)
}
