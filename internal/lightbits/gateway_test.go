package lightbits_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the gateway does with a request before it calls its service (assumption 412).
func TestGateway(t *testing.T) {
	const volumes = "/api/v2/projects/default/volumes"
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"escaped slash": {"GET", volumes + "/a%2Fb", "", 404, "Not Found\n"},
		"unknown path":  {"GET", "/api/v2/nothing", "", 404, "Not Found\n"},
		"wrong method":  {"PATCH", volumes, "", 405, "Method Not Allowed\n"},
		"HEAD":          {"HEAD", volumes, "", 405, "Method Not Allowed\n"},
		"escaped NQN": {"GET", "/api/v2/connectedHosts/nqn.2014-08.org.nvmexpress%3Auuid%3Aa%2Fb", "", 404,
			`"host NQN \"nqn.2014-08.org.nvmexpress:uuid:a/b\" is not found"`},
		"text after the body": {"POST", volumes,
			`{"name":"v","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}} and more`, 200, `"name":"v"`},
		"two objects":       {"POST", "/api/v2/projects", `{"name":"p"}{"name":"q"}`, 200, `"name":"p"`},
		"body without end":  {"POST", "/api/v2/projects", `{"name":"p"`, 400, `"code":3`},
		"unused body":       {"POST", "/api/v2/cluster/clusterRootKey/rotate", `{bad`, 412, "no root key to rotate"},
		"bad escape":        {"GET", volumes + "?name=%zz", "", 400, `invalid URL escape \"%zz\"`},
		"semicolon":         {"GET", volumes + "?name=a;limit=3", "", 400, "invalid semicolon separator in query"},
		"bad escape of PUT": {"PUT", volumes + "/?name=%zz", `{"size":"1GiB"}`, 400, "invalid URL escape"},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			req.Header.Set("Authorization", "Bearer x")
			w := httptest.NewRecorder()
			conformant(t).Handler.ServeHTTP(w, req)
			require.Equal(t, c.status, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), c.want)
			if w.Header().Get("Content-Type") != "application/json" {
				require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			}
		})
	}
}

func TestGateway_GRPCTimeout(t *testing.T) {
	for text, status := range map[string]int{
		"x": 400, "1": 400, "10x": 400, "S": 400, "1n": 504, "999u": 504, "0S": 504, "-1H": 504, "1m": 200, "10S": 200,
		"9223372036854775807H": 200,
	} {
		t.Run(text, func(t *testing.T) {
			req := httptest.NewRequest(http.MethodGet, "/api/v2/version", nil)
			req.Header.Set("Authorization", "Bearer x")
			req.Header.Set("Grpc-Timeout", text)
			w := httptest.NewRecorder()
			conformant(t).Handler.ServeHTTP(w, req)
			require.Equal(t, status, w.Code, w.Body.String())
		})
	}
}
