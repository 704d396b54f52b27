package lucidlink

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// createAccessToken is the operation that follows OAuth 2 instead of the rest of the API.
const createAccessToken = "CreateAccessToken"

func (s *Service) tokenOperations() []api.Operation {
	return []api.Operation{
		{Name: createAccessToken, Method: http.MethodPost, Path: "/oauth2/token", Statuses: []int{200},
			Further: []int{400}, Endpoint: api.Handle(s.createAccessToken), Consumes: "application/x-www-form-urlencoded"},
	}
}

// tokenLife is the lifetime of an access token on the world's clock (facts/dms-lucidlink-lucidity.md 1.1).
const tokenLife = time.Hour

// Client is a pair of credentials of an account, as the vendor's support issues them.
type Client struct {
	ID      string `json:"clientId"`
	Secret  string `json:"clientSecret"`
	Account string `json:"account"`
}

var clients = store.NewTable("lucidlink.client", func(c *Client) string { return c.ID }, store.JSON[Client]())

// TokenRefusal is the cause of a refused token request. Error is the code of RFC 6749, 5.2.
type TokenRefusal struct {
	Error  string `json:"error"`
	Client string `json:"client,omitempty"`
}

// CauseKind returns refusal.Credential for an unknown client, and refusal.Value for a request that violates RFC 6749.
func (t TokenRefusal) CauseKind() refusal.CauseKind {
	if t.Error == "invalid_client" {
		return refusal.Credential
	}
	return refusal.Value
}

func refuseGrant(code, client, format string, args ...any) error {
	return refusal.New(refusal.InvalidArgument, format, args...).Because(TokenRefusal{Error: code, Client: client})
}

type accessTokenRequest struct {
	GrantType    string `json:"grant_type" required:""`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope"`
}

type accessTokenResponse struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	TokenType   string `json:"token_type"`
}

// createAccessToken implements the client credentials grant of RFC 6749, 4.4. The client authenticates with Basic or in
// the form. Every error is a 400 (facts/dms-lucidlink-lucidity.md 1.1).
func (s *Service) createAccessToken(tx *store.Tx, r *api.Request, q *accessTokenRequest) (accessTokenResponse, error) {
	var none accessTokenResponse
	if q.GrantType == "" {
		return none, refuseGrant("invalid_request", "",
			"grant_type is missing; send a form with grant_type=client_credentials")
	}
	id, secrets, err := presented(r, q)
	if err != nil {
		return none, err
	}
	client, err := clients.Get(tx, id)
	known := err == nil && (equal(client.Secret, secrets[0]) || equal(client.Secret, secrets[1]))
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return none, err
	case !known:
		return none, refuseGrant("invalid_client", id, "the client is unknown or its secret is wrong")
	case q.GrantType != "client_credentials":
		return none, refuseGrant("unsupported_grant_type", id,
			"grant_type %q is not supported; use client_credentials", clip(q.GrantType))
	case q.Scope != "":
		return none, refuseGrant("invalid_scope", id, "scopes are not supported; omit scope")
	}
	return accessTokenResponse{
		AccessToken: newToken(tx, client.ID, tokenLife), ExpiresIn: int64(tokenLife / time.Second), TokenType: "Bearer",
	}, nil
}

// presented returns the client's credentials from either the header or the form (RFC 6749, 2.3). It returns the secret
// twice: as it was sent, because curl does not escape it, and unescaped, as the RFC requires.
func presented(r *api.Request, q *accessTokenRequest) (id string, secrets [2]string, err error) {
	if r.HTTP.Header.Get("Authorization") == "" {
		if q.ClientID == "" {
			return "", secrets, refuseGrant("invalid_request", "",
				"no client: send its ID and secret with Basic, or as client_id and client_secret")
		}
		return q.ClientID, [2]string{q.ClientSecret, q.ClientSecret}, nil
	}
	id, secret, ok := r.HTTP.BasicAuth()
	switch {
	case !ok:
		return "", secrets, refuseGrant("invalid_request", "",
			"the Authorization header must be Basic with the client's ID and secret")
	case q.ClientSecret != "" || q.ClientID != "" && q.ClientID != id:
		return "", secrets, refuseGrant("invalid_request", id,
			"the client authenticates twice, in the header and in the form; send only one")
	}
	if plain, err := url.QueryUnescape(id); err == nil {
		id = plain
	}
	unescaped, err := url.QueryUnescape(secret)
	if err != nil {
		unescaped = secret
	}
	return id, [2]string{secret, unescaped}, nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// newToken returns a token of the form sim.<world>.<payload>.<mac>. The payload is the time of expiry in milliseconds
// and the client's ID. The key of the MAC is derived from the world's seed. Nothing is stored for a token, so that
// issuing tokens does not make a world grow.
func newToken(tx *store.Tx, client string, life time.Duration) string {
	payload := binary.BigEndian.AppendUint64(nil, uint64(tx.Now.Add(life).UnixMilli()))
	signed := api.OpaquePrefix + tx.World() + "." + base64.RawURLEncoding.EncodeToString(append(payload, client...))
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(tx, signed))
}

func sign(tx *store.Tx, text string) []byte {
	key := sha256.Sum256(fmt.Appendf(nil, "lucidlink token key %d", tx.Seed()))
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// verify returns the account of a token of newToken that is valid in the transaction's world at its present.
func (s *Service) verify(tx *store.Tx, token string) (account string, err error) {
	signed, mac := cutLast(token, ".")
	given, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(given, sign(tx, signed)) {
		return "", illegal(Illegal{Reason: "the token was not issued by this world"})
	}
	_, text := cutLast(signed, ".")
	payload, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(payload) < 8 {
		return "", illegal(Illegal{Reason: "the token is malformed"})
	}
	id := string(payload[8:])
	if end := time.UnixMilli(int64(binary.BigEndian.Uint64(payload))).UTC(); !tx.Now.Before(end) {
		return "", illegal(Illegal{Reason: "the token expired at " + end.Format(time.RFC3339), Client: id})
	}
	client, err := clients.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", illegal(Illegal{Reason: "the token's client does not exist in this world", Client: id})
	}
	return client.Account, err
}

// cutLast cuts s around the last sep. It returns s and "" if s does not contain sep.
func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return s, ""
}

// bodyToken returns the client ID of a token request. The ID of a client that MintToken made selects its world, as a
// token does.
func bodyToken(r *api.Request) string {
	if r.Operation == nil || r.Operation.Name != createAccessToken {
		return ""
	}
	if id, _, ok := r.HTTP.BasicAuth(); ok {
		return id
	}
	form, err := url.ParseQuery(string(r.Body()))
	if err != nil {
		return ""
	}
	return form.Get("client_id")
}

// MintToken creates a client of an account and an access token for it; both name their world. The role is the account's
// name; "" means the world's first account (assumption 151). The same world, account and instant give the same
// credentials, so that minting again adds nothing. It returns an *strict.Error for an invalid request.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	tx = tx.In("")
	account := q.Role
	if account == "" {
		account = settingsOf(tx).DefaultAccount
	}
	if !s.accounts.Table().Has(tx, account) {
		return nil, &strict.Error{
			Path: "role", Detail: fmt.Sprintf("account %q does not exist", account), Valid: s.accountNames(tx),
		}
	}
	switch {
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("must be positive, not %s", q.TTL)}
	case q.TTL == 0:
		q.TTL = tokenLife
	}
	id := api.OpaquePrefix + tx.World() + "." + derived(tx, "client", account)[:26]
	client := Client{ID: id, Secret: derived(tx, "secret", account), Account: account}
	if !clients.Has(tx, client.ID) {
		if err := clients.Put(tx, &client); err != nil {
			return nil, err
		}
	}
	return api.Unsigned(map[string]string{
		"clientId": client.ID, "clientSecret": client.Secret, "token": newToken(tx, client.ID, q.TTL),
	}), nil
}

// derived returns 52 letters and digits that are derived from the world and the account: minting must not advance the
// world's random generator.
func derived(tx *store.Tx, what, account string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "lucidlink %s %d %s %s", what, tx.Seed(), tx.World(), account))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// maxClipped is the maximum number of bytes of the caller's text that a refusal repeats.
const maxClipped = 80

// clip returns the beginning of text, short enough to be repeated.
func clip(text string) string {
	if len(text) <= maxClipped {
		return text
	}
	return strings.ToValidUTF8(text[:maxClipped], "") + "…"
}
