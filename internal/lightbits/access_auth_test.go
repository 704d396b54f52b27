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

// keys are made once for all tests.
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

// withKeys seeds the project acme and the credentials system:root and default:cred, acme:cred with the second key.
func withKeys(t *testing.T) option {
	return withSeed(func(s *Service, tx *store.Tx) error {
		if err := s.seedProject(tx, "acme", ""); err != nil {
			return err
		}
		for kid, key := range map[string]*rsa.PrivateKey{"system:root": keys()[0], "default:cred": keys()[1], "acme:cred": keys()[1]} {
			project, id, _ := strings.Cut(kid, ":")
			if err := s.seedCredential(tx, Credential{ProjectName: project, ID: id, Type: CredsRS256PubKey, Payload: publicPEM(t, key)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// token signs claims; a change can spoil them. Claims that a change sets to nil are left out.
func token(t *testing.T, kid string, key *rsa.PrivateKey, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": "somebody", "exp": start.Add(time.Hour).Unix(), "roles": []string{"system:cluster-admin"}}
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

// as is a token of a role, signed with the key of system.
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
			require.Equal(t, want.none, ask(""))
			require.Equal(t, want.none, ask("", "Authorization: Basic YWRtaW46bGlnaHQ="))
			require.Equal(t, want.none, ask("", "Authorization: Bearer "))
			require.Equal(t, want.opaque, ask("anything"))
			require.Equal(t, want.opaque, ask("sim.default.s3cret"), "three parts, but no JWT")
			require.Equal(t, want.badJWT, ask(as(t, "system:cluster-admin")+"AA"))
			require.Equal(t, want.goodJWT, ask(as(t, "system:cluster-admin")))
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
	for name, c := range map[string]struct {
		token string
		words string // "" is a good token
	}{
		"good":              {as(t, "system:cluster-admin"), ""},
		"own project":       {token(t, "default:cred", project, jwt.MapClaims{"roles": []string{"default:admin"}}), ""},
		"aud, iss, jti":     {token(t, "system:root", system, jwt.MapClaims{"aud": "LightOS", "iss": "me", "jti": "1"}), ""},
		"nbf is now":        {token(t, "system:root", system, jwt.MapClaims{"nbf": start.Unix()}), ""},
		"expired":           {token(t, "system:root", system, jwt.MapClaims{"exp": start.Unix()}), "expired at 2040-01-02T03:04:05Z"},
		"not yet":           {token(t, "system:root", system, jwt.MapClaims{"nbf": start.Unix() + 1}), "not valid before 2040-01-02T03:04:06Z"},
		"no exp":            {token(t, "system:root", system, jwt.MapClaims{"exp": nil}), "no claim exp"},
		"no sub":            {token(t, "system:root", system, jwt.MapClaims{"sub": nil}), "no claim sub"},
		"no roles":          {token(t, "system:root", system, jwt.MapClaims{"roles": nil}), "no claim roles"},
		"roles no list":     {token(t, "system:root", system, jwt.MapClaims{"roles": "system:viewer"}), "cannot be read"},
		"role without part": {token(t, "system:root", system, jwt.MapClaims{"roles": []string{"admin"}}), `role "admin" is not of the form`},
		"exp is text":       {token(t, "system:root", system, jwt.MapClaims{"exp": "soon"}), "cannot be read"},
		"no kid":            {token(t, "", system, nil), `kid "" is not of the form`},
		"kid without part":  {token(t, "root", system, nil), `kid "root" is not of the form`},
		"unknown kid":       {token(t, "system:other", system, nil), `kid "system:other" is unknown`},
		"kid elsewhere":     {token(t, "default:root", system, nil), `kid "default:root" is unknown`},
		"wrong key":         {token(t, "system:root", project, nil), `signature does not match the key of credential "system:root"`},
		"foreign role":      {token(t, "default:cred", project, jwt.MapClaims{"roles": []string{"acme:admin"}}), `"acme:admin" cannot be granted by a credential of project "default"`},
		"system role":       {token(t, "default:cred", project, nil), `"system:cluster-admin" cannot be granted`},
		"hmac":              {hmac, "signed with HS256; only RS256"},
		"none":              {segment(`{"alg":"none","kid":"system:root"}`) + "." + segment(`{"sub":"x"}`) + ".", "signed with none; only RS256"},
		"payload no JSON":   {segment(`{"alg":"RS256","kid":"system:root"}`) + ".!!." + segment("x"), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time the token may be remembered
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

func TestAuthenticate_RemembersNothingThatChanges(t *testing.T) {
	s := newServer(t, withKeys(t))
	tok := token(t, "default:cred", keys()[1], jwt.MapClaims{"roles": []string{"default:admin"}})
	ask := func() int {
		status, _ := s.do(http.MethodGet, "/api/v2/projects/default", tok, "")
		return status
	}
	require.Equal(t, 200, ask())
	status, body := s.do(http.MethodDelete, "/api/v2/projects/default/credentials/cred", admin, "")
	require.Equal(t, 200, status, body)
	require.Equal(t, 401, ask(), "its credential is gone")

	other := func(key *rsa.PrivateKey) string {
		return fmt.Sprintf(`{"ID":"cred","type":"RS256PubKey","payload":%q}`, base64.StdEncoding.EncodeToString(publicPEM(t, key)))
	}
	status, body = s.do(http.MethodPost, "/api/v2/projects/default/credentials", admin, other(keys()[0]))
	require.Equal(t, 200, status, body)
	require.Equal(t, 401, ask(), "its credential holds another key")
	s.do(http.MethodDelete, "/api/v2/projects/default/credentials/cred", admin, "")
	s.do(http.MethodPost, "/api/v2/projects/default/credentials", admin, other(keys()[1]))
	require.Equal(t, 200, ask())
	s.advance(time.Hour)
	require.Equal(t, 401, ask(), "it has expired meanwhile")
}

// someUUID is a UUID that nothing has.
const someUUID = "11111111-1111-4111-8111-111111111111"

func TestAuthorize_Roles(t *testing.T) {
	s := newServer(t, withKeys(t))
	type asked struct{ method, path string }
	get := func(path string) asked { return asked{http.MethodGet, path} }
	for role, answers := range map[string]map[asked]int{
		"system:cluster-admin": {
			get("/api/v2/projects/acme"): 200, get("/api/v2/projects/none"): 404, get("/api/v2/projects/none/credentials"): 400,
			get("/api/v2/projects/none/roles"): 400, get("/api/v2/projects/none/roles/admin"): 404,
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
			get("/api/v2/volumes"): 403, get("/api/v2/volumes?projectName=default"): 403, get("/api/v2/volumes?projectName=acme"): 200,
			get("/api/v2/volumes/" + someUUID): 400, get("/api/v2/volumes/" + someUUID + "?projectName=acme"): 404,
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
		for what, want := range answers {
			status, body := s.do(what.method, what.path, tok, "")
			require.Equal(t, want, status, "%s %s %s: %s", role, what.method, what.path, body)
		}
	}
}

func TestAuthorize_ProjectInTheBody(t *testing.T) {
	s := newServer(t, withKeys(t))
	tok := as(t, "acme:admin")
	status, body := s.do(http.MethodPost, "/api/v2/volumes", tok, `{"projectName":"default","name":"v"}`)
	require.Equal(t, 403, status, body)
	status, body = s.do(http.MethodPost, "/api/v2/volumes?projectName=default", tok, `{"projectName":"acme","name":"v"}`)
	require.Equal(t, 403, status, "the query wins over the body: %s", body)
	status, body = s.do(http.MethodPost, "/api/v2/volumes", tok, `{"projectName":"acme","name":"?","acl":{"values":["ALLOW_ANY"]}}`)
	require.Equal(t, 400, status, body)
	require.Contains(t, body, "illegal characters")
	status, body = s.do(http.MethodPost, "/api/v2/volumes", tok, `{"projectName":`)
	require.Equal(t, 400, status, body)
}

func TestAuthorize_SeveralRolesAddUp(t *testing.T) {
	s := newServer(t, withKeys(t))
	tok := as(t, "acme:viewer", "default:admin")
	for path, want := range map[string]int{"/api/v2/projects/acme/credentials": 403, "/api/v2/projects/default/credentials": 400} {
		status, body := s.do(http.MethodPost, path, tok, "")
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
	require.EqualError(t, err, `permission denied: volumes:create in project "default" is required, but the roles acme:viewer do not grant it`)
	require.Equal(t, MissingPermission{Subject: "joe", Roles: []string{"acme:viewer"}, Resource: "volumes", Action: "create", Project: "default"},
		refusal.Of(err).Cause)
}

func TestRules_CoverTheRows(t *testing.T) {
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
		require.NotNil(t, m.get("0"), "one in use is kept")
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
			b.Fatal("not remembered")
		}
	}
}
