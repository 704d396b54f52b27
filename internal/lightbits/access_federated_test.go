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

// issuer is the configured one in the tests.
const issuer = "http://sim.test/_sim/idp/" + api.DefaultWorld

// withProvider makes a cluster that takes tokens of the world's provider: app-1 in mode App is a viewer of the cluster, users of
// app-2 get roles by their groups, and clients without a configuration by their department.
func withProvider(t *testing.T, options ...option) *server {
	t.Helper()
	s := newServer(t, append([]option{withCluster("projects: [{name: acme}]"), withKeys(t)}, options...)...)
	as := token(t, "system:root", keys()[0], nil)
	for _, call := range []struct{ path, body string }{
		{"/api/v2/cluster/IdpConfiguration", `{"name":"idp1","idpIssuerURL":"` + issuer + `","type":"ADFS"}`},
		{"/api/v2/cluster/idpClientConfs", `{"name":"app","clientId":"app-1","idpConfigurationName":"idp1","authzMode":"App"}`},
		{"/api/v2/cluster/idpClientConfs", `{"name":"users","clientId":"app-2","idpConfigurationName":"idp1","authzMode":"User","claimName":"group"}`},
		{"/api/v2/cluster/idpClientConfs", `{"name":"rest","clientId":"NOT_APPLICABLE","idpConfigurationName":"idp1","authzMode":"Converge","claimName":"department"}`},
		{"/api/v2/cluster/authMaps", `{"name":"m1","identifier":"app-1","scope":"system","role":"viewer","idpConfigurationName":"idp1"}`},
		{"/api/v2/cluster/authMaps", `{"name":"m2","identifier":"Acme","scope":"acme","role":"admin","idpConfigurationName":"idp1"}`},
		{"/api/v2/cluster/authMaps", `{"name":"m3","identifier":"Default","scope":"default","role":"viewer","idpConfigurationName":"idp1"}`},
		{"/api/v2/cluster/authMaps", `{"name":"m4","identifier":"Default","scope":"acme","role":"viewer","idpConfigurationName":"idp1"}`},
		{"/api/v2/cluster/federatedAuthentication/enable", ""},
	} {
		status, body := s.do(http.MethodPost, call.path, as, call.body)
		require.Equal(t, 200, status, body)
	}
	s.advance(time.Second)
	return s
}

// idpToken is a token of the world's provider.
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

// forged signs claims of a token of app-1 with another method, key or kid than the provider.
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

// providerKey is the key of the world's provider, and its ID.
func (s *server) providerKey() (kid string) {
	s.t.Helper()
	s.view(func(tx *store.Tx) error {
		set, err := s.service.issuer.Keys(tx)
		kid = set.Keys[0].ID
		return err
	})
	return kid
}

func TestFederatedPrincipal_RefusesWhatIsForged(t *testing.T) {
	s := withProvider(t, withAuth(api.AuthStrict))
	kid := s.providerKey()
	good := s.idpToken(idp.Grant{ClientID: "app-1"})
	status, body := s.do(http.MethodGet, "/api/v2/cluster", good, "")
	require.Equal(t, 200, status, body)
	for name, c := range map[string]struct{ token, words string }{
		"another key":     {s.forged(jwt.SigningMethodRS256, keys()[1], kid, nil), "signature does not match"},
		"unknown kid":     {s.forged(jwt.SigningMethodRS256, keys()[1], "k", nil), "is not a key of the identity provider"},
		"HS256":           {s.forged(jwt.SigningMethodHS256, []byte("secret"), kid, nil), "signed with HS256"},
		"none":            {s.forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, nil), "signed with none"},
		"changed":         {good[:len(good)-4] + "AAAA", "signature does not match"},
		"another issuer":  {s.idpToken(idp.Grant{ClientID: "app-1", Issuer: "http://sim.test/_sim/idp/other"}), "from issuer"},
		"another host":    {s.idpToken(idp.Grant{ClientID: "app-1", Issuer: "http://sim.test:1/_sim/idp/default"}), "from issuer"},
		"no kid, no iss":  {s.forged(jwt.SigningMethodRS256, keys()[1], "k", jwt.MapClaims{"iss": nil}), "is not of the form"},
		"iss of no text":  {s.forged(jwt.SigningMethodRS256, keys()[1], "k", jwt.MapClaims{"iss": 7}), "the token cannot be read"},
		"of a credential": {s.forged(jwt.SigningMethodRS256, keys()[0], "system:root", jwt.MapClaims{"roles": []string{"system:cluster-admin"}}), "not a key of the identity provider"},
	} {
		status, body := s.do(http.MethodGet, "/api/v2/cluster", c.token, "")
		require.Equal(t, 401, status, "%s: %s", name, body)
		require.Contains(t, body, c.words, name)
	}
	status, body = s.do(http.MethodGet, "/api/v2/cluster", token(t, "system:root", keys()[0], jwt.MapClaims{"iss": "lightbits"}), "")
	require.Equal(t, 200, status, "tokens of credentials are taken as before: %s", body)
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
		t.Helper()
		status, _ := s.do(http.MethodGet, path, s.idpToken(g), "")
		return status
	}
	groups := func(values ...any) map[string]any { return map[string]any{"group": values} }
	const acme, normal = "/api/v2/projects/acme", "/api/v2/projects/default"
	for name, c := range map[string]struct {
		grant             idp.Grant
		acme, def, system int
	}{
		"App":                        {idp.Grant{ClientID: "app-1"}, 200, 200, 200},
		"App, whatever it claims":    {idp.Grant{ClientID: "app-1", Claims: groups("Acme")}, 200, 200, 200},
		"User of one group":          {idp.Grant{ClientID: "app-2", Username: "u", Claims: groups("Acme")}, 200, 403, 403},
		"User, a text":               {idp.Grant{ClientID: "app-2", Username: "u", Claims: map[string]any{"group": "Acme"}}, 200, 403, 403},
		"two entries of one group":   {idp.Grant{ClientID: "app-2", Claims: groups("Default")}, 200, 200, 403},
		"two groups":                 {idp.Grant{ClientID: "app-2", Claims: groups("Acme", 7, "", "Default", "Nobody")}, 200, 200, 403},
		"User without the claim":     {idp.Grant{ClientID: "app-2", Username: "u"}, 403, 403, 403},
		"User, a claim of no text":   {idp.Grant{ClientID: "app-2", Claims: groups(7, true)}, 403, 403, 403},
		"User, another client's":     {idp.Grant{ClientID: "app-2", Claims: map[string]any{"department": "Acme"}}, 403, 403, 403},
		"Converge":                   {idp.Grant{ClientID: "app-3", Claims: map[string]any{"department": "Acme"}}, 200, 403, 403},
		"Converge, by another claim": {idp.Grant{ClientID: "app-3", Claims: groups("Acme")}, 403, 403, 403},
		"Converge, an App's ID":      {idp.Grant{ClientID: "app-3", Claims: map[string]any{"department": "app-1"}}, 200, 200, 200},
	} {
		require.Equal(t, c.acme, may(c.grant, acme), name)
		require.Equal(t, c.def, may(c.grant, normal), name)
		require.Equal(t, c.system, may(c.grant, "/api/v2/cluster"), name)
	}
}

// Each cluster of a world has a configuration of its own.
func TestFederatedPrincipal_HoldsInItsClusterOnly(t *testing.T) {
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
	s.update(func(tx *store.Tx) error {
		for _, row := range s.service.servers.Table().All(tx, "", "") {
			if row.Body.Name == "server01" {
				return s.service.servers.Fire(tx, &row, "fail")
			}
		}
		return nil
	})
	require.Equal(t, []IdpHealthStatus{"", IdpUnknown, ""}, health())
	s.must("fail-idp", "{}")
	require.Equal(t, []IdpHealthStatus{IdpUnHealthy, IdpUnknown, IdpUnHealthy}, health())
	s.must("fail-idp", "{}")
	s.must("recover-idp", "{}")
	s.must("recover-idp", "{}")
	require.Equal(t, []IdpHealthStatus{"", IdpUnknown, ""}, health())
}
