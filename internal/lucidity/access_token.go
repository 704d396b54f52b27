package lucidity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// The lifetimes of tokens on the world's clock (facts/dms-lucidlink-lucidity.md 2.1).
const (
	accessTTL  = 15 * time.Minute
	refreshTTL = 30 * 24 * time.Hour
)

func (s *Service) tokenOperations() []api.Operation {
	return []api.Operation{
		{Name: "RefreshToken", Method: http.MethodPost, Path: "/external/api/v1/auth/user-token/refresh",
			Statuses: []int{200, 400, 401, 500}, Extra: true, ReadOnly: true,
			Endpoint: api.HandleAs[refreshTokenBody](s.refreshToken)},
	}
}

type refreshTokenRequest struct {
	RefreshToken string `json:"refreshToken" required:"{path} is required"`
}

// refreshTokenBody is the response, which has no envelope.
type refreshTokenBody struct {
	AccessToken string `json:"accessToken"`
}

// refreshToken returns an access token of 15 minutes for a refresh token, which stays valid
// (facts/dms-lucidlink-lucidity.md 2.1). It refuses with InvalidArgument if the token is not a refresh token of this
// world, and with Unauthenticated if it has expired. In the mode lenient, any opaque token is one (assumption 198). The
// access token expires no later than the refresh token.
func (s *Service) refreshToken(tx *store.Tx, _ *api.Request, q *refreshTokenRequest) (bare, error) {
	if strings.TrimSpace(q.RefreshToken) == "" {
		return bare{}, invalid("refreshToken is required")
	}
	if err := bounded(member{"refreshToken", q.RefreshToken}); err != nil {
		return bare{}, err
	}
	expires, err := s.refreshUntil(tx, q.RefreshToken)
	if err != nil {
		return bare{}, err
	}
	return bare{refreshTokenBody{AccessToken: mint(tx, accessKind, earlier(tx.Now.Add(accessTTL), expires))}}, nil
}

// refreshUntil returns the time of expiry of the refresh token.
func (s *Service) refreshUntil(tx *store.Tx, token string) (time.Time, error) {
	if s.auth.In(tx) == api.AuthOff {
		return tx.Now.Add(refreshTTL), nil
	}
	if known, err := refreshTokens.Get(tx, digest(token)); err == nil {
		if !known.Expires.IsZero() && !tx.Now.Before(known.Expires) {
			return known.Expires, expired("refresh token", known.Expires, tx.Now)
		}
		return farEnd(known.Expires, tx.Now), nil
	}
	if !strings.HasPrefix(token, api.OpaquePrefix) && s.auth.In(tx) == api.AuthLenient {
		return tx.Now.Add(refreshTTL), nil
	}
	minted, err := verify(tx, token)
	if err != nil {
		return time.Time{}, invalid("Invalid refresh token").Because(TokenCause{Detail: err.Error()})
	}
	switch {
	case minted.kind != refreshKind:
		return time.Time{}, invalid("Invalid refresh token").Because(TokenCause{Detail: "an access token was given"})
	case !tx.Now.Before(minted.expires):
		return time.Time{}, expired("refresh token", minted.expires, tx.Now)
	}
	return minted.expires, nil
}

// farEnd returns the time of expiry of a refresh token of the fixture. A token that never expires gets a late one.
func farEnd(expires, now time.Time) time.Time {
	if expires.IsZero() {
		return now.Add(refreshTTL)
	}
	return expires
}

// TokenCause is the reason for a refused token that the vendor's message does not contain.
type TokenCause struct {
	Detail string `json:"detail"`
}

// CauseKind returns refusal.Credential.
func (TokenCause) CauseKind() refusal.CauseKind { return refusal.Credential }

func expired(what string, at, now time.Time) *refusal.Error {
	return refusal.New(refusal.Unauthenticated,
		"the %s expired at %s; the clock is at %s", what, at.Format(time.RFC3339), now.Format(time.RFC3339))
}

// knownToken is a refresh token of the fixture, for clients whose configuration exists before the world. Only its
// digest is stored.
type knownToken struct {
	Digest  string    `json:"digest"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

var refreshTokens = store.NewTable("lucidity.refreshtoken",
	func(t *knownToken) string { return t.Digest }, store.JSON[knownToken]())

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// The kinds of minted tokens.
const (
	accessKind  = "access"
	refreshKind = "refresh"
)

// mintedToken is the content of a minted token.
type mintedToken struct {
	kind    string
	expires time.Time
}

// mint returns sim.<world>.<kind>.<expiry>.<signature>. The key of the signature is derived from the world's seed and
// nothing is stored, so that the same world, kind and expiry give the same token, and a token survives a restart or a
// reset. Anybody can derive the key: the tokens of a simulator protect nothing.
func mint(tx *store.Tx, kind string, expires time.Time) string {
	claims := tx.World() + "." + kind + "." + strconv.FormatInt(expires.UnixMilli(), 36)
	return api.OpaquePrefix + claims + "." + sign(tx, claims)
}

func sign(tx *store.Tx, claims string) string {
	mac := hmac.New(sha256.New, binary.BigEndian.AppendUint64([]byte("lucidity tokens "), tx.Seed()))
	mac.Write([]byte(claims))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// verify parses a minted token. Its error is the reason for which the token does not belong to the transaction's world.
// It does not check the expiry.
func verify(tx *store.Tx, token string) (mintedToken, error) {
	claims, ok := strings.CutPrefix(token, api.OpaquePrefix)
	parts := strings.Split(claims, ".")
	if !ok || len(parts) != 4 {
		return mintedToken{}, errors.New("it was not issued by this service")
	}
	if parts[0] != tx.World() {
		return mintedToken{}, fmt.Errorf("it was issued for the world %q, but the request goes to %q", parts[0], tx.World())
	}
	at := strings.LastIndexByte(claims, '.')
	if !hmac.Equal([]byte(sign(tx, claims[:at])), []byte(claims[at+1:])) {
		return mintedToken{}, errors.New("its signature is invalid")
	}
	ms, err := strconv.ParseInt(parts[2], 36, 64)
	if err != nil {
		return mintedToken{}, errors.New("its expiry is malformed")
	}
	return mintedToken{kind: parts[1], expires: time.UnixMilli(ms).UTC()}, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// MintToken returns a refresh token of 30 days, as an administrator's dashboard does, and an access token of 15
// minutes. The requested duration is that of the refresh token; the access token never outlives it. Lucidity's tokens
// have no roles: MintToken returns an *strict.Error for a request with one.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	switch {
	case q.Role != "":
		return nil, &strict.Error{Path: "role", Detail: fmt.Sprintf(
			"must be empty, not %q: Lucidity's tokens have no roles", q.Role)}
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("must be positive, not %s", q.TTL)}
	case q.TTL == 0:
		q.TTL = refreshTTL
	}
	end := tx.Now.Add(q.TTL)
	return api.Unsigned(map[string]string{
		"refreshToken": mint(tx, refreshKind, end),
		"token":        mint(tx, accessKind, earlier(tx.Now.Add(accessTTL), end)),
	}), nil
}

// bodyToken returns the refresh token of a request, which names its world.
func bodyToken(r *api.Request) string {
	if r.Operation.Name != "RefreshToken" {
		return ""
	}
	var q refreshTokenRequest
	if err := api.DecodePlain(r.Body(), &q); err != nil {
		return ""
	}
	return q.RefreshToken
}
