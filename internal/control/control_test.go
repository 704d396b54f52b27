package control_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/control"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

func TestProgram(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.Version = "1.2.3" })
	health := s.Must(200, http.MethodGet, "/_sim/health", "")
	require.Equal(t, "ok", health.Text(".status"))
	require.Equal(t, "1.2.3", health.Text(".version"))
	require.NotEmpty(t, health.Header.Get("X-Sim-Request-Id"))
	require.Equal(t, "default", health.Header.Get("X-Sim-World"))
	s.Must(200, http.MethodGet, "/_sim/ready", "")
	s.Must(404, http.MethodGet, "/_sim/ca.pem", "")

	list := s.Must(200, http.MethodGet, "/_sim/operations", "")
	var rows struct {
		Operations []struct {
			ID, Method, Path        string
			Statuses                []int
			Documented, Implemented bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(list.Body), &rows))
	require.Len(t, rows.Operations, 5)
	require.Equal(t, "lamps.GetLamp", rows.Operations[3].ID)
	require.Equal(t, "/lights/{id}", rows.Operations[3].Path)
	require.True(t, rows.Operations[3].Documented)
	require.False(t, rows.Operations[4].Documented)
	require.False(t, rows.Operations[4].Implemented)
	require.Equal(t, list.Body, s.Must(200, http.MethodGet, "/_sim/operations?vendor=lamps", "").Body)
	require.Contains(t, s.Must(200, http.MethodGet, "/_sim/operations?vendor=control", "").Body, "control.CreateWorld")
	require.Equal(t, `["lamps"]`, s.Must(400, http.MethodGet, "/_sim/operations?vendor=lamp", "").Text(".valid"))

	require.Equal(t, "lamps.lamp", s.Must(200, http.MethodGet, "/_sim/machines", "").Text(".machines[0].kind"))
	drawn := s.Must(200, http.MethodGet, "/_sim/machines?format=mermaid&kind=lamps.lamp", "")
	require.Contains(t, drawn.Body, "Made --> Lit: light after lamps.lamp.light")
	require.Contains(t, drawn.Header.Get("Content-Type"), "text/plain")
	s.Must(400, http.MethodGet, "/_sim/machines?format=dot", "")
	require.Equal(t, `["lamps.lamp"]`, s.Must(400, http.MethodGet, "/_sim/machines?kind=lamp", "").Text(".valid"))
}

// Every row is reached.
func TestOperations_AreServedAsListed(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for _, row := range control.Operations() {
		path := strings.NewReplacer("{vendor}", "lamps", "{name}", "x", "{kind}", "x", "{id}", "x", "{action}",
			"x").Replace(row.Path)
		if row.Name == "StreamEvents" {
			path += "?type=none" // the stream itself has no end; TestEvents_… has it
		}
		a := s.Do(row.Method, path, "")
		require.NotEqual(t, http.StatusMethodNotAllowed, a.Status, row.ID())
		require.NotContains(t, a.Body, "there is nothing at", row.ID())
		require.Contains(t, row.Statuses, a.Status, "%s: %s", row.ID(), a.Body)
		require.NotEmpty(t, row.Doc, row.ID())
		require.NotEmpty(t, a.Header.Get("X-Sim-Request-Id"), row.ID())
		if a.Status >= 400 {
			require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
			require.Equal(t, http.StatusText(a.Status), a.Text(".title"))
		}
	}
}

func TestUnknownPathAndMethod(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	a := s.Must(404, http.MethodGet, "/_sim/world", "")
	require.Equal(t, "/_sim/worlds", a.Text(".valid[0]"))
	a = s.Must(405, http.MethodPost, "/_sim/clock", "")
	require.Equal(t, "GET, HEAD, PUT", a.Header.Get("Allow"))
	require.Contains(t, s.Must(400, http.MethodGet, "/_sim/requests?lim=1", "").Text(".valid"), "limit")
}

func TestBodyLimit(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(413, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"`+strings.Repeat("1", 1<<20)+`"}`)
	s.Must(413, http.MethodPost, "/lamps", strings.Repeat(" ", 1<<20+1))
}

func TestAdminToken(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) { c.AdminToken = "hush" })
	a := s.Must(401, http.MethodPost, "/_sim/worlds", "")
	require.Contains(t, a.Header.Get("WWW-Authenticate"), "Bearer")
	s.Must(401, http.MethodPost, "/_sim/worlds", "", "Authorization", "Bearer hus")
	s.Must(201, http.MethodPost, "/_sim/worlds", "", "Authorization", "Bearer hush")
	s.Must(401, http.MethodHead, "/_sim/worlds", "")
	s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`)
}

// A control call is not in the journal and does not count as an observation.
func TestControl_ChangesNoVendorState(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"auto"}`)
	s.Must(200, http.MethodPut, "/_sim/delays", `{"lamps.lamp.light":"1h"}`)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a"}`).Text(".id")
	for range 3 {
		got := s.Must(200, http.MethodGet, "/_sim/resources/lamps.lamp/"+id, "", "X-Sim-Fault", "503")
		require.Equal(t, "Made", got.Text(".state"))
	}
	list := s.Must(200, http.MethodGet, "/_sim/requests", "")
	require.Nil(t, list.Get(".requests[1]"))
	s.Must(200, http.MethodGet, "/lamps/"+id, "")
	require.Equal(t, "Lit", s.Must(200, http.MethodGet, "/lamps/"+id, "").Text(".state"))
}

func TestJournal(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	freeze(s)
	id := s.Must(200, http.MethodPost, "/lamps", `{"name":"a","password":"pa\"ss"}`, "Authorization", "Bearer hush",
		"Content-Type", "application/json").Text(".id")
	s.Must(404, http.MethodGet, "/lamps/none", "")
	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t"}`)
	s.In("t").Must(200, http.MethodGet, "/lamps", "")
	s.Must(503, http.MethodPost, "/lamps", `{}`, "Prefer", "code=503")

	all := s.Must(200, http.MethodGet, "/_sim/requests", "")
	require.NotContains(t, all.Body, "hush")
	require.NotContains(t, all.Body, "ss\\\"")
	require.JSONEq(t, `{"name":"a","password":"[redacted]"}`, all.Text(".requests[0].body"))
	require.Equal(t, "Bearer [redacted]", all.Text(".requests[0].header.Authorization[0]"))
	require.Equal(t, "lamps.CreateLamp", all.Text(".requests[0].operation"))
	require.Contains(t, all.Text(".requests[0].answer"), id)
	require.Equal(t, "0", all.Text(".dropped"))

	count := func(query string) int {
		var list struct{ Requests []json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte(s.Must(200, http.MethodGet, "/_sim/requests"+query, "").Body), &list))
		return len(list.Requests)
	}
	require.Equal(t, 3, count(""))
	require.Equal(t, 4, count("?world=*"))
	require.Equal(t, 2, count("?operation=lamps.CreateLamp"))
	require.Equal(t, 4, count("?operation=lamps.*&world=*"))
	require.Equal(t, 1, count("?status=404"))
	require.Equal(t, 1, count("?status=2xx"))
	require.Equal(t, 1, count("?world=t"))
	require.Equal(t, 2, count("?limit=2"))
	require.Equal(t, 3, count("?since=2026-06-01T00:00:00Z"))
	require.Equal(t, 1, count("?world=*&since=2026-06-01T00:00:01Z"), "only the other world's clock is later")
	first := all.Text(".requests[0].id")
	require.Equal(t, 2, count("?since="+first))
	second := all.Text(".requests[1].id")
	page := s.Must(200, http.MethodGet, "/_sim/requests?limit=1&before="+all.Text(".requests[2].id"), "")
	require.Equal(t, second, page.Text(".requests[0].id"))
	require.Equal(t, second, page.Text(".next"))
	page = s.Must(200, http.MethodGet, "/_sim/requests?before="+second, "")
	require.Equal(t, first, page.Text(".requests[0].id"))
	require.Nil(t, page.Get(".next"))
	require.Equal(t, id, s.Must(200, http.MethodGet, "/lamps/"+id, "").Text(".id"))

	require.Equal(t, "lamps.CreateLamp", s.Must(200, http.MethodGet, "/_sim/requests/"+first, "").Text(".operation"))
	s.Must(404, http.MethodGet, "/_sim/requests/req-999", "")
	require.Contains(t, s.Must(400, http.MethodGet, "/_sim/requests?operation=lamps.MakeLamp", "").Text(".valid"),
		"lamps.CreateLamp")
	for _, query := range []string{"?status=99", "?status=6xx", "?since=yesterday", "?limit=0", "?limit=1&limit=2",
		"?before=5", "?world=T"} {
		s.Must(400, http.MethodGet, "/_sim/requests"+query, "")
	}
	s.Must(200, http.MethodDelete, "/_sim/requests", "")
	require.Equal(t, 0, count(""))
}

func TestBadTime_NamesMemberValueAndExample(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for _, c := range []struct{ method, path, body, words string }{
		{http.MethodPut, "/_sim/clock", `{"now":"2030-01-01"}`, `now: "2030-01-01"`},
		{http.MethodPost, "/_sim/clock/advance", `{"to":"tomorrow"}`, `to: "tomorrow"`},
		{http.MethodPost, "/_sim/clock/advance", `{"to":5}`, `to: 5`},
		{http.MethodPost, "/_sim/faults", `{"when":{"from":"yesterday"},"effect":{"status":500}}`, `when.from: "yesterday"`},
	} {
		detail := s.Must(400, c.method, c.path, c.body).Text(".detail")
		require.Equal(t, c.words+" is not a time; use RFC 3339, such as 2026-01-02T03:04:05Z", detail)
	}
	detail := s.Must(400, http.MethodGet, "/_sim/requests?since=noon", "").Text(".detail")
	require.Contains(t, detail, `since: "noon" is neither a request id, such as req-12, nor a time`)
}
