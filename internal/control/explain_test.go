package control_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/control/explaintest"
	"storagesim/internal/refusal"
)

// provoked is a request that fails with a cause of its kind, and the requests before it.
type provoked struct {
	kind          refusal.CauseKind
	before        []step
	status        int
	method, path  string
	body          string
	header        []string
	member, value string // of the cause
	works         string // part of what would have worked
}

type step struct{ method, path, body string }

var provocations = []provoked{
	{kind: refusal.Guard, status: 503, method: http.MethodDelete, path: volumesPath + "/?name=v", member: ".by",
		value: "req-1",
		works: "/release completes"},
	{kind: refusal.ETag, before: []step{{http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`}}, status: 412,
		method: http.MethodPut,
		path:   volumesPath + "/?name=v", body: `{"size":"2GiB"}`, header: []string{"If-Match",
			"1"}, member: ".changedBy", value: "timer lightbits.volume.ready", works: "If-Match: 2"},
	{kind: refusal.ETag, status: 412, method: http.MethodDelete, path: "/api/v2/projects/default",
		header: []string{"If-Match", "7"},
		member: ".changedBy", value: "fixture", works: "If-Match: 1"},
	{kind: refusal.ETag, before: []step{{http.MethodPost, "/api/v2/projects", `{"name":"p"}`}}, status: 412,
		method: http.MethodDelete,
		path:   "/api/v2/projects/p", header: []string{"If-Match",
			"7"}, member: ".changedBy", value: "req-2", works: "If-Match: 1"},
	{kind: refusal.Permission, status: 403, method: http.MethodDelete, path: volumesPath + "/?name=v",
		header: []string{"Authorization", "viewer"},
		member: ".action", value: "delete", works: "may delete volumes in the project default"},
	{kind: refusal.Credential, status: 401, method: http.MethodGet, path: volumesPath,
		header: []string{"Authorization", ""},
		member: ".token", value: "the header Authorization is missing", works: "POST /_sim/tokens"},
	{kind: refusal.Value, status: 400, method: http.MethodPost, path: volumesPath,
		body:   `{"name":"w","size":"1GiB","replicaCount":99,"acl":{"values":["ALLOW_ANY"]}}`,
		member: ".member", value: "replicaCount", works: "the response says which values are valid"},
	{kind: refusal.Missing, status: 404, method: http.MethodGet, path: volumesPath + "/?name=w", member: ".names[0]",
		value: "w", works: "v"},
	{kind: refusal.Exists, status: 409, method: http.MethodPost, path: volumesPath,
		body:   `{"name":"v","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`,
		member: ".state", value: "Creating", works: "another name"},
	{kind: refusal.Condition, status: 412, method: http.MethodPost, path: "/api/v2/cluster/encryption/enable",
		body:   `{"keyStore":"tpm"}`,
		member: ".setting", value: "cluster-encryption", works: "once cluster-encryption is on"},
	{kind: refusal.Limit, status: 413, method: http.MethodPost, path: volumesPath, body: strings.Repeat(" ", 1<<20+1),
		member: ".limit", value: "1048576", works: "at most 1048576 bytes"},
	{kind: refusal.Unreachable,
		before: []step{{http.MethodPost, "/_sim/actions/lightbits/partition-cluster",
			`{"cluster":"east","unreachable":true}`}},
		status: 503, method: http.MethodGet, path: volumesPath, member: ".cluster", value: "east",
		works: `"unreachable":false`},
	{kind: refusal.Rule,
		before: []step{{http.MethodPost, "/_sim/faults",
			`{"id":"f","match":{"operation":"lightbits.ListVolumes"},"effect":{"status":401}}`}},
		status: 401, method: http.MethodGet, path: volumesPath, member: ".effects[0]",
		value: "before the operation: status 401", works: "without the fault"},
	{kind: refusal.InvalidFault, status: 400, method: http.MethodGet, path: volumesPath,
		header: []string{"X-Sim-Fault", "418"},
		member: ".valid[0]", value: "200", works: "one of: 200"},
	{kind: refusal.Route, status: 404, method: http.MethodGet, path: "/api/v2/project/default/volumes", member: ".path",
		value: "/api/v2/project/default/volumes",
		works: "GET /api/v2/projects/{projectName}/volumes"},
	{kind: refusal.World, status: 404, method: http.MethodGet, path: volumesPath,
		header: []string{"X-Sim-World", "nowhere"}, member: ".world", value: "nowhere",
		works: "POST /_sim/worlds"},
	{kind: refusal.Cluster, status: 404, method: http.MethodGet, path: volumesPath,
		header: []string{"X-Sim-Cluster", "south"}, member: ".there[0]", value: "east",
		works: "one of the clusters east, west"},
}

// Each kind of cause occurs, with its members and its status.
func TestExplain_EachKindOfCause(t *testing.T) {
	left := explaintest.Kinds()
	for _, p := range provocations {
		t.Run(string(p.kind)+" "+p.method+" "+p.path, func(t *testing.T) {
			s := lightbitsServer(t)
			token := s.Must(200, http.MethodPost, "/_sim/tokens",
				`{"vendor":"lightbits","role":"default:viewer"}`).Text(".token")
			for _, b := range p.before {
				require.Less(t, s.Do(b.method, b.path, b.body).Status, 300)
			}
			for i := range p.header {
				p.header[i] = strings.ReplaceAll(p.header[i], "viewer", "Bearer "+token)
			}
			a := s.Must(p.status, p.method, p.path, p.body, p.header...)
			s.Explained(a)
			e := explain(s, a)
			require.Equal(t, string(p.kind), e.Text(".cause.kind"), e.Body)
			require.Equal(t, p.value, e.Text(".cause"+p.member), e.Body)
			require.Contains(t, e.Text(".wouldWork"), strings.ReplaceAll(p.works, `"`, `\"`))
		})
		left = slices.DeleteFunc(left, func(k refusal.CauseKind) bool { return k == p.kind })
	}
	require.Empty(t, left, "nothing is known to fail on these kinds of causes")
}

// A rule that did not cause a refusal does not hide its cause.
func TestExplain_FaultsAndRefusals(t *testing.T) {
	s := lightbitsServer(t)
	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"slow","match":{"operation":"lightbits.*"},"effect":{"latency":{"fixed":"1ms"}}}`)
	a := s.Must(404, http.MethodGet, volumesPath+"/?name=w", "")
	require.Equal(t, "slow", a.Header.Get("X-Sim-Fault"))
	s.Explained(a)
	e := explain(s, a)
	require.Equal(t, "missing", e.Text(".cause.kind"))
	require.Contains(t, e.Text(".why"), "the request names something that does not exist")
	require.Contains(t, e.Text(".why"), "a fault was also injected by slow")

	s.Must(201, http.MethodPost, "/_sim/faults",
		`{"id":"race","match":{"operation":"lightbits.UpdateVolume"},"effect":{"interloper":true}}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	a = s.Must(412, http.MethodPut, volumesPath+"/?name=v", `{"size":"2GiB"}`, "If-Match", "2")
	s.Explained(a)
	e = explain(s, a)
	require.Equal(t, "etag", e.Text(".cause.kind"))
	require.Equal(t, "fault race", e.Text(".cause.changedBy"))
}

func TestExplain_TimersChangeNamesTheClientsRequest(t *testing.T) {
	s := lightbitsServer(t)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	update := s.Must(200, http.MethodPut, volumesPath+"/?name=v", `{"size":"2GiB"}`).Header.Get("X-Sim-Request-Id")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	uuid := s.Must(200, http.MethodGet, volumesPath+"/?name=v", "").Text(".UUID")
	e := explain(s, s.Must(412, http.MethodPut, volumesPath+"/"+uuid, `{"size":"3GiB"}`, "If-Match", "1"))
	require.Equal(t, "timer lightbits.volume.updated", e.Text(".cause.changedBy"))
	require.Equal(t, update, e.Text(".cause.begunBy"))
	require.Contains(t, e.Text(".why"), "timer lightbits.volume.updated, which "+update+" began")
}

func TestExplain_SyntaxErrorHasItsByte(t *testing.T) {
	s := lightbitsServer(t)
	for body, at := range map[string]string{"{": "1", `{"name":}`: "9", `{"name":"a"`: "11"} {
		e := explain(s, s.Must(400, http.MethodPost, volumesPath, body))
		require.Equal(t, "body", e.Text(".cause.member"), body)
		require.Equal(t, at, e.Text(".cause.byte"), body)
		require.Contains(t, e.Text(".wouldWork[0]"), "valid JSON; the error is at byte "+at)
	}
}

func TestExplain_UnknownPathStaysWithTheVendor(t *testing.T) {
	s := lightbitsServer(t)
	e := explain(s, s.Must(404, http.MethodGet, "/external/foo", ""))
	require.Equal(t, "lucidity", e.Text(".cause.vendor"))
	for _, line := range e.Get(".wouldWork").([]any) {
		require.NotContains(t, line, "/app/")
	}
}
