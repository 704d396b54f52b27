package lucidity

import (
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// headerAuthType is required with every access token and has only one value (seeds/000, facts/dms-lucidlink-lucidity.md
// 2.1).
const (
	headerAuthType = "X-Authtype"
	authTypeToken  = "lucidity_access_token"
)

// authorize checks the caller's access token. It refuses with Unauthenticated if X-Authtype is missing or wrong
// (assumption 180), or if the token is missing, has a scheme before it (assumption 181), was not issued by this world,
// or has expired.
func (s *Service) authorize(tx *store.Tx, r *api.Request) error {
	if r.Operation.Needs == (api.Permission{}) || s.auth.In(tx) == api.AuthOff {
		return nil
	}
	if got := r.HTTP.Header.Get(headerAuthType); got != authTypeToken {
		return unauthorized("the %s header must be %s, not %q", headerAuthType, authTypeToken, got)
	}
	access := strings.TrimSpace(r.HTTP.Header.Get("Authorization"))
	switch {
	case access == "":
		return unauthorized("the Authorization header is missing; it must hold the bare access token")
	case strings.ContainsAny(access, " \t"):
		return unauthorized(
			"the Authorization header must hold the bare access token, without Bearer or another scheme")
	case !strings.HasPrefix(access, api.OpaquePrefix) && s.auth.In(tx) != api.AuthStrict:
		return nil
	}
	minted, err := verify(tx, access)
	switch {
	case err != nil:
		return unauthorized("%s", err.Error())
	case minted.kind != accessKind:
		return unauthorized("it is a refresh token, which only /external/api/v1/auth/user-token/refresh accepts")
	case !tx.Now.Before(minted.expires):
		return unauthorized("%s", expired("access token", minted.expires, tx.Now).Message)
	}
	return nil
}

func unauthorized(format string, args ...any) error {
	e := refusal.New(refusal.Unauthenticated, format, args...)
	e.Message = "Invalid or expired access token: " + e.Message
	return e
}
