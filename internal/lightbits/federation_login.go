package lightbits

import (
	"time"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

// The federation's only user (facts/lightbits.md 4.24, assumption 138).
const (
	federationUser     = "admin"
	federationPassword = "light"
)

type cfLoginResponse struct {
	TokenType string `json:"tokenType"`
	ExpiresIn uint64 `json:"expiresIn"` // seconds
	IDToken   string `json:"idToken"`
}

// cfLogin: seeds/002 "Login to the cluster federation service". The token is one of a cluster administrator and valid
// at every cluster of the world.
func (s *Service) cfLogin(tx *store.Tx, r *api.Request, _ *api.Empty) (func() (cfLoginResponse, error), error) {
	name, password, ok := r.HTTP.BasicAuth()
	switch {
	case s.auth.In(tx) == api.AuthOff:
	case !ok:
		return nil, unauthenticated(
			"no credentials: the Authorization header must be Basic and the base64 of user:password")
	case name != federationUser || password != federationPassword:
		return nil, unauthenticated("invalid username or password")
	}
	signing, err := s.MintToken(tx.In(""), api.TokenRequest{Vendor: vendor, TTL: defaultTTL})
	if err != nil {
		return nil, err
	}
	return func() (cfLoginResponse, error) {
		minted, err := signing()
		return cfLoginResponse{TokenType: "Bearer", ExpiresIn: uint64(defaultTTL / time.Second),
			IDToken: minted["token"]}, err
	}, nil
}
