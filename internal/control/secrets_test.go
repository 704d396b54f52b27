package control_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const (
	trustedHosts  = "/api/v2/trustedHosts"
	dmsClusters   = "/api/v1/clusters"
	lucidToken    = "/oauth2/token"
	filespaces    = "/v1/filespaces"
	lucidityToken = "/external/client/api/v1/auth/access-token"
)

// secretRequest is a request with secrets. Each contains the word hush or is a number that begins with 424242.
type secretRequest struct {
	name, method, path, body string
	header                   []string
}

func secretRequests() []secretRequest {
	long := strings.Repeat(" ", 15<<10)
	list := []secretRequest{
		{"a bearer token", http.MethodGet, volumes, "", []string{"Authorization", "Bearer hush-bearer"}},
		{"a token without a scheme", http.MethodGet, filespaces, "", []string{"Authorization", "hush-scheme"}},
		{"Basic", http.MethodPost, "/login", "", []string{"Authorization", "Basic aHVzaC11c2VyOmh1c2gtcGFzc3dvcmQ="}},
		{"a cookie", http.MethodGet, volumes, "", []string{"Cookie", "session=hush-cookie"}},
		{"a proxy's password", http.MethodGet, volumes, "", []string{"Proxy-Authorization", "Basic aHVzaDpodXNo"}},
		{"a URL in a header", http.MethodGet, volumes, "", []string{"Referer", "http://u:hush-ref@h/p?token=hush-q"}},
		{"a query", http.MethodGet, volumes + "?token=hush-query&access_token=hush-2&password=hush-3", "", nil},
		{"an encoded query", http.MethodGet, volumes + "?p%61ssword=hush%2Dquery", "", nil},
		{"a URL in a query", http.MethodGet, volumes + "?name=" + url.QueryEscape("http://u:hush-url@h/"), "", nil},
		{"a query of an unknown path", http.MethodGet, "/v2/projects?token=hush-hint&pin=42424242", "", nil},
		{"a path", http.MethodGet, "/nowhere/token=hush-path", "", nil},
		{"a URL with a query in a member", http.MethodPost, "/api/v2/servers/x/upgrade",
			`{"InstallPkgUri":"http://hush-u:hush-pw@h/p?token=hush-t"}`, nil},
		{"an escaped name", http.MethodPost, "/api/v2/projects/default/credentials", `{"payl` + `\u006fad":"hush-e"}`, nil},
		{"escaped slashes", http.MethodPost, volumes, `{"name":"http:\/\/u:hush@h"}`, nil},
		{"JSON inside", http.MethodPost, volumes, `{"name":"{\"password\":\"hush-inner\"}"}`, nil},
		{"JSON labelled as a form", http.MethodPost, "/app/init-s3",
			`{"fs":"a.b","password":"hush-pw","accessKey":"hush-ak","secretKey":"hush-sk"}`,
			[]string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"a list", http.MethodPost, volumes, `{"secrets":["hush-a",["hush-b"]]}`, nil},
		{"an object", http.MethodPost, volumes, `{"credential":{"user":"hush-a","value":"hush-b"}}`, nil},
		{"a number", http.MethodPost, volumes, `{"pin":42424242,"password":424242.5,"a":{"cardNumber":4242424242424242}}`,
			nil},
		{"a value of the wrong type", http.MethodPost, trustedHosts, `{"name":"h","hostSecret":{"a":["hush-host"]}}`, nil},
		{"broken JSON", http.MethodPost, "/api/v2/idp", `{"clientSecret":"hush-client", "note": "hush-client again`, nil},
		{"a missing quote", http.MethodPost, volumes, `{"a": "b"c", "password": "hush-desync", "tokens":["hush-l"]}`, nil},
		{"no quotes", http.MethodPost, volumes, `{password: hush bare, name: a}`, nil},
		{"YAML", http.MethodPost, volumes, "name: a\npassword: hush-yaml\n", nil},
		{"a long body", http.MethodPost, volumes, `{"a":"` + long + `","passwords":["hush-long","` +
			strings.Repeat("hush", 2000) + `"],"b":{"token":"hush-end"}}`, nil},
		{"a body beyond the limit", http.MethodPost, volumes, `{"password":"hush-413","a":"` +
			strings.Repeat("x", 1<<20) + `"}`, nil},
		{"the refresh token of a body", http.MethodPost, lucidityToken, `{"refreshToken":"hush-refresh"}`,
			[]string{"X-Api-Key", "hush-api"}},
		{"a password of a cluster", http.MethodPost, dmsClusters, `{"apiEndpoint":"x","password":"hush-dms"}`, nil},
		{"keys of a filespace", http.MethodPost, filespaces,
			`{"name":"f","rootPassword":"hush-root","accessKey":"hush-access","secretKey":"hush-key"}`, nil},
	}
	for _, contentType := range []string{"", "text/plain", "application/json", "APPLICATION/X-WWW-FORM-URLENCODED"} {
		list = append(list, secretRequest{"an OAuth form as " + contentType, http.MethodPost, lucidToken,
			"grant_type=client_credentials&client_id=c&client_secret=hush-oauth", []string{"Content-Type", contentType}})
	}
	for _, name := range []string{"password", "pwd", "passphrase", "pin", "sharedKey", "shared_key", "clientSecret",
		"hostSecret", "targetSecret", "accessToken", "refresh_token", "apiKey", "api-key", "privateKey", "private_key",
		"accessKey", "accessKeyId", "secretKey", "encryptionKey", "cardNumber", "credential", "payload", "jwt", "cvv"} {
		list = append(list, secretRequest{"the member " + name, http.MethodPost, trustedHosts,
			fmt.Sprintf(`{"name":"h","%s":"hush-m"}`, name), nil})
	}
	for _, name := range []string{"X-Auth-Token", "X-Amz-Security-Token", "X-Api-Key", "X-Vault-Token", "X-Shared-Key",
		"X-Password", "X-User-Pin", "X-Client-Secret", "X-Access-Key", "X-Credential", "X-Csrf-Token", "X-Goog-Signature"} {
		list = append(list, secretRequest{"the header " + name, http.MethodGet, volumes, "", []string{name, "hush-h"}})
	}
	return list
}

// No secret that a client sends to any vendor appears in the journal, an explanation, an event, the log, the metrics, a
// report or a listing of fault rules.
func TestSecrets_AppearNowhere(t *testing.T) {
	var log bytes.Buffer
	s := simtest.New(t, func(c *simulator.Config) {
		c.Log = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.TraceLevel)
	})
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"r","match":{"operation":"lightbits.ListVolumes","header":{"Authorization":"Basic*","X-Auth-Token":"a"}},`+
			`"effect":{"status":500}}`)
	stream := events(t, s, "?type=request,fault")
	var told strings.Builder
	for _, x := range secretRequests() {
		t.Run(x.name, func(t *testing.T) {
			header := x.header
			if !strings.Contains(strings.Join(header, " "), "Authorization") {
				header = append([]string{"Authorization", anyToken}, header...)
			}
			id := s.Do(x.method, x.path, x.body, header...).Header.Get("X-Sim-Request-Id")
			fmt.Fprint(&told, stream.next().data, "\n")
			for _, path := range []string{"", "/explain"} {
				told.WriteString(s.Must(200, http.MethodGet, "/_sim/requests/"+id+path, "").Body)
			}
			hidden(t, told.String())
		})
	}
	scenario := `{"name":"x","header":{"Authorization":"Bearer hush-scenario"},"steps":[{"id":"a","request":` +
		`"GET /api/v2/nodes?token=hush-step"}]}`
	id := s.Must(201, http.MethodPost, "/_sim/scenarios", scenario).Text(".id")
	hidden(t, s.Must(200, http.MethodGet, "/_sim/scenarios/"+id+"?wait=10s", "").Body)
	for _, path := range []string{"/_sim/requests", "/metrics", "/_sim/faults"} {
		hidden(t, s.Must(200, http.MethodGet, path, "").Body)
	}
	hidden(t, s.Must(200, http.MethodGet, "/_sim/requests", "", "Accept", "application/har+json").Body)
	hidden(t, s.Must(406, http.MethodPost, "/_sim/verify", `{"noUnexpected":true}`).Body)
	s.Close()
	require.Contains(t, log.String(), "it looks like lightbits.ListProjects")
	hidden(t, log.String())
}

func hidden(t *testing.T, told string) {
	t.Helper()
	for _, secret := range []string{"hush", "424242", "aHVzaC"} {
		if at := strings.Index(told, secret); at >= 0 {
			require.Fail(t, "a secret is told", "%q in …%s…", secret, told[max(at-300, 0):min(at+100, len(told))])
		}
	}
}
