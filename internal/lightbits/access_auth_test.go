package lightbits

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// keys returns two RSA keys, which all tests share.
var keys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var pair [2]*rsa.PrivateKey
	for i := range pair {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		pair[i] = key
	}
	return pair
})

func publicPEM(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// withKeys seeds the project acme and the credentials system:root, with the first key, and default:cred and acme:cred,
// with the second.
func withKeys(t *testing.T) option {
	return withSeed(func(s *Service, tx *store.Tx) error {
		if err := s.seedProject(tx, "acme", ""); err != nil {
			return err
		}
		for kid, key := range map[string]*rsa.PrivateKey{
			"system:root": keys()[0], "default:cred": keys()[1], "acme:cred": keys()[1],
		} {
			project, id, _ := strings.Cut(kid, ":")
			c := Credential{ProjectName: project, ID: id, Type: CredsRS256PubKey, Payload: publicPEM(t, key)}
			if err := s.seedCredential(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// token returns a signed token of a cluster administrator. change replaces claims; a claim that is nil is removed.
func token(t *testing.T, kid string, key *rsa.PrivateKey, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{
		"sub": "somebody", "exp": start.Add(time.Hour).Unix(), "roles": []string{"system:cluster-admin"},
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	tok := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	tok.Header["kid"] = kid
	text, err := tok.SignedString(key)
	require.NoError(t, err)
	return text
}

// as returns a token with the roles, signed with the key of system:root.
func as(t *testing.T, roles ...string) string {
	t.Helper()
	return token(t, "system:root", keys()[0], jwt.MapClaims{"roles": roles})
}

func TestAuthenticate_Modes(t *testing.T) {
	for mode, want := range map[api.AuthMode]struct{ none, opaque, badJWT, goodJWT int }{
		api.AuthLenient: {401, 200, 401, 200},
		api.AuthStrict:  {401, 401, 401, 200},
		api.AuthOff:     {200, 200, 200, 200},
	} {
		t.Run(string(mode), func(t *testing.T) {
			s := newServer(t, withAuth(mode), withKeys(t))
			ask := func(token string, header ...string) int {
				status, _ := s.do(http.MethodGet, "/api/v2/projects/default", token, "", header...)
				return status
			}
			require.Equal(t, want.none, ask(""), "no token")
			require.Equal(t, want.none, ask("", "Authorization: Basic YWRtaW46bGlnaHQ="), "a password")
			require.Equal(t, want.none, ask("", "Authorization: Bearer "), "an empty token")
			require.Equal(t, want.opaque, ask("anything"), "an opaque token")
			require.Equal(t, want.opaque, ask("sim.default.s3cret"), "three parts that are not a JWT")
			require.Equal(t, want.badJWT, ask(as(t, "system:cluster-admin")+"AA"), "a JWT with a wrong signature")
			require.Equal(t, want.goodJWT, ask(as(t, "system:cluster-admin")), "a JWT")
		})
	}
}

func TestAuthenticate_JWT(t *testing.T) {
	s := newServer(t, withKeys(t))
	system, project := keys()[0], keys()[1]
	hs256 := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "x"})
	hs256.Header["kid"] = "system:root"
	hmac, err := hs256.SignedString(publicPEM(t, system))
	require.NoError(t, err)
	segment := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	changed := func(name string, value any) string {
		return token(t, "system:root", system, jwt.MapClaims{name: value})
	}
	withRole := func(role string) string {
		return token(t, "default:cred", project, jwt.MapClaims{"roles": []string{role}})
	}
	for name, c := range map[string]struct {
		token string
		words string // "" if the token is valid
	}{
		"valid":           {as(t, "system:cluster-admin"), ""},
		"own project":     {withRole("default:admin"), ""},
		"aud, iss, jti":   {token(t, "system:root", system, jwt.MapClaims{"aud": "LightOS", "iss": "me", "jti": "1"}), ""},
		"nbf is now":      {changed("nbf", start.Unix()), ""},
		"expired":         {changed("exp", start.Unix()), "expired at 2040-01-02T03:04:05Z"},
		"not yet valid":   {changed("nbf", start.Unix()+1), "not valid before 2040-01-02T03:04:06Z"},
		"no exp":          {changed("exp", nil), "no claim exp"},
		"no sub":          {changed("sub", nil), "no claim sub"},
		"no roles":        {changed("roles", nil), "no claim roles"},
		"roles is a text": {changed("roles", "system:viewer"), "cannot be read"},
		"no project":      {changed("roles", []string{"admin"}), `role "admin" is not of the form`},
		"exp is a text":   {changed("exp", "soon"), "cannot be read"},
		"no kid":          {token(t, "", system, nil), `kid "" is not of the form`},
		"kid, no project": {token(t, "root", system, nil), `kid "root" is not of the form`},
		"unknown kid":     {token(t, "system:other", system, nil), `kid "system:other" is unknown`},
		"other project":   {token(t, "default:root", system, nil), `kid "default:root" is unknown`},
		"wrong key": {token(t, "system:root", project, nil),
			`signature does not match the key of credential "system:root"`},
		"role elsewhere": {withRole("acme:admin"), `"acme:admin" cannot be granted by a credential of project "default"`},
		"system role":    {token(t, "default:cred", project, nil), `"system:cluster-admin" cannot be granted`},
		"HS256":          {hmac, "signed with HS256; only RS256"},
		"unsigned": {segment(`{"alg":"none","kid":"system:root"}`) + "." + segment(`{"sub":"x"}`) + ".",
			"signed with none; only RS256"},
		"payload is not JSON": {segment(`{"alg":"RS256","kid":"system:root"}`) + ".!!." + segment("x"), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time the token may be cached
				status, body := s.do(http.MethodGet, "/api/v2/projects/default", c.token, "")
				if c.words == "" {
					require.Equal(t, 200, status, body)
					continue
				}
				require.Equal(t, 401, status, body)
				require.Contains(t, body, `"code":16`)
				require.Contains(t, strings.ReplaceAll(body, `\"`, `"`), c.words)
			}
		})
	}
}

func TestAuthenticate_CachedTokenIsCheckedAgain(t *testing.T) {
	s := newServer(t, withKeys(t))
	tok := token(t, "default:cred", keys()[1], jwt.MapClaims{"roles": []string{"default:admin"}})
	ask := func() int {
		status, _ := s.do(http.MethodGet, "/api/v2/projects/default", tok, "")
		return status
	}
	deleteCredential := func() {
		s.ok(http.MethodDelete, "/api/v2/projects/default/credentials/cred", "")
	}
	createCredential := func(key *rsa.PrivateKey) {
		s.ok(http.MethodPost, "/api/v2/projects/default/credentials", fmt.Sprintf(
			`{"ID":"cred","type":"RS256PubKey","payload":%q}`, base64.StdEncoding.EncodeToString(publicPEM(t, key))))
	}
	require.Equal(t, 200, ask())
	s.run("after its credential was deleted", func(t *testing.T) {
		deleteCredential()
		require.Equal(t, 401, ask())
	})
	s.run("after its credential got another key", func(t *testing.T) {
		createCredential(keys()[0])
		require.Equal(t, 401, ask())
	})
	s.run("after its credential got its key again", func(t *testing.T) {
		deleteCredential()
		createCredential(keys()[1])
		require.Equal(t, 200, ask())
	})
	s.run("after it expired", func(t *testing.T) {
		s.advance(time.Hour)
		require.Equal(t, 401, ask())
	})
}

// someUUID is the UUID of no resource.
const someUUID = "11111111-1111-4111-8111-111111111111"

func TestAuthorize_Roles(t *testing.T) {
	s := newServer(t, withKeys(t))
	type asked struct{ method, path string }
	get := func(path string) asked { return asked{http.MethodGet, path} }
	for role, statuses := range map[string]map[asked]int{
		"system:cluster-admin": {
			get("/api/v2/projects/acme"): 200, get("/api/v2/projects/none"): 404,
			get("/api/v2/projects/none/credentials"): 400,
			get("/api/v2/projects/none/roles"):       400, get("/api/v2/projects/none/roles/admin"): 404,
		},
		"system:viewer": {
			get("/api/v2/projects/acme"): 200, get("/api/v2/policies"): 200, get("/api/v2/projects/none"): 404,
			{http.MethodDelete, "/api/v2/projects/acme"}: 403, {http.MethodPost, "/api/v2/projects"}: 403,
			{http.MethodPost, "/api/v2/projects/acme/credentials"}: 403, {http.MethodPost, "/api/v2/volumes"}: 403,
		},
		"acme:admin": {
			get("/api/v2/projects/acme"): 200, get("/api/v2/projects/default"): 403, get("/api/v2/projects/none"): 403,
			get("/api/v2/projects/?name=acme"): 200, get("/api/v2/projects/?name=default"): 403,
			get("/api/v2/projects/acme/credentials"): 200, get("/api/v2/projects/default/credentials"): 403,
			get("/api/v2/projects/acme/roles/viewer"): 200, get("/api/v2/projects/acme/roles/none"): 404,
			get("/api/v2/projects/default/credentials?projectName=acme"): 403,
			get("/api/v2/projects"): 200, get("/api/v2/policies"): 200, get("/api/v2/policies?projectName=default"): 403,
			get("/api/v2/volumes"): 403, get("/api/v2/volumes?projectName=default"): 403,
			get("/api/v2/volumes?projectName=acme"): 200,
			get("/api/v2/volumes/" + someUUID):      400, get("/api/v2/volumes/" + someUUID + "?projectName=acme"): 404,
			get("/api/v2/projects/default/resourcePolicies"): 403, get("/api/v2/projects/default/trustedHosts"): 403,
			get("/api/v2/cluster"): 403, get("/api/v2/servers"): 403, get("/api/v2/events"): 403,
			{http.MethodPost, "/api/v2/projects"}: 403, {http.MethodPut, "/api/v2/projects/acme"}: 403,
			{http.MethodDelete, "/api/v2/projects/acme"}: 403, {http.MethodPost, "/api/v2/policies"}: 403,
			{http.MethodPost, "/api/v2/projects/acme/credentials"}: 400, {http.MethodPost, "/api/v2/volumes"}: 400,
		},
		"acme:viewer": {
			get("/api/v2/projects/acme"): 200, get("/api/v2/projects/acme/credentials"): 200,
			{http.MethodPost, "/api/v2/projects/acme/credentials"}:     403,
			{http.MethodDelete, "/api/v2/projects/acme/credentials/x"}: 403,
			{http.MethodPost, "/api/v2/volumes"}:                       403,
		},
		"acme:owner":   {get("/api/v2/projects"): 403, get("/api/v2/version"): 403},
		"system:admin": {get("/api/v2/projects"): 403},
	} {
		tok := as(t, role)
		t.Run(role, func(t *testing.T) {
			for what, want := range statuses {
				status, body := s.do(what.method, what.path, tok, "")
				require.Equal(t, want, status, "%s %s: %s", what.method, what.path, body)
			}
		})
	}
}

func TestAuthorize_ProjectInTheBody(t *testing.T) {
	s := newServer(t, withKeys(t))
	tok := as(t, "acme:admin")
	for name, c := range map[string]struct {
		path, body string
		status     int
		words      string
	}{
		"project without a role": {"/api/v2/volumes", `{"projectName":"default","name":"v"}`, 403, "permission denied"},
		"query overrides body": {"/api/v2/volumes?projectName=default", `{"projectName":"acme","name":"v"}`, 403,
			"permission denied"},
		"project with a role": {"/api/v2/volumes", `{"projectName":"acme","name":"?","acl":{"values":["ALLOW_ANY"]}}`, 400,
			"illegal characters"},
		"body is not JSON": {"/api/v2/volumes", `{"projectName":`, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := s.do(http.MethodPost, c.path, tok, c.body)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.words)
		})
	}
}

func TestAuthorize_SeveralRolesAddUp(t *testing.T) {
	s := newServer(t, withKeys(t))
	tok := as(t, "acme:viewer", "default:admin")
	for project, want := range map[string]int{"acme": 403, "default": 400} {
		status, body := s.do(http.MethodPost, "/api/v2/projects/"+project+"/credentials", tok, "")
		require.Equal(t, want, status, body)
	}
	_, body := s.do(http.MethodGet, "/api/v2/projects", tok, "")
	require.Contains(t, body, `"name":"acme"`)
	require.Contains(t, body, `"name":"default"`)
	require.NotContains(t, body, `"name":"system"`)
}

func TestAuthorize_CauseNamesThePermission(t *testing.T) {
	p := newPrincipal("joe", "acme:viewer")
	err := p.denied("default", can("volumes", "create"))
	require.EqualError(t, err, `permission denied: volumes:create in project "default" is required, `+
		"but the roles acme:viewer do not grant it")
	require.Equal(t, MissingPermission{Subject: "joe", Roles: []string{"acme:viewer"}, Resource: "volumes",
		Action: "create", Project: "default"}, refusal.Of(err).Cause)
}

func TestRules_CoverAllOperations(t *testing.T) {
	needed := map[api.Permission]bool{}
	for _, op := range New(Options{}).operations() {
		if op.Needs == (api.Permission{}) {
			continue
		}
		needed[op.Needs] = true
		require.NotNil(t, ruleFor(clusterRules, op.Needs), "%s needs %v", op.Name, op.Needs)
	}
	for _, rules := range [][]rule{clusterRules, projectRules} {
		for _, r := range rules {
			for _, resource := range r.Resources {
				for _, action := range r.Actions {
					p := can(strings.TrimSuffix(resource, inEvery), action)
					require.True(t, needed[p] || p == can("nvmeDevices", "manage"), "no operation needs %v", p)
				}
			}
		}
	}
}

func TestTokenMemo_IsBounded(t *testing.T) {
	var m tokenMemo
	for i := range 5 * memoGeneration {
		m.put(fmt.Sprint(i), &verified{})
		require.NotNil(t, m.get("0"), "a token in use stays cached")
	}
	require.LessOrEqual(t, len(m.young)+len(m.old), 2*memoGeneration)
	require.Nil(t, m.get("1"))
	m.put(strings.Repeat("x", maxMemoToken+1), &verified{})
	require.Nil(t, m.get(strings.Repeat("x", maxMemoToken+1)))
}

func BenchmarkAuthenticate_JWT(b *testing.B) {
	t := new(testing.T)
	tok := as(t, "system:cluster-admin")
	checked := &verified{principal: newPrincipal("x", "system:cluster-admin"), expires: start.Add(time.Hour)}
	checkedTokens.put(tok, checked)
	b.ReportAllocs()
	for b.Loop() {
		if !isJWT(tok) || checkedTokens.get(tok) != checked {
			b.Fatal("not cached")
		}
	}
}
