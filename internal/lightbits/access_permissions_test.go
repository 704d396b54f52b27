package lightbits_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
	"storagesim/internal/statemachine"
)

// guarded is an operation, the permission that it needs, and a request whose status is expected with the permission.
type guarded struct {
	operation, path string // of the row
	needs           string // resource:action, as rulesJson has it
	project         string // of the request; "" for the cluster
	body            string
	status          int
}

// open are the permissions that every role grants, in any project (assumptions 21 and 22).
var open = []string{
	"versions:get", "clusterInfos:get", "nodes:get", "nodes:list", "policys:get", "policys:list", "projects:list",
}

// refused returns the roles that must not have the permission.
func (g *guarded) refused() []string {
	_, action, _ := strings.Cut(g.needs, ":")
	writes := action != "get" && action != "list"
	callers := []string{"default:nobody"}
	secret := g.needs == "trustedHostSecrets:get" || g.needs == "encryptions:get"
	if writes || secret {
		callers = append(callers, "system:viewer", "default:viewer")
	}
	if !slices.Contains(open, g.needs) {
		callers = append(callers, "other:admin")
		if g.project == "" {
			callers = append(callers, "default:admin")
		}
	}
	return callers
}

// guardedWorld is a world with a resource for every operation. ids holds the IDs in the paths, by placeholder.
type guardedWorld struct {
	*simtest.Server
	ids    map[string]string
	tokens map[string]string // by role
}

func newGuardedWorld(t *testing.T) *guardedWorld {
	w := &guardedWorld{ids: map[string]string{}, tokens: map[string]string{}}
	w.Server = simtest.New(t, func(c *simulator.Config) {
		c.Auth, c.Delays, c.Federation = "strict", statemachine.Instant, true
	})
	w.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
	w.mint(t, "expired", "system:cluster-admin", "1m")
	w.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	w.mint(t, "system:cluster-admin", "system:cluster-admin", "1h")
	w.Header.Set("Authorization", "Bearer "+w.tokens["system:cluster-admin"])
	w.Must(200, http.MethodPost, "/api/v2/projects", `{"name":"other"}`)
	for _, role := range []string{"system:viewer", "default:admin", "default:viewer", "other:admin"} {
		w.mint(t, role, role, "1h")
	}
	w.signNobody(t)
	w.tokens["forged"] = forged(t, w.tokens["default:viewer"])
	w.fill()
	return w
}

func (w *guardedWorld) mint(t *testing.T, as, role, ttl string) {
	t.Helper()
	w.tokens[as] = w.Must(200, http.MethodPost, "/_sim/tokens",
		fmt.Sprintf(`{"vendor":"lightbits","role":%q,"ttl":%q}`, role, ttl)).Text(".token")
}

// signNobody adds a valid token, signed with a credential of the project default, of a role that does not exist. It
// grants nothing.
func (w *guardedWorld) signNobody(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	payload := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	w.Must(200, http.MethodPost, "/api/v2/projects/default/credentials",
		`{"ID":"own","type":"RS256PubKey","payload":"`+payload+`"}`)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"sub": "stranger", "exp": time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), "roles": []string{"default:nobody"},
	})
	token.Header["kid"] = "default:own"
	w.tokens["default:nobody"], err = token.SignedString(key)
	require.NoError(t, err)
	w.ids["payload"], w.ids["payloadQuery"] = payload, url.QueryEscape(payload)
}

// forged returns the token with a higher role, but the same signature.
func forged(t *testing.T, token string) string {
	parts := strings.Split(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	more := strings.Replace(string(text), "default:viewer", "system:cluster-admin", 1)
	require.NotEqual(t, string(text), more)
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(more)) + "." + parts[2]
}

// fill creates the resources. They are ready at once, since delays are instant.
func (w *guardedWorld) fill() {
	id := func(name, path, body, member string) {
		w.ids[name] = w.Must(200, http.MethodPost, w.expand(path), w.expand(body)).Text(member)
	}
	flag := func(name string) { w.Must(200, http.MethodPost, "/api/v2/featureFlags/"+name+"/enable", "") }
	act := func(name, body string) { w.Must(200, http.MethodPost, "/_sim/actions/lightbits/"+name, body) }
	id("volume", "/api/v2/projects/default/volumes",
		`{"name":"v","size":"1GiB","replicaCount":3,"acl":{"values":["ALLOW_ANY"]}}`, ".UUID")
	id("snapshot", "/api/v2/projects/default/snapshots", `{"name":"s","sourceVolumeName":"v"}`, ".UUID")
	id("policy", "/api/v2/policies", `{"name":"gold","qosRateLimitPolicy":{"limitIOPS":{"readIOPSLimit":1024}}}`, ".UUID")
	id("schedule", "/api/v2/projects/default/resourcePolicies", `{"name":"hourly","resourceName":"v","schedulePolicy":`+
		`{"snapshotSchedulePolicy":{"hourlySchedule":{"hoursInCycle":1}},"retentionTime":"3h"}}`, ".UUID")
	id("endpoint", "/api/v2/adminEndpoints", `{"port":22,"ips":["10.0.0.1"]}`, ".port")
	flag("in-band-authentication")
	id("host", "/api/v2/projects/default/trustedHosts", `{"name":"h","hostNqn":"nqn.2014-08.org.nvmexpress:uuid:1"}`,
		".name")
	w.Must(200, http.MethodPut, "/api/v2/projects/default/trustedHostSecrets/h", `{"hostSecret":"secret"}`)
	id("idp", "/api/v2/cluster/IdpConfiguration", `{"name":"idp","idpIssuerURL":"https://idp.example/","type":"ADFS"}`,
		".name")
	id("client", "/api/v2/cluster/idpClientConfs", `{"name":"users","clientId":"app","idpConfigurationName":"idp",`+
		`"authzMode":"User","claimName":"group"}`, ".name")
	id("map", "/api/v2/cluster/authMaps", `{"name":"devs","identifier":"Devs","scope":"default","role":"viewer",`+
		`"idpConfigurationName":"idp"}`, ".name")
	act("connect-host", `{"hostNQN":"nqn.2014-08.org.nvmexpress:uuid:1","volume":"v","project":"default"}`)
	act("insert-device", `{"serial":"SPARE","server":"server00"}`)
	for _, server := range []string{"7f1f42a4-45a7-4f9c-8cf0-0a6d3b4a0003", "7f1f42a4-45a7-4f9c-8cf0-0a6d3b4a0004"} {
		id("target", "/api/v2/servers", fmt.Sprintf(`{"serverEndpoints":["http://10.1.0.5%s:2380"],"serverUUID":%q}`,
			server[35:], server), ".NodesUUIDs[0]")
		w.ids["server"+server[35:]] = server
	}
	w.Must(200, http.MethodPost, "/api/v2/servers/"+w.ids["server3"]+"/disable", "")
	node := w.Must(200, http.MethodGet, "/api/v2/nodes?name=server00-0", "")
	w.ids["node"], w.ids["server"] = node.Text(".nodes[0].UUID"), node.Text(".nodes[0].serverUUID")
	devices := w.Must(200, http.MethodGet, "/api/v2/nvmeDevices?nodeUUID="+w.ids["node"], "")
	w.ids["device"] = devices.Text(".NvmeDevices[0].serial")
	service := w.Must(200, http.MethodGet, "/api/v2/cf-service-credentials", "")
	w.Must(200, http.MethodPost, "/api/v2/projects/system/credentials",
		fmt.Sprintf(`{"ID":%q,"type":"RS256PubKey","payload":%q}`, service.Text(".pubKeyId"), service.Text(".pubKey")))
	id("workflow", "/api/v2/clusters", `{"apiEndpoint":"10.1.0.10:443"}`, ".workflowId")
	w.ids["cluster"] = w.Must(200, http.MethodGet, "/api/v2/clusters", "").Text(".clusters[0].id")
}

func (w *guardedWorld) expand(text string) string {
	for name, value := range w.ids {
		text = strings.ReplaceAll(text, "<"+name+">", value)
	}
	return text
}

// digest returns everything that an operation could change.
func (w *guardedWorld) digest() string {
	var all strings.Builder
	for _, path := range []string{"/_sim/resources", "/_sim/timers"} {
		all.WriteString(w.Must(200, http.MethodGet, path, "").Body)
	}
	for _, g := range guardedOperations() {
		if strings.Contains(g.needs, ":list") && g.status == 200 {
			method, path := g.request()
			all.WriteString(w.Must(200, method, w.expand(path), "").Body)
		}
	}
	return all.String()
}

func (g *guarded) request() (method, path string) {
	method, path, _ = strings.Cut(g.path, " ")
	return method, path
}

// Each operation, under each of its paths, is refused without a token, with invalid tokens, and with valid tokens that
// lack its permission. The refusal and its explanation name the cause, and nothing changes. With the permission, the
// same request is carried out.
func TestPermissions(t *testing.T) {
	w := newGuardedWorld(t)
	before := w.digest()
	w.Must(200, http.MethodPut, "/_sim/checkpoints/filled", "")
	var listed struct {
		Operations []struct{ ID, Method, Path string }
	}
	require.NoError(t, json.Unmarshal(
		[]byte(w.Must(200, http.MethodGet, "/_sim/operations?vendor=lightbits", "").Body), &listed))
	rows := guardedOperations()
	for _, op := range listed.Operations {
		if op.ID == "lightbits.CFLogin" {
			continue // needs no token
		}
		require.True(t, slices.ContainsFunc(rows, func(g guarded) bool {
			method, path := g.request()
			path, _, _ = strings.Cut(path, "?")
			return op.ID == "lightbits."+g.operation && op.Method == method && sameShape(op.Path, path)
		}), "%s %s %s is missing in guardedOperations", op.ID, op.Method, op.Path)
	}
	for _, g := range rows {
		t.Run(g.operation+" "+g.path, func(t *testing.T) {
			for how, words := range map[string]string{
				"": "the Authorization header is missing", "opaque": "not a JWT", "expired": "expired", "forged": "signature",
			} {
				w.unauthenticated(t, &g, how, words)
			}
			for _, role := range g.refused() {
				w.denied(t, &g, role)
			}
		})
	}
	require.Equal(t, before, w.digest(), "a refused request changed the world")
	for _, g := range rows {
		t.Run("allowed "+g.operation+" "+g.path, func(t *testing.T) {
			method, path := g.request()
			answer := w.Do(method, w.expand(path), w.expand(g.body))
			require.Equal(t, g.status, answer.Status, "%s", answer.Body)
			w.Must(200, http.MethodPost, "/_sim/checkpoints/filled/restore", "")
		})
	}
}

// sameShape reports whether the path matches the pattern.
func sameShape(pattern, path string) bool {
	a, b := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !strings.HasPrefix(a[i], "{") {
			return false
		}
	}
	return true
}

// explained is the explanation of a refusal.
type explained struct {
	Operation, Why string
	Status         int
	Cause          json.RawMessage
}

// ask sends the request with a token. It must be refused; ask returns the message of the refusal and its explanation.
func (w *guardedWorld) ask(t *testing.T, g *guarded, token string, status, code int) (message string, why explained) {
	t.Helper()
	method, path := g.request()
	answer := w.Must(status, method, w.expand(path), w.expand(g.body), "Authorization", token)
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &body))
	require.Len(t, body, 3)
	require.Equal(t, body["message"], body["error"])
	require.EqualValues(t, code, body["code"])
	require.Empty(t, answer.Header.Get("X-Sim-Fault"))
	explanation := w.Must(200, http.MethodGet, "/_sim/requests/"+answer.Header.Get("X-Sim-Request-Id")+"/explain", "")
	require.NoError(t, json.Unmarshal([]byte(explanation.Body), &why))
	require.Equal(t, "lightbits."+g.operation, why.Operation)
	require.Equal(t, status, why.Status)
	message = body["message"].(string)
	require.Contains(t, why.Why, strings.ReplaceAll(message, `"`, `\"`))
	return message, why
}

// unauthenticated checks the refusal of a request without a token, or with an invalid one: how is its name or text.
func (w *guardedWorld) unauthenticated(t *testing.T, g *guarded, how, words string) {
	t.Helper()
	token := ""
	if how != "" {
		token = "Bearer " + how
	}
	if w.tokens[how] != "" {
		token = "Bearer " + w.tokens[how]
	}
	message, why := w.ask(t, g, token, http.StatusUnauthorized, 16)
	require.Contains(t, message, words, how)
	require.Contains(t, why.Why, "could not be authenticated")
	require.NotEmpty(t, why.Cause)
}

// denied checks the refusal of a request with the token of a role that lacks the permission.
func (w *guardedWorld) denied(t *testing.T, g *guarded, role string) {
	t.Helper()
	message, why := w.ask(t, g, "Bearer "+w.tokens[role], http.StatusForbidden, 7)
	require.Contains(t, message, "permission denied: "+g.needs)
	require.Contains(t, message, role)
	resource, action, _ := strings.Cut(g.needs, ":")
	var missing struct{ Resource, Action, Project string }
	require.NoError(t, json.Unmarshal(why.Cause, &missing))
	require.Equal(t, resource, missing.Resource)
	require.Equal(t, action, missing.Action)
	require.Equal(t, g.project, missing.Project)
}
