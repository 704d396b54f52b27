package control_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

const listLamps = `"match":{"operation":"lamps.ListLamps"}`

// A world's calls on the journal leave that of another world alone.
func TestJournal_OfOneWorld(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for _, world := range []string{"a", "b"} {
		s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"`+world+`"}`)
		s.In(world).Must(200, http.MethodGet, "/lamps", "")
	}
	s.In("a").Must(200, http.MethodDelete, "/_sim/requests", "")
	s.In("b").Must(200, http.MethodPost, "/_sim/verify", `{`+listLamps+`,"count":{"min":1}}`)
	s.In("a").Must(200, http.MethodPost, "/_sim/verify", `{`+listLamps+`,"count":{"max":0}}`)
	require.Equal(t, "b", s.Must(200, http.MethodGet, "/_sim/requests?world=*", "").Text(".requests[0].world"))
	require.Nil(t, s.Must(200, http.MethodGet, "/_sim/requests", "").Get(".requests[0]"))
	s.Must(200, http.MethodDelete, "/_sim/requests?world=b", "")
	require.Nil(t, s.Must(200, http.MethodGet, "/_sim/requests?world=*", "").Get(".requests[0]"))
	s.Must(404, http.MethodGet, "/_sim/requests?world=nowhere", "")
	s.In("nowhere").Must(404, http.MethodDelete, "/_sim/requests", "")
}

// What a world did in an earlier life is in no list and no verification of it. It is kept under its id, and in the list
// of all worlds.
func TestJournal_BeginsWithEachLife(t *testing.T) {
	for name, begin := range newLives {
		t.Run(name, func(t *testing.T) {
			s := startLives(t)
			id := s.Must(200, http.MethodGet, "/lamps", "").Header.Get("X-Sim-Request-Id")
			s.Must(404, http.MethodGet, "/nothing", "")
			begin(s)
			require.Nil(t, s.Must(200, http.MethodGet, "/_sim/requests", "").Get(".requests[0]"))
			s.Must(200, http.MethodPost, "/_sim/verify", `{`+listLamps+`,"count":{"max":0},"noUnexpected":true}`)
			s.Must(200, http.MethodGet, "/lamps", "")
			s.Must(200, http.MethodPost, "/_sim/verify", `{`+listLamps+`,"count":{"min":1,"max":1}}`)
			require.Equal(t, "true", s.Must(200, http.MethodGet, "/_sim/requests/"+id, "").Text(".ended"))
			s.Must(200, http.MethodGet, "/_sim/requests/"+id+"/explain", "")
			all := s.Must(200, http.MethodGet, "/_sim/requests?world=*", "")
			require.Equal(t, id, all.Text(".requests[0].id"))
			require.Nil(t, all.Get(".requests[2].ended"))
		})
	}
}

// A world that was made after others had filled the journal can be verified.
func TestVerify_YoungWorldInAFullJournal(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Limits.JournalCount = 20 })
	for range 40 {
		s.Must(200, http.MethodGet, "/lamps", "")
	}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"young"}`)
	s.In("young").Must(200, http.MethodGet, "/lamps", "")
	for range 40 {
		s.Must(200, http.MethodGet, "/lamps", "")
	}
	s.In("young").Must(200, http.MethodPost, "/_sim/verify", `{`+listLamps+`,"count":{"min":1}}`)
	require.Contains(t, s.Must(409, http.MethodPost, "/_sim/verify", `{`+listLamps+`,"count":{"min":1}}`).Text(".detail"),
		"the journal dropped 61 exchanges")
}

// A request whose response is lost is in the journal, as the counters of its fault rule have it.
func TestJournal_OpenExchange(t *testing.T) {
	s := startLives(t)
	done := delayed(t, s, `{"connection":"stall"},"phase":"after"`)
	list := s.Must(200, http.MethodGet, "/_sim/requests", "")
	require.Equal(t, "true", list.Text(".requests[0].open"))
	require.JSONEq(t, `{"name":"ghost"}`, list.Text(".requests[0].body"))
	require.Equal(t, "0", list.Text(".requests[0].status"))
	s.Must(200, http.MethodGet, "/lamps", "")
	const created = `{"match":{"operation":"lamps.CreateLamp"},"count":`
	s.Must(406, http.MethodPost, "/_sim/verify", created+`{"max":0}}`)
	s.Must(200, http.MethodPost, "/_sim/verify", created+`{"min":1,"max":1}}`)
	s.Must(200, http.MethodPost, "/_sim/verify", `{"order":["lamps.CreateLamp","lamps.ListLamps"]}`)
	s.Must(406, http.MethodPost, "/_sim/verify", `{"order":["lamps.ListLamps","lamps.CreateLamp"]}`)
	id := list.Text(".requests[0].id")
	require.Contains(t, s.Must(200, http.MethodGet, "/_sim/requests/"+id+"/explain", "").Text(".why"), "not ended")
	s.Must(200, http.MethodGet, "/_sim/requests", "", "Accept", "application/har+json")
	s.Must(200, http.MethodDelete, "/_sim/faults", "")
	outcomeOf(t, done)
	require.Eventually(t, func() bool {
		return s.Must(200, http.MethodGet, "/_sim/requests/"+id, "").Get(".open") == nil
	}, simtest.Patience, simtest.Patience/1000)
	x := s.Must(200, http.MethodGet, "/_sim/requests/"+id, "")
	require.Equal(t, "true", x.Text(".lost.committed"))
	require.Equal(t, "200", x.Text(".lost.status"))
	require.Contains(t, x.Text(".lost.answer"), "ghost")
	require.Contains(t, s.Must(200, http.MethodGet, "/_sim/requests/"+id+"/explain", "").Text(".why"), "committed")
}

func TestRequests_AllWorldsNeedTheAdminToken(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.AdminToken = "admin" })
	admin := []string{"Authorization", "Bearer admin"}
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"a"}`, admin...)
	id := s.In("a").Must(200, http.MethodGet, "/lamps", "").Header.Get("X-Sim-Request-Id")
	s.Must(401, http.MethodGet, "/_sim/requests?world=*", "")
	s.Must(401, http.MethodGet, "/_sim/events?world=*", "")
	s.Must(401, http.MethodGet, "/_sim/requests/"+id, "")
	s.Must(401, http.MethodGet, "/_sim/requests", "")
	s.Must(200, http.MethodGet, "/_sim/requests?world=*", "", admin...)
	s.Must(200, http.MethodGet, "/_sim/requests/"+id, "", admin...)
	s.In("a").Must(200, http.MethodGet, "/_sim/requests/"+id, "", admin...)
	har := s.In("a").Must(200, http.MethodGet, "/_sim/requests/"+id, "",
		append(admin, "Accept", "application/har+json")...)
	require.Equal(t, id, har.Text(".log.entries[0]._id"))
	require.True(t, strings.HasPrefix(har.Body, `{"log":{"version":"1.2"`))
}

func TestEvents_OfAllWorlds(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	l := listen(t, s, s.Client, s.URL+"/_sim/events?world=*&type=request")
	require.Equal(t, "events of all worlds", l.block().comment)
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	s.In("t").Must(200, http.MethodGet, "/lamps", "")
	require.Equal(t, "t", l.next().data["world"])
	s.Must(200, http.MethodGet, "/lamps", "")
	require.Equal(t, "default", l.next().data["world"])
}
