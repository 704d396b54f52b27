package dms_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"storagesim/internal/dms"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
	"storagesim/internal/statemachine"
)

// newServer starts a simulator with a frozen clock. Its requests carry an opaque token.
func newServer(t *testing.T, opts ...simtest.Option) *simtest.Server {
	t.Helper()
	s := simtest.New(t, opts...)
	s.Header.Set("Authorization", "Bearer opaque")
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2026-06-01T00:00:00Z"}`)
	return s
}

// attachBoth adds the service's key to both clusters and attaches them.
func attachBoth(t *testing.T, s *simtest.Server) (east, west string) {
	t.Helper()
	own := s.Must(200, http.MethodGet, "/api/v1/service-credentials", "")
	body := fmt.Sprintf(`{"ID":%q,"type":"RS256PubKey","payload":%q}`, own.Text(".pubKeyId"), own.Text(".pubKey"))
	ids := map[string]string{}
	for name, endpoint := range map[string]string{"east": "10.1.0.10:443", "west": "10.2.0.10:443"} {
		s.Must(200, http.MethodPost, "/api/v2/projects/system/credentials", body, "X-Sim-Cluster", name)
		s.Must(200, http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"`+endpoint+`"}`)
		ids[name] = s.Must(200, http.MethodGet, "/api/v2/cluster", "", "X-Sim-Cluster", name).Text(".UUID")
	}
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	return ids["east"], ids["west"]
}

// snapshot creates a volume of 1 GiB with data in east, and returns the UUID of a snapshot of it.
func snapshot(t *testing.T, s *simtest.Server) string {
	t.Helper()
	s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"1GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	s.Must(200, http.MethodPost, "/_sim/actions/lightbits/write-volume", `{"volume":"vol1","offset":0,"bytes":"64MiB"}`)
	id := s.Must(200, http.MethodPost, "/api/v2/projects/default/snapshots",
		`{"name":"snap1","sourceVolumeName":"vol1"}`).Text(".UUID")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	return id
}

func cloneBody(snap, from, name, to string) string {
	return fmt.Sprintf(`{"src":{"snapId":%q,"projectName":"default","clusterId":%q},`+
		`"dst":{"name":%q,"clusterId":%q},"verifyClone":true}`, snap, from, name, to)
}

func TestMachines(t *testing.T) {
	t.Parallel()
	for _, m := range dms.New(dms.Options{}, noClusters{}).Machines() {
		require.Empty(t, m.Check())
	}
}

func TestLogin_TokenVerifiesWithServiceKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	text := s.Must(200, http.MethodPost, "/login", "", "Authorization",
		"Basic "+base64.StdEncoding.EncodeToString([]byte("admin:light"))).Text(".idToken")
	own := s.Must(200, http.MethodGet, "/api/v1/service-credentials", "", "Authorization", "Bearer "+text)
	file, err := base64.StdEncoding.DecodeString(own.Text(".pubKey"))
	require.NoError(t, err)
	key, err := jwt.ParseRSAPublicKeyFromPEM(file)
	require.NoError(t, err)
	var claims jwt.MapClaims
	_, err = jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(text, &claims,
		func(*jwt.Token) (any, error) { return key, nil })
	require.NoError(t, err)
	require.Equal(t, "admin", claims["sub"])
	require.InDelta(t, 30*24*3600, claims["exp"].(float64)-claims["iat"].(float64), 0)

	signature := text[strings.LastIndex(text, ".")+1:]
	forged := strings.TrimSuffix(text, signature) + strings.ToUpper(signature)
	require.Contains(t, s.Must(401, http.MethodGet, "/api/v1/clusters", "", "Authorization", "Bearer "+forged).Body,
		"not signed by this service")
}

func TestAuth_Modes(t *testing.T) {
	t.Parallel()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:light"))
	strict := newServer(t, func(c *simulator.Config) { c.Auth = "strict" })
	strict.Must(401, http.MethodGet, "/api/v1/clusters", "")
	token := strict.Must(200, http.MethodPost, "/login", "", "Authorization", basic).Text(".idToken")
	strict.Must(200, http.MethodGet, "/api/v1/clusters", "", "Authorization", "Bearer "+token)

	off := newServer(t, func(c *simulator.Config) { c.Auth = "off" })
	off.Must(200, http.MethodGet, "/api/v1/clusters", "", "Authorization", "")
	off.Must(200, http.MethodPost, "/login", "", "Authorization", "")

	lenient := newServer(t)
	for _, header := range []string{"", "Bearer ", "Bearer", "Basic x", "opaque", "Bearer eyJ.e30.x", "Bearer ey.ey.ey"} {
		a := lenient.Must(401, http.MethodGet, "/api/v1/clusters", "", "Authorization", header)
		require.Equal(t, a.Text(".message"), a.Header.Get("WWW-Authenticate"), header)
	}
}

// Worlds with the same seed have the same key. Another seed gives another key.
func TestServiceCredentials_DependOnTheSeed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	own := func(s *simtest.Server) string {
		return s.Must(200, http.MethodGet, "/api/v1/service-credentials", "").Body
	}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"same"}`)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"other","seed":2}`)
	require.Equal(t, own(s), own(s.In("same")))
	require.NotEqual(t, own(s), own(s.In("other")))
	s.Must(200, http.MethodPut, "/_sim/checkpoints/here", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"forked","from":"here","seed":3}`)
	require.Equal(t, own(s), own(s.In("forked")), "a fork keeps the key that its clusters have")
}

func TestWorkflows_KeepsTheLastHundred(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var ids []string
	for range 130 {
		ids = append(ids, s.Must(200, http.MethodPost, "/api/v1/clusters/refresh", "").Text(".workflowId"))
	}
	seen := map[string]bool{}
	query, pages := "?pageSize=30", 0
	for at := len(ids) - 1; ; pages++ {
		page := s.Must(200, http.MethodGet, "/api/v1/workflows"+query, "")
		shown := 0
		for i := 0; page.Get(fmt.Sprintf(".workflows[%d]", i)) != nil; i++ {
			id := page.Text(fmt.Sprintf(".workflows[%d].id", i))
			require.Equal(t, ids[at], id)
			require.False(t, seen[id])
			seen[id], at = true, at-1
			shown++
		}
		if page.Text(".nextPageToken") == "" {
			break
		}
		require.Equal(t, 30, shown)
		query = "?pageSize=30&nextPageToken=" + url.QueryEscape(page.Text(".nextPageToken"))
	}
	require.Equal(t, 3, pages)
	require.Len(t, seen, 100)
	// All running workflows are kept, but only the last hundred of those that have ended.
	s.Must(200, http.MethodGet, "/api/v1/workflows/"+ids[0], "")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	last := s.Must(200, http.MethodPost, "/api/v1/clusters/refresh", "").Text(".workflowId")
	s.Must(404, http.MethodGet, "/api/v1/workflows/"+ids[30], "")
	s.Must(200, http.MethodGet, "/api/v1/workflows/"+ids[31], "")
	s.Must(200, http.MethodGet, "/api/v1/workflows/"+last, "")
}

// Without delays a clone has completed at the first poll.
func TestThickClone_InstantDelays(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *simulator.Config) { c.Delays = statemachine.Instant })
	east, west := attachBoth(t, s)
	snap := snapshot(t, s)
	for _, kind := range []string{"volumes", "snapshots"} {
		id := s.Must(200, http.MethodPost, "/api/v1/"+kind+"/thickclone",
			cloneBody(snap, east, "copy", west)).Text(".workflowId")
		done := s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "")
		require.Equal(t, "COMPLETED", done.Text(".workflow.state"), done.Body)
	}
	// A volume that never becomes ready makes the workflow fail.
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lightbits.volume.create":"held"}`)
	id := s.Must(200, http.MethodPost, "/api/v1/volumes/thickclone",
		cloneBody(snap, east, "late", west)).Text(".workflowId")
	failed := s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "")
	require.Equal(t, "FAILED", failed.Text(".workflow.state"))
	require.Contains(t, failed.Text(".workflow.msg"), "DeadlineExceeded")
	require.Equal(t, 1,
		strings.Count(s.Must(200, http.MethodGet, "/api/v2/volumes?showAll=true", "", "X-Sim-Cluster", "west").Body,
			`"name":"copy"`))
	require.NotContains(t, s.Must(200, http.MethodGet, "/api/v2/volumes?showAll=true", "", "X-Sim-Cluster", "west").Body,
		`"name":"late"`)
}

// With held delays a clone polls at growing intervals, and then fails.
func TestThickClone_PollsAndFails(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	east, west := attachBoth(t, s)
	snap := snapshot(t, s)
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lightbits.volume.create":"held"}`)
	id := s.Must(200, http.MethodPost, "/api/v1/volumes/thickclone",
		cloneBody(snap, east, "late", west)).Text(".workflowId")
	moved := s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"24h"}`)
	require.Equal(t, 12, strings.Count(moved.Body, `"event":"wait"`))
	require.Contains(t, s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "").Text(".workflow.msg"), "DeadlineExceeded")
	require.Equal(t, "{}", s.Must(200, http.MethodGet, "/api/v2/volumes?showAll=true", "", "X-Sim-Cluster", "west").Body)
}

// In the clock mode auto each stage has ended at the second poll.
func TestThickClone_ClockAuto(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	east, west := attachBoth(t, s)
	snap := snapshot(t, s)
	s.Must(200, http.MethodPut, "/_sim/delays", `{"dms.workflow.clone":"1h"}`)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"auto"}`)
	id := s.Must(200, http.MethodPost, "/api/v1/volumes/thickclone",
		cloneBody(snap, east, "copy", west)).Text(".workflowId")
	state := ""
	for range 100 {
		if state = s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "").Text(".workflow.state"); state == "COMPLETED" {
			break
		}
	}
	require.Equal(t, "COMPLETED", state)
}

// A listener of one cluster serves that cluster without a header.
func TestClusters_OwnListener(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	made := s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"w","listen":"127.0.0.1:0","cluster":"west"}`)
	west := made.Text(".url")
	name := func(header ...string) string {
		return s.Must(200, http.MethodGet, west+"/api/v2/clusterinfo", "", header...).Text(".clusterName")
	}

	t.Run("serves its cluster", func(t *testing.T) {
		require.Equal(t, "west", name())
		s.Must(200, http.MethodPost, west+"/api/v2/volumes",
			`{"name":"here","projectName":"default","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
		require.Contains(t, s.Must(200, http.MethodGet, west+"/api/v2/volumes", "").Body, `"name":"here"`)
	})
	t.Run("header selects another cluster", func(t *testing.T) {
		require.Equal(t, "east", name("X-Sim-Cluster", "east"))
		require.Equal(t, "{}", s.Must(200, http.MethodGet, west+"/api/v2/volumes", "", "X-Sim-Cluster", "east").Body)
	})
	t.Run("other worlds are unchanged", func(t *testing.T) {
		require.Equal(t, "{}", s.Must(200, http.MethodGet, "/api/v2/volumes", "", "X-Sim-Cluster", "west").Body)
	})
	t.Run("accepts the tokens of its world", func(t *testing.T) {
		require.Equal(t, "west", name("Authorization", "Bearer "+made.Text(".tokens.lightbits")))
	})
	t.Run("actions apply to its cluster", func(t *testing.T) {
		s.Must(200, http.MethodPost, west+"/_sim/actions/lightbits/fail-node", `{"node":"server00-0"}`)
		require.Contains(t, s.Must(200, http.MethodGet, west+"/api/v2/nodes", "").Body, `"state":"Inactive"`)
		require.NotContains(t, s.Must(200, http.MethodGet, west+"/api/v2/nodes", "", "X-Sim-Cluster", "east").Body,
			`"state":"Inactive"`)
	})
	t.Run("survives a reset", func(t *testing.T) {
		s.Must(200, http.MethodPost, west+"/_sim/reset", "")
		require.Equal(t, "west", name())
	})
	t.Run("serves the other vendors", func(t *testing.T) {
		s.Must(200, http.MethodGet, west+"/api/v1/clusters", "", "Authorization", "Bearer "+made.Text(".tokens.dms"))
		s.Must(200, http.MethodGet, west+"/v1/domains", "", "Authorization", made.Text(".tokens.lucidlink"))
		tenants := s.Must(200, http.MethodGet, west+"/external/client/api/v1/tenants", "",
			"X-Authtype", "lucidity_access_token", "Authorization", made.Text(".tokens.lucidity"))
		require.Equal(t, "w", tenants.Header.Get("X-Sim-World"))
	})
}

func TestMaxRunningWorkflows_FlagOverridesFixture(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *simulator.Config) {
		c.Fixture, c.MaxRunningWorkflows = "testdata/limited/limited.yaml", 3
	})
	east, west := attachBoth(t, s)
	snap := snapshot(t, s)
	for i := range 3 {
		s.Must(200, http.MethodPost, "/api/v1/volumes/thickclone", cloneBody(snap, east, fmt.Sprint("copy", i), west))
	}
	full := s.Must(429, http.MethodPost, "/api/v1/volumes/thickclone", cloneBody(snap, east, "copy3", west))
	require.Equal(t, "8", full.Text(".code"))
	require.Contains(t, full.Text(".message"), "(3)")
	s.Must(200, http.MethodPost, "/api/v1/clusters", `{"apiEndpoint":"10.1.0.10:443"}`)
}

func TestMaxRunningWorkflows_OfAWorldOverridesFlag(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *simulator.Config) { c.MaxRunningWorkflows = 3 })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"one","maxRunningWorkflows":1}`)
	require.Equal(t, "1", s.Must(200, http.MethodGet, "/_sim/worlds/one", "").Text(".maxRunningWorkflows"))
	require.Equal(t, "3", s.Must(200, http.MethodGet, "/_sim/worlds/default", "").Text(".maxRunningWorkflows"))
	one := s.In("one")
	for range 2 {
		one.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen","now":"2040-01-01T00:00:00Z"}`)
		east, west := attachBoth(t, one)
		snap := snapshot(t, one)
		one.Must(200, http.MethodPost, "/api/v1/volumes/thickclone", cloneBody(snap, east, "copy0", west))
		full := one.Must(429, http.MethodPost, "/api/v1/volumes/thickclone", cloneBody(snap, east, "copy1", west))
		require.Contains(t, full.Text(".message"), "(1)")
		one.Must(200, http.MethodPost, "/_sim/reset", "")
	}
}

func TestFixture_InvalidMemberIsNamed(t *testing.T) {
	t.Parallel()
	for text, wrong := range map[string]string{
		"{users: []}":                           "users",
		"{users: [{name: a}]}":                  "users[0].password",
		"{users: [{name: 'a:b', password: x}]}": "users[0].name",
		"{users: [{password: x}]}":              "users[0].name",
		"{users: [{name: a, password: x}, {name: a, password: y}]}": "users[1].name",
		"{copyRate: fast}":              "copyRate",
		"{copyRate: 0MiB}":              "copyRate",
		"{copyRate: 9999999999TiB}":     "copyRate",
		"{maxRunningWorkflows: 0}":      "maxRunningWorkflows",
		"{workflowRetention: 0s}":       "workflowRetention",
		"{workflowRetention: 1000000h}": "workflowRetention",
		"{workflowRetention: day}":      "workflowRetention",
		"{clusters: []}":                "clusters",
	} {
		file := filepath.Join(t.TempDir(), "wrong.yaml")
		require.NoError(t, os.WriteFile(file, []byte("dms: "+text+"\n"), 0o600))
		config := simulator.Default()
		config.Fixture, config.Data, config.TLSListen = file, t.TempDir(), ""
		_, err := simulator.New(config)
		require.ErrorContains(t, err, "dms."+wrong, text)
	}
}

// A token is valid only while its user exists: a world that was reset to other users refuses it.
func TestToken_UserRemoved(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *simulator.Config) { c.Fixture = "testdata/limited/limited.yaml" })
	token := s.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"dms","role":"audit","ttl":"87600h"}`).Text(".token")
	s.Must(200, http.MethodGet, "/api/v1/clusters", "", "Authorization", "Bearer "+token)
	s.Must(200, http.MethodPost, "/_sim/reset", `{"to":"small"}`)
	gone := s.Must(401, http.MethodGet, "/api/v1/clusters", "", "Authorization", "Bearer "+token)
	require.Contains(t, gone.Text(".message"), `the token's user "audit" no longer exists`)
}

// TestThickClone_Instant checks that a copy of any size completes in one transaction if nothing takes time, although a
// long one has a hundred steps otherwise.
func TestThickClone_Instant(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *simulator.Config) { c.Delays = statemachine.Instant })
	east, west := attachBoth(t, s)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"6TiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	snap := s.Must(200, http.MethodPost, "/api/v2/projects/default/snapshots",
		`{"name":"snap1","sourceVolumeName":"vol1"}`).Text(".UUID")
	id := s.Must(200, http.MethodPost, "/api/v1/snapshots/thickclone", cloneBody(snap, east, "copy1", west)).
		Text(".workflowId")
	require.Equal(t, "COMPLETED", s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "").Text(".workflow.state"))
}

// TestThickClone_DamagedSource checks that a copy does not complete if blocks of its source are damaged beyond repair.
func TestThickClone_DamagedSource(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	east, west := attachBoth(t, s)
	s.Must(200, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	s.Must(200, http.MethodPost, "/_sim/actions/lightbits/write-volume", `{"volume":"vol1","offset":0,"bytes":"64MiB"}`)
	snap := s.Must(200, http.MethodPost, "/api/v2/projects/default/snapshots",
		`{"name":"snap1","sourceVolumeName":"vol1"}`).Text(".UUID")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1s"}`)
	node := s.Must(200, http.MethodGet, "/api/v2/projects/default/volumes/?name=vol1", "").Text(".nodeList.0")
	devices := s.Must(200, http.MethodGet, "/api/v2/nvmeDevices?nodeUUID="+node, "")
	s.Must(200, http.MethodPost, "/_sim/actions/lightbits/pull-device",
		`{"serial":"`+devices.Text(".NvmeDevices.0.serial")+`"}`)
	s.Must(200, http.MethodPost, "/_sim/actions/lightbits/corrupt-device",
		`{"serial":"`+devices.Text(".NvmeDevices.1.serial")+`","blocks":3,"volume":"vol1"}`)

	id := s.Must(200, http.MethodPost, "/api/v1/volumes/thickclone", cloneBody(snap, east, "copy1", west)).
		Text(".workflowId")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"10s"}`)
	w := s.Must(200, http.MethodGet, "/api/v1/workflows/"+id, "")
	require.Equal(t, "FAILED", w.Text(".workflow.state"))
	require.Contains(t, w.Text(".workflow.msg"), "code = DataLoss desc = snapshot snap1 cannot be read: volume vol1 has "+
		"unrecoverable errors in 3 blocks")
	s.Must(404, http.MethodGet, "/api/v2/projects/default/volumes/?name=copy1", "", "X-Sim-Cluster", "west")
}
