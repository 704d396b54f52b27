package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/idp"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// issuerURL returns the URL of the world's identity provider at the address that the caller used.
func issuerURL(r *call) string {
	scheme := "http"
	if r.http.TLS != nil {
		scheme = "https"
	}
	return idp.URL(scheme+"://"+r.http.Host+api.PathPrefix(r.http.Context()), r.param("world"))
}

// atIssuer runs fn in the world of the identity provider. An unknown world is a 404; an identity provider that is down
// is a 503.
func atIssuer(c *Control, r *call, fn func(tx *store.Tx) error) error {
	err := c.Engine.View(r.param("world"), r.by(), fn)
	if errors.Is(err, idp.ErrDown) {
		return &Problem{Status: http.StatusServiceUnavailable, Detail: err.Error()}
	}
	return err
}

func getIdpDiscovery(c *Control, r *call) (idp.Document, error) {
	return idp.Describe(issuerURL(r)), atIssuer(c, r, idp.Up)
}

func getIdpKeys(c *Control, r *call) (idp.KeySet, error) {
	var keys idp.KeySet
	err := atIssuer(c, r, func(tx *store.Tx) (err error) {
		keys, err = c.issuer.Keys(tx)
		return err
	})
	return keys, err
}

// idpToken is the response of the token endpoint (RFC 6749, section 5.1).
type idpToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds of the world's clock
}

// idpTokenTTL is the default lifetime of a token, as in ADFS.
const idpTokenTTL = time.Hour

// maxIdpClaims is the maximum size of the claims of a token, in bytes, so that the token fits into a header.
const maxIdpClaims = 4096

// idpTokenForm are the parameters of the token endpoint. In addition to RFC 6749 it takes resource, the audience;
// claims, a JSON object of additional claims; and ttl, a duration.
var idpTokenForm = [...]string{
	"claims", "client_id", "client_secret", "grant_type", "password", "resource", "scope", "ttl", "username",
}

// createIdpToken is the token endpoint of a world's identity provider. It accepts any client with any secret and any
// user with any password.
func createIdpToken(c *Control, r *call) (idpToken, error) {
	text, err := r.body()
	if err != nil {
		return idpToken{}, err
	}
	form, err := url.ParseQuery(strings.TrimSpace(string(text)))
	if err != nil {
		return idpToken{}, &strict.Error{
			Detail: "the body is not a form (application/x-www-form-urlencoded): " + err.Error()}
	}
	for name, values := range form {
		if !slices.Contains(idpTokenForm[:], name) {
			return idpToken{}, &strict.Error{Path: name, Valid: idpTokenForm[:],
				Detail: "is not a parameter of the token endpoint"}
		}
		if len(values) > 1 {
			return idpToken{}, &strict.Error{Path: name, Detail: "is given twice"}
		}
	}
	grant, err := idpGrant(r, form)
	if err != nil {
		return idpToken{}, err
	}
	answer := idpToken{TokenType: "Bearer", ExpiresIn: int64(grant.TTL / time.Second)}
	err = atIssuer(c, r, func(tx *store.Tx) (err error) {
		answer.AccessToken, err = c.issuer.Token(tx, grant)
		return err
	})
	return answer, err
}

// idpGrant reads the contents of the token from the form. The client is in the form or in a header Authorization:
// Basic.
func idpGrant(r *call, form url.Values) (idp.Grant, error) {
	g := idp.Grant{Issuer: issuerURL(r), ClientID: form.Get("client_id"), Audience: form.Get("resource"), TTL: idpTokenTTL}
	if id, _, ok := r.http.BasicAuth(); ok && g.ClientID == "" {
		g.ClientID = id
		if plain, err := url.QueryUnescape(id); err == nil { // RFC 6749, section 2.3.1
			g.ClientID = plain
		}
	}
	if g.ClientID == "" {
		return g, &strict.Error{Path: "client_id",
			Detail: "is missing; give it in the form or in a header Authorization: Basic"}
	}
	switch kind := form.Get("grant_type"); kind {
	case idp.ClientCredentials:
	case idp.Password:
		if g.Username = form.Get("username"); g.Username == "" {
			return g, &strict.Error{Path: "username", Detail: "is missing; the grant " + idp.Password + " needs it"}
		}
	default:
		return g, &strict.Error{Path: "grant_type", Valid: []string{idp.ClientCredentials, idp.Password},
			Detail: fmt.Sprintf("%q is not a grant type", kind)}
	}
	if text := form.Get("ttl"); text != "" {
		var err error
		if g.TTL, err = duration("ttl", text); err != nil {
			return g, err
		}
	}
	var err error
	g.Claims, err = idpClaims(form.Get("claims"))
	return g, err
}

func idpClaims(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var claims map[string]any
	if err := json.Unmarshal([]byte(text), &claims); err != nil || len(text) > maxIdpClaims {
		return nil, &strict.Error{Path: "claims", Detail: fmt.Sprintf("must be a JSON object of at most %d bytes",
			maxIdpClaims)}
	}
	for _, name := range idp.Reserved() {
		if _, ok := claims[name]; ok {
			return nil, &strict.Error{Path: "claims." + name, Detail: "is set by the identity provider"}
		}
	}
	return claims, nil
}
