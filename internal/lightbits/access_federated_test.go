package lightbits

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/idp"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// issuer is the configured issuer: the provider of the test's world.
const issuer = "http://sim.test/_sim/idp/" + api.DefaultWorld

// withProvider returns a cluster that accepts tokens of the world's provider. Client app-1, in mode App, is a viewer of
// the cluster; users of app-2 get roles by their groups, and clients without a configuration by their department.
func withProvider(t *testing.T, options ...option) *server {
	t.Helper()
	s := newServer(t, append([]option{withCluster("projects: [{name: acme}]"), withKeys(t)}, options...)...)
	as := token(t, "system:root", keys()[0], nil)
	const ofProvider = `,"idpConfigurationName":"idp1"}`
	for _, call := range []struct{ path, body string }{
		{"IdpConfiguration", `{"name":"idp1","idpIssuerURL":"` + issuer + `","type":"ADFS"}`},
		{"idpClientConfs", `{"name":"app","clientId":"app-1","authzMode":"App"` + ofProvider},
		{"idpClientConfs", `{"name":"users","clientId":"app-2","authzMode":"User","claimName":"group"` + ofProvider},
		{"idpClientConfs", `{"name":"rest","clientId":"NOT_APPLICABLE","authzMode":"Converge","claimName":"department"` +
			ofProvider},
		{"authMaps", `{"name":"m1","identifier":"app-1","scope":"system","role":"viewer"` + ofProvider},
		{"authMaps", `{"name":"m2","identifier":"Acme","scope":"acme","role":"admin"` + ofProvider},
		{"authMaps", `{"name":"m3","identifier":"Default","scope":"default","role":"viewer"` + ofProvider},
		{"authMaps", `{"name":"m4","identifier":"Default","scope":"acme","role":"viewer"` + ofProvider},
		{"federatedAuthentication/enable", ""},
	} {
		status, body := s.do(http.MethodPost, "/api/v2/cluster/"+call.path, as, call.body)
		require.Equal(t, 200, status, body)
	}
	s.advance(time.Second)
	return s
}

// idpToken returns a token of the world's provider.
func (s *server) idpToken(g idp.Grant) (text string) {
	s.t.Helper()
	if g.Issuer == "" {
		g.Issuer = issuer
	}
	if g.TTL == 0 {
		g.TTL = time.Hour
	}
	s.view(func(tx *store.Tx) error {
		var err error
		text, err = s.service.issuer.Token(tx, g)
		return err
	})
	return text
}

// forged returns a token for app-1 that the provider has not signed.
func (s *server) forged(method jwt.SigningMethod, key any, kid string, change jwt.MapClaims) string {
	s.t.Helper()
	claims := jwt.MapClaims{"iss": issuer, "sub": "x", "appid": "app-1", "exp": start.Add(time.Hour).Unix()}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	tok := jwt.NewWithClaims(method, claims)
	tok.Header["kid"] = kid
	text, err := tok.SignedString(key)
	require.NoError(s.t, err)
	return text
}

// providerKey returns the ID of the provider's key.
func (s *server) providerKey() (kid string) {
	s.t.Helper()
	s.view(func(tx *store.Tx) error {
		set, err := s.service.issuer.Keys(tx)
		kid = set.Keys[0].ID
		return err
	})
	return kid
}

func TestFederatedPrincipal_ForgedToken(t *testing.T) {
	s := withProvider(t, withAuth(api.AuthStrict))
	kid := s.providerKey()
	good := s.idpToken(idp.Grant{ClientID: "app-1"})
	status, body := s.do(http.MethodGet, "/api/v2/cluster", good, "")
	require.Equal(t, 200, status, body)
	provider := func(issuer string) string { return s.idpToken(idp.Grant{ClientID: "app-1", Issuer: issuer}) }
	for name, c := range map[string]struct{ token, words string }{
		"another key": {s.forged(jwt.SigningMethodRS256, keys()[1], kid, nil), "signature does not match"},
		"unknown kid": {s.forged(jwt.SigningMethodRS256, keys()[1], "k", nil), "is not a key of the identity provider"},
		"HS256":       {s.forged(jwt.SigningMethodHS256, []byte("secret"), kid, nil), "signed with HS256"},
		"unsigned": {s.forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, nil),
			"signed with none"},
		"changed":        {good[:len(good)-4] + "AAAA", "signature does not match"},
		"another issuer": {provider("http://sim.test/_sim/idp/other"), "from issuer"},
		"another host":   {provider("http://sim.test:1/_sim/idp/default"), "from issuer"},
		"no kid, no iss": {s.forged(jwt.SigningMethodRS256, keys()[1], "k", jwt.MapClaims{"iss": nil}),
			"is not of the form"},
		"iss is a number": {s.forged(jwt.SigningMethodRS256, keys()[1], "k", jwt.MapClaims{"iss": 7}),
			"the token cannot be read"},
		"signed by a credential": {s.forged(jwt.SigningMethodRS256, keys()[0], "system:root",
			jwt.MapClaims{"roles": []string{"system:cluster-admin"}}), "not a key of the identity provider"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := s.do(http.MethodGet, "/api/v2/cluster", c.token, "")
			require.Equal(t, 401, status, body)
			require.Contains(t, body, c.words)
		})
	}
}

func TestFederatedPrincipal_CredentialsStayValid(t *testing.T) {
	s := withProvider(t, withAuth(api.AuthStrict))
	tok := token(t, "system:root", keys()[0], jwt.MapClaims{"iss": "lightbits"})
	status, body := s.do(http.MethodGet, "/api/v2/cluster", tok, "")
	require.Equal(t, 200, status, body)
}

func TestFederatedPrincipal_Times(t *testing.T) {
	s := withProvider(t)
	short := s.idpToken(idp.Grant{ClientID: "app-1", TTL: time.Minute})
	later := s.idpToken(idp.Grant{ClientID: "app-1", Claims: map[string]any{"nbf": start.Add(30 * time.Minute).Unix()}})
	odd := s.idpToken(idp.Grant{ClientID: "app-1", Claims: map[string]any{"nbf": "noon"}})
	ask := func(token string) (int, string) { return s.do(http.MethodGet, "/api/v2/cluster", token, "") }
	status, _ := ask(short)
	require.Equal(t, 200, status)
	status, body := ask(later)
	require.Equal(t, 401, status)
	require.Contains(t, body, "is not valid before")
	status, body = ask(odd)
	require.Equal(t, 401, status)
	require.Contains(t, body, "nbf cannot be read")
	s.advance(31 * time.Minute)
	status, body = ask(short)
	require.Equal(t, 401, status)
	require.Contains(t, body, "the token expired at")
	status, _ = ask(later)
	require.Equal(t, 200, status)
}

func TestMapRoles(t *testing.T) {
	s := withProvider(t)
	may := func(g idp.Grant, path string) int {
		status, _ := s.do(http.MethodGet, path, s.idpToken(g), "")
		return status
	}
	groups := func(values ...any) map[string]any { return map[string]any{"group": values} }
	const acme, normal = "/api/v2/projects/acme", "/api/v2/projects/default"
	user := func(claims map[string]any) idp.Grant {
		return idp.Grant{ClientID: "app-2", Username: "u", Claims: claims}
	}
	department := func(value string) map[string]any { return map[string]any{"department": value} }
	for name, c := range map[string]struct {
		grant             idp.Grant
		acme, def, system int
	}{
		"App":                              {idp.Grant{ClientID: "app-1"}, 200, 200, 200},
		"App with a claim":                 {idp.Grant{ClientID: "app-1", Claims: groups("Acme")}, 200, 200, 200},
		"User with one group":              {user(groups("Acme")), 200, 403, 403},
		"User, claim is a text":            {user(map[string]any{"group": "Acme"}), 200, 403, 403},
		"User, two entries of a group":     {user(groups("Default")), 200, 200, 403},
		"User with two groups":             {user(groups("Acme", 7, "", "Default", "Nobody")), 200, 200, 403},
		"User without the claim":           {user(nil), 403, 403, 403},
		"User, claim has no text":          {user(groups(7, true)), 403, 403, 403},
		"User with another client's claim": {user(department("Acme")), 403, 403, 403},
		"Converge":                         {idp.Grant{ClientID: "app-3", Claims: department("Acme")}, 200, 403, 403},
		"Converge with another claim":      {idp.Grant{ClientID: "app-3", Claims: groups("Acme")}, 403, 403, 403},
		"Converge with an App's ID":        {idp.Grant{ClientID: "app-3", Claims: department("app-1")}, 200, 200, 200},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.acme, may(c.grant, acme))
			require.Equal(t, c.def, may(c.grant, normal))
			require.Equal(t, c.system, may(c.grant, "/api/v2/cluster"))
		})
	}
}

// Each cluster of a world has a configuration of its own.
func TestFederatedPrincipal_OtherClusterRefuses(t *testing.T) {
	s := withProvider(t, withSeed(func(s *Service, tx *store.Tx) error {
		if err := statemachine.AddPartition(tx, "west"); err != nil {
			return err
		}
		west := tx.In("west")
		if err := clusterTable.Insert(west, &clusterRow{UUID: "w", Name: "west", Changes: 1}); err != nil {
			return err
		}
		return s.seedProject(west, systemProject, "")
	}))
	good := s.idpToken(idp.Grant{ClientID: "app-1"})
	status, _ := s.do(http.MethodGet, "/api/v2/cluster", good, "")
	require.Equal(t, 200, status)
	status, body := s.do(http.MethodGet, "/api/v2/cluster", good, "", "X-Sim-Cluster: west")
	require.Equal(t, 401, status)
	require.Contains(t, body, "the cluster has no IdP configuration")
}

func TestFederatedStatus_PerServer(t *testing.T) {
	s := withProvider(t)
	health := func() (list []IdpHealthStatus) {
		t.Helper()
		for _, info := range decodeWire[Cluster](t, s, "/api/v2/cluster").FederatedAuthenticationStatus.IdpHealthInfos {
			list = append(list, info.IdpHealthStatus)
		}
		return list
	}
	require.Equal(t, []IdpHealthStatus{"", "", ""}, health(), "Healthy is the zero value")
	s.run("failed server", func(t *testing.T) {
		s.fireServer("server01", "fail")
		require.Equal(t, []IdpHealthStatus{"", IdpUnknown, ""}, health())
	})
	s.run("failed provider", func(t *testing.T) {
		s.must("fail-idp", "{}")
		require.Equal(t, []IdpHealthStatus{IdpUnHealthy, IdpUnknown, IdpUnHealthy}, health())
		s.must("fail-idp", "{}")
	})
	s.run("recovered provider", func(t *testing.T) {
		s.must("recover-idp", "{}")
		s.must("recover-idp", "{}")
		require.Equal(t, []IdpHealthStatus{"", IdpUnknown, ""}, health())
	})
}
