package control_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const (
	anyToken = "Bearer hush-bearer-token"
	volumes  = "/api/v2/projects/default/volumes"
)

// The journal shows no secret that was sent to any of the four vendors.
func TestJournal_HoldsNoSecret(t *testing.T) {
	s := simtest.New(t)
	minted := s.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidlink"}`)
	lucidity := s.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lucidity"}`)
	secrets := []string{"hush", "aHVzaC11c2VyOmh1c2gtcGFzc3dvcmQ", minted.Text(".clientSecret"), minted.Text(".token"),
		lucidity.Text(".refreshToken"), lucidity.Text(".token")}
	for _, x := range []struct{ method, path, body, header, value string }{
		{http.MethodPost, volumes, `{"name":"a"}`, "Authorization", anyToken},
		{http.MethodGet, volumes + "?token=hush-in-query&name=a", "", "Cookie", "session=hush-cookie"},
		{http.MethodPost, "/api/v2/projects/default/credentials", `{"ID":"k","type":"RS256PubKey","payload":"hush-payload"}`,
			"Authorization", anyToken},
		{http.MethodPost, "/api/v2/projects/default/credentials",
			`{"ID":"k","payl` + `\u006fad":"hush-escaped","secrets":["hush-listed"]}`, "Authorization", anyToken},
		{http.MethodPost, "/api/v2/trustedHosts", `{"name":"h","hostSecret":"hush-host","targetSecret":"hush-target"}`,
			"Authorization", anyToken},
		{http.MethodPost, "/api/v2/idp", `{"clientSecret":"hush-client", "note": "hush-client again`, "Authorization",
			anyToken},
		{http.MethodPost, "/login", "", "Authorization", "Basic aHVzaC11c2VyOmh1c2gtcGFzc3dvcmQ="},
		{http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"x","password":"hush-dms"}`, "Authorization", anyToken},
		{http.MethodPost, "/oauth2/token", "grant_type=client_credentials&client_id=c&client_secret=" +
			minted.Text(".clientSecret"), "Content-Type", "application/x-www-form-urlencoded"},
		{http.MethodPost, "/v1/filespaces",
			`{"name":"f","rootPassword":"hush-root","accessKey":"hush-access","secretKey":"hush-key"}`, "Authorization",
			"Bearer " + minted.Text(".token")},
		{http.MethodGet, "/v1/filespaces", "", "Authorization", minted.Text(".token")},
		{http.MethodPost, "/external/client/api/v1/auth/access-token",
			`{"refreshToken":"` + lucidity.Text(".refreshToken") + `"}`, "X-Api-Key", "hush-api"},
		{http.MethodGet, "/external/client/api/v1/tenants", "", "Authorization", lucidity.Text(".token")},
	} {
		s.Do(x.method, x.path, x.body, x.header, x.value)
	}
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"r","match":{"operation":"lightbits.ListNodes","header":{"Authorization":"Basic*"}},"effect":{"status":500}}`)
	seen := s.Do(http.MethodGet, "/api/v2/nodes", "", "Authorization", anyToken).Header.Get("X-Sim-Request-Id")
	told := s.Must(200, http.MethodGet, "/_sim/requests", "").Body +
		s.Must(200, http.MethodGet, "/_sim/requests", "", "Accept", "application/har+json").Body +
		s.Must(200, http.MethodGet, "/_sim/requests/"+seen, "").Body +
		s.Must(200, http.MethodGet, "/_sim/requests/"+seen+"/explain", "").Body +
		s.Do(http.MethodPost, "/_sim/verify", `{"noUnexpected":true}`).Body
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		if at := strings.Index(told, secret); at >= 0 {
			require.Fail(t, "a secret is told", "%q in …%s…", secret, told[max(at-200, 0):min(at+100, len(told))])
		}
	}
	require.Contains(t, told, "Bearer [redacted]")
	require.Contains(t, told, `name=a`, "what is no secret is told")
}

// required are the members that HAR 1.2 requires in its objects.
var required = map[string][]string{
	"":                       {"log"},
	".log":                   {"version", "creator", "entries"},
	".log.creator":           {"name", "version"},
	".log.entries[]":         {"startedDateTime", "time", "request", "response", "cache", "timings"},
	".log.entries[].timings": {"send", "wait", "receive"},
	".log.entries[].request": {"method", "url", "httpVersion", "cookies", "headers", "queryString",
		"headersSize", "bodySize"},
	".log.entries[].request.postData": {"mimeType", "params", "text"},
	".log.entries[].response": {"status", "statusText", "httpVersion", "cookies", "headers", "content",
		"redirectURL", "headersSize", "bodySize"},
	".log.entries[].response.content":      {"size", "mimeType"},
	".log.entries[].request.headers[]":     {"name", "value"},
	".log.entries[].request.queryString[]": {"name", "value"},
	".log.entries[].response.headers[]":    {"name", "value"},
}

// requireArchive checks the members of a HAR, and counts its objects by path.
func requireArchive(t *testing.T, at string, v any, count map[string]int) {
	switch v := v.(type) {
	case map[string]any:
		count[at]++
		for _, name := range required[at] {
			require.Contains(t, v, name, at)
		}
		for name, member := range v {
			require.NotNil(t, member, at+"."+name)
			requireArchive(t, at+"."+name, member, count)
		}
	case []any:
		for _, element := range v {
			requireArchive(t, at+"[]", element, count)
		}
	}
}

func TestJournal_HAR(t *testing.T) {
	s := simtest.New(t)
	s.Do(http.MethodPost, volumes+"?a=1&b=2", `{"name":"a"}`, "Authorization", anyToken)
	s.Do(http.MethodGet, volumes, "", "Authorization", anyToken)
	s.Do(http.MethodGet, "/nowhere", "")
	answer := s.Must(200, http.MethodGet, "/_sim/requests?limit=2", "", "Accept", "text/html, application/har+json;q=0.9")
	require.Equal(t, "application/har+json", answer.Header.Get("Content-Type"))
	require.Equal(t, http.MethodGet, answer.Text(".log.entries[0].request.method"), "the filters hold")
	answer = s.Must(200, http.MethodGet, "/_sim/requests", "", "Accept", "application/har+json")
	var document any
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &document))
	count := map[string]int{}
	requireArchive(t, "", document, count)
	require.Equal(t, 3, count[".log.entries[]"])
	for at := range required {
		require.NotZero(t, count[at], at)
	}
	require.Equal(t, "1.2", answer.Text(".log.version"))
	require.Equal(t, s.URL+volumes+"?a=1&b=2", answer.Text(".log.entries[0].request.url"))
	require.JSONEq(t, `{"name":"a"}`, answer.Text(".log.entries[0].request.postData.text"))
	require.Equal(t, "application/json", s.Must(200, http.MethodGet, "/_sim/requests", "").Header.Get("Content-Type"))
}

func TestJournal_Filters(t *testing.T) {
	s := simtest.New(t)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	s.Must(200, http.MethodGet, "/api/v2/nodes", "", "Authorization", anyToken)
	s.Must(404, http.MethodGet, volumes+"/11111111-2222-4333-8444-555555555555", "", "Authorization", anyToken)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1h"}`)
	s.Must(401, http.MethodGet, "/api/v2/nodes", "")
	s.In("t").Must(200, http.MethodGet, "/api/v2/servers", "", "Authorization", anyToken)
	for query, ids := range map[string]string{
		"": "req-1 req-2 req-3", "world=*": "req-1 req-2 req-3 req-4", "operation=lightbits.ListNodes": "req-1 req-3",
		"operation=lightbits.Get*": "req-2",
		"status=401":               "req-3", "status=4xx": "req-2 req-3", "world=t": "req-4",
		"world=default&status=200": "req-1",
		"since=req-2":              "req-3", "since=req-2&world=*": "req-3 req-4", "since=2026-06-01T01:00:00Z&world=default": "req-3",
		"limit=1": "req-3",
		"limit=2": "req-2 req-3", "limit=2&before=req-3": "req-1 req-2",
	} {
		list := s.Must(200, http.MethodGet, "/_sim/requests?"+query, "")
		var found struct{ Requests []struct{ ID string } }
		require.NoError(t, json.Unmarshal([]byte(list.Body), &found))
		var got []string
		for _, x := range found.Requests {
			got = append(got, x.ID)
		}
		require.Equal(t, ids, strings.Join(got, " "), query)
	}
	for query, valid := range map[string]string{
		"operation=lightbits.ListNode": "lightbits.ListNodes", "operation=[": "is not a pattern", "status=9": "such as 4xx",
		"status=7xx": "such as 4xx",
		"world=T_":   "default", "since=yesterday": "RFC 3339", "limit=0": "above zero", "limit=many": "above zero",
		"state=x": "operation",
	} {
		require.Contains(t, s.Must(400, http.MethodGet, "/_sim/requests?"+query, "").Body, valid, query)
	}
	require.Equal(t, "req-2", s.Must(200, http.MethodGet, "/_sim/requests/req-2", "").Text(".id"))
	s.Must(404, http.MethodGet, "/_sim/requests/req-99", "")
	s.Must(200, http.MethodDelete, "/_sim/requests", "")
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/_sim/requests", "").Text(".requests"))
}

// A request to a wrong path gets the vendor's response; the journal and verify name the path that was probably meant.
func TestJournal_HintsAtTheRightPath(t *testing.T) {
	s := simtest.New(t)
	for _, x := range []struct{ method, path, words string }{
		{http.MethodGet, "/v2/projects", "lightbits.ListProjects, GET /api/v2/projects"},
		{http.MethodGet, "/projects", "GET /api/v2/projects"},
		{http.MethodGet, "/api/v1/nodes", "lightbits.ListNodes, GET /api/v2/nodes"},
		{http.MethodGet, "/filespaces", "lucidlink.ListFilespaces, GET /api/v1/filespaces"},
		{http.MethodGet, "/api/v2/service-credentials", "dms.GetServiceCredentials, GET /api/v1/service-credentials"},
		{http.MethodGet, "/api/v2//nodes", "the path has doubled slashes"},
		{http.MethodGet, "/api/v2/cluster/", "the path has a trailing slash"},
		{http.MethodGet, "/API/v2/nodes", "paths are case-sensitive"},
		{http.MethodPatch, "/api/v2/nodes", "not with the method PATCH; it accepts GET"},
	} {
		a := s.Do(x.method, x.path, "", "Authorization", anyToken)
		require.Contains(t, []int{404, 405, 501}, a.Status, x.path)
		require.NotContains(t, a.Body, "looks like", "the wire is the vendor's")
		id := a.Header.Get("X-Sim-Request-Id")
		require.Contains(t, s.Must(200, http.MethodGet, "/_sim/requests/"+id, "").Text(".hint"), x.words, x.path)
		require.Contains(t, s.Must(200, http.MethodGet, "/_sim/requests/"+id+"/explain", "").Text(".why"), x.words)
	}
	require.Contains(t, s.Must(406, http.MethodPost, "/_sim/verify", `{"noUnexpected":true}`).Body,
		"it looks like lightbits.ListProjects")
	// looking at the second takes minutes
	for _, path := range []string{"/nothing/like/it", strings.Repeat("/a", 20_000)} {
		id := s.Do(http.MethodGet, path, "").Header.Get("X-Sim-Request-Id")
		require.Nil(t, s.Must(200, http.MethodGet, "/_sim/requests/"+id, "").Get(".hint"))
	}
}

func TestJournal_UnknownPathIsLoggedWithTheNearest(t *testing.T) {
	var log bytes.Buffer
	s := simtest.New(t, func(c *simulator.Config) {
		c.Log = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.InfoLevel)
	})
	s.Must(404, http.MethodGet, "/api/v2/volums", "")
	s.Close()
	require.Contains(t, log.String(), "GET /api/v2/volums: no operation has this path; the nearest is GET /api/v2/volumes")
}
