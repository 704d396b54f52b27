package control_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// faultEntry is one entry of the catalog.
type faultEntry struct {
	Operation, Method, Path, ContentType string
	Status                               int
	Body                                 json.RawMessage
}

// Each documented refusal of each operation can be injected by rule, by plan and by header, over HTTP and TLS, with the
// body in the catalog and the marker.
func TestFaults_Campaign(t *testing.T) {
	s := simtest.New(t, withTLS)
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a test's own server
	s.Client.Transport.(*http.Transport).TLSClientConfig = insecure
	var catalog struct{ Faults []faultEntry }
	require.NoError(t, json.Unmarshal([]byte(s.Must(200, http.MethodGet, "/_sim/faults/catalog", "").Body), &catalog))
	require.Greater(t, len(catalog.Faults), 500)
	byOperation := map[string][]faultEntry{}
	for _, f := range catalog.Faults {
		byOperation[f.Operation] = append(byOperation[f.Operation], f)
	}
	vendors := map[string]int{}
	tokens := campaignTokens(s)
	state := func() string { return s.Must(200, http.MethodGet, "/_sim/resources", "").Body }
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	before := state()
	for operation, faults := range byOperation {
		vendor, _, _ := strings.Cut(operation, ".")
		vendors[vendor] += len(faults)
		for _, base := range []string{s.URL, s.TLSURL} {
			var steps []string
			for _, f := range faults {
				steps = append(steps, fmt.Sprintf("%q", fmt.Sprint(f.Status)))
			}
			plan := s.Must(201, http.MethodPost, "/_sim/fault-plans",
				fmt.Sprintf(`{"operations":{%q:[%s]}}`, operation, strings.Join(steps, ","))).Text(".id")
			for _, f := range faults {
				send := func(mark string, header ...string) {
					a := s.Do(f.Method, base+campaignPath(f.Path), "{}", append(header, "Authorization", tokens[vendor], "X-Authtype",
						"lucidity_access_token")...)
					require.Equal(t, f.Status, a.Status, "%s by %s: %s", operation, mark, a.Body)
					require.Equal(t, mark, a.Header.Get("X-Sim-Fault"))
					require.Equal(t, f.ContentType, a.Header.Get("Content-Type"))
					require.Equal(t, sameBut(t, f.Body, "<rule>", map[string]string{"header": "the request"}[mark], mark),
						sameBut(t, []byte(a.Body), ""),
						"%s %d by %s", operation, f.Status, mark)
				}
				s.Must(200, http.MethodPut, "/_sim/faults/armed",
					fmt.Sprintf(`{"match":{"operation":%q},"when":{"times":1},"effect":{"status":%d}}`, operation, f.Status))
				send("armed")
				send(plan, "X-Sim-Fault-Plan", plan)
				send("header", "X-Sim-Fault", fmt.Sprint(f.Status))
				send("header", "Prefer", fmt.Sprint("code=", f.Status))
			}
			require.Equal(t, "true", s.Must(200, http.MethodGet, "/_sim/fault-plans/"+plan, "").Text(".completed"))
		}
	}
	require.Len(t, vendors, 4)
	require.Equal(t, before, state(), "nothing of all this has happened")
	t.Log("refusals seen, each in four ways on two transports:", vendors)
}

// campaignTokens returns a valid Authorization header for each vendor.
func campaignTokens(s *simtest.Server) map[string]string {
	tokens := map[string]string{}
	for _, vendor := range []string{"lightbits", "dms", "lucidlink", "lucidity"} {
		token := "opaque"
		if a := s.Do(http.MethodPost, "/_sim/tokens", fmt.Sprintf(`{"vendor":%q}`, vendor)); a.Status == http.StatusOK {
			token = a.Text(".token")
		}
		if tokens[vendor] = token; vendor != "lucidity" { // which takes the bare token
			tokens[vendor] = "Bearer " + token
		}
	}
	return tokens
}

// campaignPath fills a path's parameters with unknown values.
func campaignPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "00000000-0000-4000-8000-000000000000"
		}
	}
	return strings.Join(parts, "/")
}

// sameBut returns a body in which the first non-empty name replaces what, without the parts that differ in each
// response.
func sameBut(t *testing.T, body []byte, what string, names ...string) any {
	t.Helper()
	var text string
	if json.Unmarshal(body, &text) != nil {
		text = string(body)
	}
	if what != "" {
		name := strings.Fields(strings.Join(names, " "))
		if names[0] != "" {
			name = names[:1]
		}
		text = strings.ReplaceAll(strings.ReplaceAll(text, what, name[0]), `\u003crule\u003e`, name[0])
	}
	var members map[string]any
	if json.Unmarshal([]byte(text), &members) != nil {
		return text
	}
	delete(members, "trackingCode")
	delete(members, "requestId")
	return members
}
