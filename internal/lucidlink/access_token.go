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

// createAccessToken is the operation that speaks OAuth 2, not the API's own words.
const createAccessToken = "CreateAccessToken"

func (s *Service) tokenOperations() []api.Operation {
	return []api.Operation{
		{Name: createAccessToken, Method: http.MethodPost, Path: "/oauth2/token", Statuses: []int{200}, Further: []int{400},
			Endpoint: api.Handle(s.createAccessToken), Consumes: "application/x-www-form-urlencoded"},
	}
}

// tokenLife is how long an access token is good, on the world's clock (facts/dms-lucidlink-lucidity.md 1.1).
const tokenLife = time.Hour

// Client is a pair of credentials of an account, as the vendor's support hands them out.
type Client struct {
	ID      string `json:"clientId"`
	Secret  string `json:"clientSecret"`
	Account string `json:"account"`
}

var clients = store.NewTable("lucidlink.client", func(c *Client) string { return c.ID }, store.JSON[Client]())

// TokenRefusal is the cause of a refused token request; Error is the code of RFC 6749, 5.2.
type TokenRefusal struct {
	Error  string `json:"error"`
	Client string `json:"client,omitempty"`
}

// CauseKind is refusal.Credential for a client that is not known, refusal.Value for a request that is not one of RFC 6749.
func (t TokenRefusal) CauseKind() refusal.CauseKind {
	if t.Error == "invalid_client" {
		return refusal.Credential
	}
	return refusal.Value
}

func refuseGrant(code, client, format string, args ...any) error {
	return refusal.New(refusal.InvalidArgument, format, args...).Because(TokenRefusal{Error: code, Client: client})
}

type accessTokenQuestion struct {
	GrantType    string `json:"grant_type" required:""`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope"`
}

type accessTokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	TokenType   string `json:"token_type"`
}

// createAccessToken is the client credentials grant of RFC 6749, 4.4. The client says who it is by Basic or in the
// form; all errors are 400 (facts/dms-lucidlink-lucidity.md 1.1).
func (s *Service) createAccessToken(tx *store.Tx, r *api.Request, q *accessTokenQuestion) (accessTokenAnswer, error) {
	var none accessTokenAnswer
	if q.GrantType == "" {
		return none, refuseGrant("invalid_request", "", "grant_type is missing; send a form with grant_type=client_credentials")
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
		return none, refuseGrant("invalid_client", id, "the client is not known or its secret is wrong")
	case q.GrantType != "client_credentials":
		return none, refuseGrant("unsupported_grant_type", id, "grant_type %q is not supported; use client_credentials", clip(q.GrantType))
	case q.Scope != "":
		return none, refuseGrant("invalid_scope", id, "this service has no scopes; leave scope out")
	}
	return accessTokenAnswer{
		AccessToken: newToken(tx, client.ID, tokenLife), ExpiresIn: int64(tokenLife / time.Second), TokenType: "Bearer",
	}, nil
}

// presented reads the client's credentials from the header or the form, not both (RFC 6749, 2.3). The secret comes as
// it was sent, as curl sends it, and unescaped, as the RFC has it; the id is the same in both.
func presented(r *api.Request, q *accessTokenQuestion) (id string, secrets [2]string, err error) {
	if r.HTTP.Header.Get("Authorization") == "" {
		if q.ClientID == "" {
			return "", secrets, refuseGrant("invalid_request", "", "no client: send its id and secret by Basic, or as client_id and client_secret")
		}
		return q.ClientID, [2]string{q.ClientSecret, q.ClientSecret}, nil
	}
	id, secret, ok := r.HTTP.BasicAuth()
	switch {
	case !ok:
		return "", secrets, refuseGrant("invalid_request", "", "the header Authorization must be Basic with the client's id and secret")
	case q.ClientSecret != "" || q.ClientID != "" && q.ClientID != id:
		return "", secrets, refuseGrant("invalid_request", id, "the client says who it is twice, in the header and in the form")
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

// A token is sim.<world>.<payload>.<mac>: the payload is the instant of its end in milliseconds and the client's id,
// the mac is made with a key that follows from the world's seed. Nothing is stored for it, so asking for tokens does
// not make a world grow.
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

// verify answers the account of a token of newToken that is good in this world at this instant.
func (s *Service) verify(tx *store.Tx, token string) (account string, err error) {
	signed, mac := cutLast(token, ".")
	given, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(given, sign(tx, signed)) {
		return "", illegal(Illegal{Reason: "the token was not given by this world"})
	}
	_, text := cutLast(signed, ".")
	payload, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(payload) < 8 {
		return "", illegal(Illegal{Reason: "the token cannot be read"})
	}
	id := string(payload[8:])
	if end := time.UnixMilli(int64(binary.BigEndian.Uint64(payload))).UTC(); !tx.Now.Before(end) {
		return "", illegal(Illegal{Reason: "the token expired at " + end.Format(time.RFC3339), Client: id})
	}
	client, err := clients.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", illegal(Illegal{Reason: "the token's client is not known in this world", Client: id})
	}
	return client.Account, err
}

// cutLast cuts around the last sep; without one all is before it.
func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return s, ""
}

// bodyToken is the client of a token request: one that was minted for a world leads there, as a token does.
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

// MintToken makes a client of an account and an access token for it, both of which name their world. The role is the account's name; "" is the world's
// first one (assumption 151). The same world, account and instant give the same credentials, so minting again adds
// nothing. What cannot be asked for is an *strict.Error.
func (s *Service) MintToken(tx *store.Tx, q api.TokenRequest) (api.Signing, error) {
	tx = tx.In("")
	account := q.Role
	if account == "" {
		account = settingsOf(tx).DefaultAccount
	}
	if !s.accounts.Table().Has(tx, account) {
		return nil, &strict.Error{Path: "role", Detail: fmt.Sprintf("there is no account %q", account), Valid: s.accountNames(tx)}
	}
	switch {
	case q.TTL < 0:
		return nil, &strict.Error{Path: "ttl", Detail: fmt.Sprintf("%s is not positive", q.TTL)}
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
		"clientId": client.ID, "clientSecret": client.Secret, "token": newToken(tx, client.ID, q.TTL)}), nil
}

// derived is a word of 52 letters and digits that follows from the world and the account, since minting must not move
// the world's generator.
func derived(tx *store.Tx, what, account string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "lucidlink %s %d %s %s", what, tx.Seed(), tx.World(), account))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// maxClipped bounds what a refusal repeats of the caller's own words.
const maxClipped = 80

// clip is a text short enough to be repeated.
func clip(text string) string {
	if len(text) <= maxClipped {
		return text
	}
	return strings.ToValidUTF8(text[:maxClipped], "") + "…"
}
