package control_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const volumesPath = "/api/v2/projects/default/volumes"

// lightbitsServer has a frozen clock and a volume that is still being created.
func lightbitsServer(t *testing.T) *simtest.Server {
	s := simtest.New(t)
	s.Header.Set("Authorization", "Bearer x")
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	s.Must(200, http.MethodPost, volumesPath, `{"name":"v","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`)
	return s
}

func explain(s *simtest.Server, a simtest.Response) simtest.Response {
	return s.Must(200, http.MethodGet, "/_sim/requests/"+a.Header.Get("X-Sim-Request-Id")+"/explain", "")
}

func TestExplain_GuardETagFaultRouteAndPermission(t *testing.T) {
	s := lightbitsServer(t)
	e := explain(s, s.Must(503, http.MethodDelete, volumesPath+"/?name=v", ""))
	require.Contains(t, e.Text(".why"), "has been in state Creating since")
	require.Contains(t, e.Text(".why"), "(set by req-1); lightbits.DeleteVolume is not allowed in this state")
	require.Equal(t, "Creating", e.Text(".cause.state"))
	require.Contains(t, e.Text(".wouldWork[1]"), "/release")

	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	e = explain(s, s.Must(412, http.MethodPut, volumesPath+"/?name=v", `{"size":"2GiB"}`, "If-Match", "1"))
	require.Contains(t, e.Text(".why"),
		`If-Match expects the ETag "1", but the current ETag is "2"; last changed by timer lightbits.volume.ready`)
	require.Equal(t, "If-Match: 2", e.Text(".wouldWork[0]"))

	e = explain(s, s.Must(500, http.MethodGet, volumesPath, "", "X-Sim-Fault", "500"))
	require.Contains(t, e.Text(".why"), "a fault was injected by")
	e = explain(s, s.Must(404, http.MethodGet, "/api/v2/project/default/volumes", ""))
	require.Contains(t, e.Text(".why"), "no operation matches GET /api/v2/project/default/volumes")
	require.Contains(t, e.Body, "GET /api/v2/projects/{projectName}/volumes")
	token := s.Must(200, http.MethodPost, "/_sim/tokens", `{"vendor":"lightbits","role":"default:viewer"}`).Text(".token")
	e = explain(s, s.Must(403, http.MethodDelete, volumesPath+"/?name=v", "", "Authorization", "Bearer "+token))
	require.Equal(t, "delete", e.Text(".cause.action"))
	e = explain(s, s.Must(200, http.MethodGet, volumesPath, ""))
	require.Equal(t, "the request succeeded", e.Text(".why"))
	s.Must(404, http.MethodGet, "/_sim/requests/req-999/explain", "")
}

func TestVerify_ReportsExpectedAndActual(t *testing.T) {
	s := lightbitsServer(t)
	verify := func(status int, body string) simtest.Response {
		return s.Must(status, http.MethodPost, "/_sim/verify", body)
	}
	verify(200, `{"match":{"operation":"lightbits.CreateVolume"},"count":{"min":1,"max":1}}`)
	a := verify(406, `{"match":{"operation":"lightbits.*","status":"2xx"},"count":{"min":2}}`)
	require.Equal(t, "count: expected at least 2, but found 1", a.Text(".detail"))
	require.Equal(t, "false", a.Text(".checks[0].holds"))

	verify(406, `{"order":["lightbits.CreateVolume","lightbits.DeleteVolume"]}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	a = verify(406, `{"noLeaks":true,"noUnexpected":true}`)
	require.Contains(t, a.Text(".detail"),
		"noLeaks: expected no resource created since the world started, but found 1: lightbits.volume")
	s.Must(200, http.MethodDelete, volumesPath+"/?name=v", "")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	verify(200, `{"order":["lightbits.CreateVolume","lightbits.DeleteVolume"],"noLeaks":true,"noUnexpected":true}`)

	s.Do(http.MethodGet, "/api/v2/volume", "")
	require.Contains(t, verify(406, `{"noUnexpected":true}`).Text(".detail"), "GET /api/v2/volume (404)")
}

func TestVerify_EarlyRetryOnTheWorldsClock(t *testing.T) {
	s := lightbitsServer(t)
	s.Must(201, http.MethodPost, "/_sim/faults", `{"id":"busy","match":{"operation":"lightbits.ListVolumes"},"when":{"times":2},
		"effect":{"status":503,"retryAfter":"5s"},"force":true}`)
	s.Must(503, http.MethodGet, volumesPath, "")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"5s"}`)
	s.Must(503, http.MethodGet, volumesPath, "")
	s.Must(200, http.MethodPost, "/_sim/verify", `{"noEarlyRetry":true}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"4s"}`)
	s.Must(200, http.MethodGet, volumesPath, "")
	a := s.Must(406, http.MethodPost, "/_sim/verify", `{"noEarlyRetry":true}`)
	require.Contains(t, a.Text(".detail"), "after 4s; its Retry-After was 5s")
}

// A client that waits in real time has waited, although the world's clock stands still.
func TestVerify_RealClientOnAFrozenClock(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	freeze(s)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	s.Must(200, http.MethodPut, "/_sim/faults", `{"rules":[
		{"id":"busy","match":{"operation":"lamps.ListLamps"},"when":{"attempts":[1,3]},"force":true,"effect":{"status":503,"retryAfter":"1s"}},
		{"id":"wait","match":{"operation":"lamps.GetLamp"},"effect":{"latency":{"fixed":"1s"}}}]}`)
	s.Must(503, http.MethodGet, "/lamps", "")
	s.Must(200, http.MethodGet, "/lamps/"+id, "") // takes a second
	s.Must(200, http.MethodGet, "/lamps", "")
	s.Must(200, http.MethodPost, "/_sim/verify", `{"noEarlyRetry":true}`)
	s.Must(503, http.MethodGet, "/lamps", "")
	s.Must(200, http.MethodGet, "/lamps", "")
	require.Contains(t, s.Must(406, http.MethodPost, "/_sim/verify", `{"noEarlyRetry":true}`).Text(".detail"),
		"after 0s; its Retry-After was 1s")
}

// The leaks of a world are reported while it exists, and in the log when it expires; no verification of a deleted world
// succeeds.
func TestVerify_NoLeaksAfterDeletion(t *testing.T) {
	var log bytes.Buffer
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Log = zerolog.New(zerolog.SyncWriter(&log)) })
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	s.In("t").Must(200, http.MethodPost, "/lamps", `{"name":"left"}`)
	require.Contains(t, s.In("t").Must(406, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`).Text(".detail"), "left")
	s.In("t").Must(200, http.MethodPut, "/_sim/checkpoints/c", "")
	made := s.Must(201, http.MethodPost, "/_sim/worlds",
		`{"name":"brief","from":"small","ttl":"300ms","listen":"127.0.0.1:0"}`)
	s.In("brief").Must(200, http.MethodPost, "/lamps", `{"name":"forgotten"}`)
	conn := simtest.Dial(t, made.Text(".url"))
	_, err := conn.Read(make([]byte, 1)) // until the world's port is closed
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the world's port stays open")
	require.Contains(t, s.In("brief").Must(404, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`).Text(".detail"),
		`"brief"`)
	s.Must(200, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`)
	s.Close()
	require.Contains(t, log.String(), "was deleted; resources left in it: found 1: lamps.lamp")
	require.Contains(t, log.String(), "forgotten")
}

func TestVerify_InvalidAssertions(t *testing.T) {
	s := lightbitsServer(t)
	for _, body := range []string{`{}`, `{"count":{}}`,
		`{"match":{"operation":"lightbits.CreateVolum"},"count":{"min":1}}`,
		`{"order":["lightbits.Nothing"]}`, `{"order":[""]}`, `{"match":{"status":"9xx"},"count":{"min":1}}`,
		`{"noleaks":true}`} {
		s.Must(400, http.MethodPost, "/_sim/verify", body)
	}
	s.In("nowhere").Must(404, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`)
}

// A verification selects requests by what they are about, as fault rules do.
func TestVerify_MatchByResourceHeaderQueryAndBody(t *testing.T) {
	s := lightbitsServer(t)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	uuid := s.Must(200, http.MethodGet, volumesPath+"/?name=v", "", "X-Job", "7").Text(".UUID")
	s.Must(200, http.MethodDelete, volumesPath+"/"+uuid, "")
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	s.Must(200, http.MethodPost, volumesPath,
		`{"name":"w","size":"2GiB","replicaCount":2,"acl":{"values":["a","x"]}}`)
	for match, count := range map[string]int{
		`{"kind":"lightbits.volume"}`:                            4,
		`{"kind":"lightbits.snapshot"}`:                          0,
		`{"resource":"v"}`:                                       3, // by name and, although it is gone, by id
		`{"resource":"` + uuid + `"}`:                            3,
		`{"resource":"?","operation":"lightbits.CreateVolume"}`:  2,
		`{"project":"default"}`:                                  4,
		`{"project":"other"}`:                                    0,
		`{"header":{"x-job":"7"}}`:                               1,
		`{"header":{"Host":"127.0.0.1*"}}`:                       4,
		`{"query":{"name":"v*"}}`:                                1,
		`{"body":{"replicaCount":2}}`:                            1,
		`{"body":{"acl.values[1]":"x","name":"?"}}`:              1,
		`{"body":{"acl.values":["ALLOW_ANY"]}}`:                  1,
		`{"body":{"acl.values[2]":"x"}}`:                         0,
		`{"resource":"w","status":"2xx","body":{"size":"2GiB"}}`: 1,
		`{"resource":"w","operation":"lightbits.Delete*"}`:       0,
	} {
		s.Must(200, http.MethodPost, "/_sim/verify", fmt.Sprintf(`{"match":%s,"count":{"min":%d,"max":%d}}`, match, count,
			count))
	}
	for body, status := range map[string]int{
		`{"notFollowedBy":["lightbits.DeleteVolume","lightbits.CreateVolume"]}`:                          406,
		`{"notFollowedBy":["lightbits.DeleteVolume","lightbits.CreateVolume"],"match":{"resource":"v"}}`: 200,
		`{"notFollowedBy":["lightbits.CreateVolume","lightbits.DeleteVolume"],"match":{"resource":"w"}}`: 200,
		`{"order":["lightbits.CreateVolume","lightbits.DeleteVolume"],"match":{"resource":"w"}}`:         406,
		`{"order":["lightbits.CreateVolume","lightbits.DeleteVolume"],"since":"req-1"}`:                  406,
		`{"count":{"max":1},"since":"req-3"}`:                                                            200,
		`{"notFollowedBy":["lightbits.DeleteVolume"]}`:                                                   400,
		`{"notFollowedBy":["lightbits.DeleteVolume",""]}`:                                                400,
		`{"count":{"max":1},"since":"yesterday"}`:                                                        400,
		`{"count":{"max":1},"match":{"kind":"lightbits.volum"}}`:                                         400,
		`{"count":{"max":1},"match":{"body":{"a[x]":1}}}`:                                                400,
		`{"count":{"max":1},"match":{"header":{"a b":"c"}}}`:                                             400,
	} {
		s.Must(status, http.MethodPost, "/_sim/verify", body)
	}
}

// Nobody is blamed for what is being deleted, or for what the API refuses to delete.
func TestVerify_NoLeaksOfWhatClientsCannotDelete(t *testing.T) {
	s := lightbitsServer(t)
	s.Must(406, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`)
	s.Must(200, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	s.Must(406, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`)
	s.Must(200, http.MethodDelete, volumesPath+"/?name=v", "")
	s.Must(200, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`)
	id := s.Must(200, http.MethodPost, volumesPath,
		`{"name":"w","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`).Text(".UUID")
	s.Must(200, http.MethodPost, "/_sim/resources/lightbits.volume/"+id+"/events", `{"event":"fail"}`)
	s.Must(400, http.MethodDelete, volumesPath+"/"+id, "")
	s.Must(200, http.MethodPost, "/_sim/verify", `{"noLeaks":true}`)
}

// With world=*, verify checks all lives of all worlds.
func TestVerify_AllWorlds(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.AdminToken = "hush" })
	s.Header.Set("Authorization", "Bearer hush")
	const all = "/_sim/verify?world=*"
	for _, name := range []string{"a", "b", "gone"} {
		s.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":%q}`, name))
		s.In(name).Must(200, http.MethodPost, "/lamps", `{"name":"x"}`)
	}
	s.Must(200, http.MethodDelete, "/_sim/worlds/gone", "")
	s.Must(200, http.MethodPost, "/_sim/verify", `{"count":{"max":0}}`)
	s.Must(200, http.MethodPost, all, `{"match":{"operation":"lamps.CreateLamp"},"count":{"min":3,"max":3}}`)
	s.Must(200, http.MethodPost, all, `{"match":{"body":{"name":"x"}},"count":{"min":3,"max":3}}`)
	s.Must(200, http.MethodPost, "/_sim/verify?world=b", `{"count":{"min":1,"max":1}}`)
	leaked := s.Must(406, http.MethodPost, all, `{"noLeaks":true}`).Text(".detail")
	require.Contains(t, leaked, "in world a ")
	require.Contains(t, leaked, "in world b ")
	require.NotContains(t, leaked, "gone")
	s.Must(406, http.MethodPost, "/_sim/verify?world=b", `{"noLeaks":true}`)
	s.Must(200, http.MethodPost, "/_sim/verify?world=default", `{"noLeaks":true}`)
	s.Must(200, http.MethodPost, all, `{"noUnexpected":true}`)
	s.In("b").Must(404, http.MethodGet, "/lamp", "")
	s.Must(200, http.MethodPost, "/_sim/verify", `{"noUnexpected":true}`)
	s.Must(406, http.MethodPost, all, `{"noUnexpected":true}`)
	for _, check := range []string{"order", "notFollowedBy"} {
		require.Contains(t, s.Must(400, http.MethodPost, all,
			fmt.Sprintf(`{%q:["lamps.CreateLamp","lamps.GetLamp"]}`, check)).Text(".detail"), "is a check of one world")
	}
	s.Must(404, http.MethodPost, "/_sim/verify?world=nope", `{"noUnexpected":true}`)
	s.Header.Del("Authorization")
	s.Must(401, http.MethodPost, all, `{"noUnexpected":true}`)
}

// A request of one world does not repeat one of another, also with world=*.
func TestVerify_EarlyRetryOfAllWorlds(t *testing.T) {
	s, a, b := twoWorlds(t)
	for _, w := range []*simtest.Server{a, b} {
		w.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
		w.Must(201, http.MethodPost, "/_sim/faults",
			`{"match":{"operation":"lamps.ListLamps"},"effect":{"status":429,"force":true,"retryAfter":"60s"}}`)
		w.Must(429, http.MethodGet, "/lamps", "")
	}
	a.Must(200, http.MethodPost, "/_sim/reset", "")
	a.Must(200, http.MethodGet, "/lamps", "")
	s.Must(200, http.MethodPost, "/_sim/verify?world=*", `{"noEarlyRetry":true}`)
	b.Must(429, http.MethodGet, "/lamps", "")
	s.Must(406, http.MethodPost, "/_sim/verify?world=*", `{"noEarlyRetry":true}`)
}
