package idp_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/idp"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

func TestWorldOf(t *testing.T) {
	for issuer, want := range map[string]string{
		"http://127.0.0.1:8080/_sim/idp/default": "default",
		"https://sim.example/_sim/idp/t1":        "t1",
		"https://sim.example/_sim/idp/t1/":       "",
		"https://sim.example/_sim/idp/":          "",
		"https://adfs.example.com/adfs":          "",
		"https://adfs.example.com":               "",
		"://":                                    "",
		"":                                       "",
	} {
		world, ok := idp.WorldOf(issuer)
		require.Equal(t, want != "", ok, issuer)
		if ok {
			require.Equal(t, want, world)
		}
	}
}

// fetchKey fetches the discovery document and the key with the issuer's URL only, as any client does.
func fetchKey(t *testing.T, s *simtest.Server, issuer string) (tokenURL, kid string, key *rsa.PublicKey) {
	t.Helper()
	var doc struct {
		Issuer        string
		TokenEndpoint string `json:"token_endpoint"`
		KeysURI       string `json:"jwks_uri"`
	}
	require.NoError(t,
		json.Unmarshal([]byte(s.Must(200, http.MethodGet, issuer+"/.well-known/openid-configuration", "").Body), &doc))
	require.Equal(t, issuer, doc.Issuer)
	var set struct {
		Keys []struct{ Kty, Kid, N, E string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.Must(200, http.MethodGet, doc.KeysURI, "").Body), &set))
	require.Len(t, set.Keys, 1)
	number := func(text string) *big.Int {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		return new(big.Int).SetBytes(raw)
	}
	k := set.Keys[0]
	return doc.TokenEndpoint, k.Kid, &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}
}

func TestIssuer_TokenVerifiesWithPublishedKey(t *testing.T) {
	s := simtest.New(t)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
	issuer := idp.URL(s.URL, "default")
	tokenURL, kid, key := fetchKey(t, s, issuer)

	form := url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {"alice"}, "password": {"x"},
		"resource": {"urn:lightbits"},
		"claims":   {`{"group":["a","b"]}`}, "scope": {"openid"}, "ttl": {"90s"}}
	a := s.Must(200, http.MethodPost, tokenURL, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, "90", a.Text(".expires_in"))
	claims := jwt.MapClaims{}
	parsed, err := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{"RS256"})).
		ParseWithClaims(a.Text(".access_token"), claims, func(*jwt.Token) (any, error) { return key, nil })
	require.NoError(t, err, "the published key verifies it")
	require.Equal(t, kid, parsed.Header["kid"])
	require.Equal(t, issuer, claims["iss"])
	require.Equal(t, "alice", claims["sub"])
	require.Equal(t, "alice", claims["upn"])
	require.Equal(t, "app", claims["appid"])
	require.Equal(t, "urn:lightbits", claims["aud"])
	require.Equal(t, []any{"a", "b"}, claims["group"])
	require.InDelta(t, 90, claims["exp"].(float64)-claims["iat"].(float64), 0)
	again := s.Must(200, http.MethodPost, tokenURL, form.Encode())
	require.Equal(t, a.Body, again.Body, "the same grant at the same instant gives the same token")

	// The client authenticates in a header, which OAuth libraries try first.
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape("app:1")+":secret"))
	a = s.Must(200, http.MethodPost, tokenURL, "grant_type=client_credentials", "Authorization", basic)
	_, _, err = jwt.NewParser().ParseUnverified(a.Text(".access_token"), claims)
	require.NoError(t, err)
	require.Equal(t, "app:1", claims["appid"])

	s.Must(400, http.MethodPost, tokenURL, "grant_type=client_credentials&client_id=a&client_id=b")
	s.Must(400, http.MethodPost, tokenURL, "%zz")
	s.Must(400, http.MethodPost, tokenURL,
		"grant_type=client_credentials&client_id=a&claims="+url.QueryEscape(`{"x":"`+strings.Repeat("x", 5000)+`"}`))
	s.Must(405, http.MethodGet, tokenURL, "")

	s.Restart(func(c *simulator.Config) { c.AdminToken = "secret" })
	_, kidThen, keyThen := fetchKey(t, s, idp.URL(s.URL, "default"))
	require.Equal(t, kid, kidThen)
	require.Equal(t, key, keyThen)
	s.Must(200, http.MethodPost, "/_sim/idp/default/token", "grant_type=client_credentials", "Authorization", basic)
}

// A token selects the world that it was issued in, and no other world accepts it.
func TestIssuer_TokenSelectsItsWorld(t *testing.T) {
	s := simtest.New(t)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1","seed":7}`)
	tokenURL, _, _ := fetchKey(t, s, idp.URL(s.URL, "t1"))

	w := s.In("t1")
	w.Header.Set("Authorization", "Bearer opaque")
	for path, body := range map[string]string{
		"/api/v2/cluster/IdpConfiguration": `{"name":"idp1","idpIssuerURL":"` + idp.URL(s.URL, "t1") +
			`","type":"ADFS"}`,
		"/api/v2/cluster/federatedAuthentication/enable": "",
	} {
		w.Must(200, http.MethodPost, path, body)
	}
	w.Must(200, http.MethodPost, "/_sim/resources/lightbits.idpConfiguration/idp1/release", "")
	w.Must(200, http.MethodPost, "/api/v2/cluster/idpClientConfs",
		`{"name":"app","clientId":"app","idpConfigurationName":"idp1","authzMode":"App"}`)
	w.Must(200, http.MethodPost, "/api/v2/cluster/authMaps",
		`{"name":"m","identifier":"app","scope":"system","role":"viewer","idpConfigurationName":"idp1"}`)
	tok := s.Must(200, http.MethodPost, tokenURL, "grant_type=client_credentials&client_id=app").Text(".access_token")
	a := s.Must(200, http.MethodGet, "/api/v2/cluster", "", "Authorization", "Bearer "+tok)
	require.Equal(t, "t1", a.Header.Get("X-Sim-World"))
	s.Must(401, http.MethodGet, "/api/v2/cluster", "", "Authorization", "Bearer "+tok, "X-Sim-World", "default")
}
