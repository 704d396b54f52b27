package lucidity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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

// How long tokens live on the world's clock (facts/dms-lucidlink-lucidity.md 2.1).
const (
	accessTTL  = 15 * time.Minute
	refreshTTL = 30 * 24 * time.Hour
)

func (s *Service) tokenOperations() []api.Operation {
	return []api.Operation{
		{Name: "RefreshToken", Method: http.MethodPost, Path: "/external/api/v1/auth/user-token/refresh",
			Statuses: []int{200, 400, 401, 500}, Extra: true, ReadOnly: true, Endpoint: api.HandleAs[refreshTokenBody](s.refreshToken)},
	}
}

type refreshTokenRequest struct {
	RefreshToken string `json:"refreshToken" required:"{path} is required"`
}

// refreshTokenBody is the answer; it has no envelope.
type refreshTokenBody struct {
	AccessToken string `json:"accessToken"`
}

// refreshToken answers an access token of 15 minutes for a refresh token, which stays as it is
// (facts/dms-lucidlink-lucidity.md 2.1). InvalidArgument for what is no refresh token of this world, Unauthenticated for
// one that has expired. The access token ends no later than the refresh token.
func (s *Service) refreshToken(tx *store.Tx, _ *api.Request, q *refreshTokenRequest) (bare, error) {
	if strings.TrimSpace(q.RefreshToken) == "" {
		return bare{}, invalid("refreshToken is required")
	}
	expires, err := s.refreshUntil(tx, q.RefreshToken)
	if err != nil {
		return bare{}, err
	}
	return bare{refreshTokenBody{AccessToken: mint(tx, accessKind, earlier(tx.Now.Add(accessTTL), expires))}}, nil
}

// refreshUntil answers when the refresh token ends.
func (s *Service) refreshUntil(tx *store.Tx, token string) (time.Time, error) {
	if s.auth == api.AuthOff {
		return tx.Now.Add(refreshTTL), nil
	}
	if known, err := refreshTokens.Get(tx, digest(token)); err == nil {
		if !known.Expires.IsZero() && !tx.Now.Before(known.Expires) {
			return known.Expires, expired("refresh token", known.Expires, tx.Now)
		}
		return farEnd(known.Expires, tx.Now), nil
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

// farEnd is the end of a refresh token of the fixture, which may have none.
func farEnd(expires, now time.Time) time.Time {
	if expires.IsZero() {
		return now.Add(refreshTTL)
	}
	return expires
}

// TokenCause is why a token was refused, where the vendor's words do not say it.
type TokenCause struct {
	Detail string `json:"detail"`
}

// CauseKind is refusal.Credential.
func (TokenCause) CauseKind() refusal.CauseKind { return refusal.Credential }

func expired(what string, at, now time.Time) *refusal.Error {
	return refusal.New(refusal.Unauthenticated, "the %s expired at %s; the clock shows %s", what, at.Format(time.RFC3339), now.Format(time.RFC3339))
}

// knownToken is a refresh token of the fixture, for clients whose configuration is written before the world is made. Only
// its digest is kept.
type knownToken struct {
	Digest  string    `json:"digest"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

var refreshTokens = store.NewTable("lucidity.refreshtoken", func(t *knownToken) string { return t.Digest }, store.JSON[knownToken]())

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// The kinds of minted tokens.
const (
	accessKind  = "access"
	refreshKind = "refresh"
)

// mintedToken is what a minted token says of itself.
type mintedToken struct {
	kind    string
	expires time.Time
}

// mint makes sim.<world>.<kind>.<expiry>.<signature>. Nothing is kept of it: the signature is made with a key that follows
// from the world's seed, so the same world, kind and expiry give the same token, and a restart or a reset ends none. A key
// that anybody can derive protects nothing, as suits a simulator.
func mint(tx *store.Tx, kind string, expires time.Time) string {
	claims := tx.World() + "." + kind + "." + strconv.FormatInt(expires.UnixMilli(), 36)
	return api.OpaquePrefix + claims + "." + sign(tx, claims)
}

func sign(tx *store.Tx, claims string) string {
	mac := hmac.New(sha256.New, binary.BigEndian.AppendUint64([]byte("lucidity tokens "), tx.Seed()))
	mac.Write([]byte(claims))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// verify reads a minted token. Its error says why it is none of the transaction's world; whether it has expired is for the
// caller to say.
func verify(tx *store.Tx, token string) (mintedToken, error) {
	claims, ok := strings.CutPrefix(token, api.OpaquePrefix)
	parts := strings.Split(claims, ".")
	if !ok || len(parts) != 4 {
		return mintedToken{}, fmt.Errorf("it is no token of this service")
	}
	if parts[0] != tx.World() {
		return mintedToken{}, fmt.Errorf("it was made for the world %q, the request goes to %q", parts[0], tx.World())
	}
	at := strings.LastIndexByte(claims, '.')
	if !hmac.Equal([]byte(sign(tx, claims[:at])), []byte(claims[at+1:])) {
		return mintedToken{}, fmt.Errorf("its signature is wrong")
	}
	ms, err := strconv.ParseInt(parts[2], 36, 64)
	if err != nil {
		return mintedToken{}, fmt.Errorf("its expiry cannot be read")
	}
	return mintedToken{kind: parts[1], expires: time.UnixMilli(ms).UTC()}, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// MintToken makes what an administrator's dashboard does, a refresh token of 30 days, and an access token of 15 minutes
// beside it. The duration asked for is the refresh token's; an access token never outlives it. Lucidity's tokens have no
// roles: one asked for is an *strict.Error.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	switch {
	case q.Role != "":
		return nil, &strict.Error{Path: "role", Detail: fmt.Sprintf("there is no role %q: Lucidity's tokens have none", q.Role)}
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("%s is not positive", q.TTL)}
	case q.TTL == 0:
		q.TTL = refreshTTL
	}
	end := tx.Now.Add(q.TTL)
	return api.Unsigned(map[string]string{
		"refreshToken": mint(tx, refreshKind, end),
		"token":        mint(tx, accessKind, earlier(tx.Now.Add(accessTTL), end)),
	}), nil
}

// bodyToken answers the refresh token of a request, by which its world is found.
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
