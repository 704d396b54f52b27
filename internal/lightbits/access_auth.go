package lightbits

import (
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// authenticate returns the principal of the request's token.
func (s *Service) authenticate(tx *store.Tx, r *api.Request) (*Principal, error) {
	if s.auth.In(tx) == api.AuthOff {
		return s.anybody, nil
	}
	header := r.HTTP.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	switch {
	case header == "":
		return nil, unauthenticated("no token: the Authorization header is missing; Bearer and a JWT are expected")
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return nil, unauthenticated("no token: the Authorization header must be Bearer and a JWT")
	case isJWT(token):
		if world, foreign := api.ForeignToken(tx, token); foreign && s.auth.In(tx) == api.AuthStrict {
			return nil, unauthenticated("the token was minted for the world %q, and this request is for the world %q", world,
				tx.World())
		}
		if p, federated, err := s.federatedPrincipal(tx, token); federated {
			return p, err
		}
		return s.principalOf(tx, token)
	case s.auth.In(tx) == api.AuthStrict:
		return nil, unauthenticated("the token is not a JWT")
	}
	return s.opaque, nil
}

func unauthenticated(format string, args ...any) error {
	return refusal.New(refusal.Unauthenticated, format, args...)
}
