package control_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// A refusal names the member or the thing, what was expected, and the most similar valid names.
func TestProblem_Details(t *testing.T) {
	s := simtest.New(t)
	bearer(s, http.MethodPost, "/api/v2/projects/default/volumes",
		`{"name":"vol1","size":"4 GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`)
	for name, c := range map[string]struct{ method, path, body, detail string }{
		"operation": {http.MethodPost, "/_sim/faults", `{"match":{"operation":"lightbit.*"},"effect":{"status":503}}`,
			`did you mean "lightbits.*"?`},
		"journal": {http.MethodGet, "/_sim/requests?operation=lightbit.*", "", `did you mean "lightbits.*"?`},
		"delay": {http.MethodPut, "/_sim/delays", `{"lightbits.volume.creat":"1s"}`,
			`did you mean "lightbits.volume.create"?`},
		"kind":           {http.MethodGet, "/_sim/resources?kind=lightbits.volum", "", `did you mean "lightbits.volume"?`},
		"kind in a path": {http.MethodGet, "/_sim/resources/lightbits.volum/x", "", `did you mean "lightbits.volume"?`},
		"resource": {http.MethodPost, "/_sim/resources/lightbits.volume/nope/release", "",
			`there is no lightbits.volume "nope"; there is vol1`},
		"rule":       {http.MethodDelete, "/_sim/faults/nope", "", `there is no fault rule "nope"; there are none`},
		"checkpoint": {http.MethodDelete, "/_sim/checkpoints/nope", "", `there is no checkpoint "nope"`},
		"action":     {http.MethodPost, "/_sim/actions/lightbits/fail-nod", "{}", `did you mean "lightbits/fail-node"?`},
		"latency": {http.MethodPost, "/_sim/faults", `{"effect":{"latency":"2 s"}}`,
			`effect.latency: "2 s" is not a duration; use "2s", {"uniform"`},
		"latency, number": {http.MethodPost, "/_sim/faults", `{"effect":{"latency":2}}`,
			`effect.latency: 2 is neither a duration`},
		"latency, member": {http.MethodPost, "/_sim/faults", `{"effect":{"latency":{"fixd":"2s"}}}`,
			`effect.latency.fixd: is not a member`},
		"latency, type": {http.MethodPost, "/_sim/faults", `{"effect":{"latency":{"fixed":2}}}`,
			`effect.latency.fixed: must be a string`},
		"instant": {http.MethodPost, "/_sim/faults", `{"when":{"from":"yesterday"},"effect":{"status":503}}`,
			`when.from: "yesterday" is not a time; use RFC 3339, such as 2026-01-02T03:04:05Z`},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.Do(c.method, c.path, c.body)
			require.Contains(t, a.Text(".detail"), c.detail)
			require.LessOrEqual(t, len(a.Body), 800)
		})
	}
	t.Run("state", func(t *testing.T) {
		a := s.Must(http.StatusBadRequest, http.MethodPost, "/_sim/faults",
			`{"match":{"operation":"lightbits.GetNode","state":"Foo"},"effect":{"status":500}}`)
		require.Contains(t, a.Get(".valid"), "Active")
		require.NotContains(t, a.Get(".valid"), "Creating")
	})
	t.Run("header of one request", func(t *testing.T) {
		a := bearer(s, http.MethodGet, nodes, "", "X-Sim-Fault", "rset")
		require.Equal(t, http.StatusBadRequest, a.Status)
		require.Contains(t, a.Text(".detail"), `did you mean "reset"?`)
		require.Contains(t, a.Get(".valid"), "after:reset")
	})
}

func TestIndex(t *testing.T) {
	s := simtest.New(t)
	for _, path := range []string{"/", "/_sim", "/_sim/"} {
		i := s.Must(http.StatusOK, http.MethodGet, path, "")
		require.Equal(t, "storagesim", i.Text(".name"))
		for _, l := range i.Get(".links").([]any) {
			s.Must(http.StatusOK, http.MethodGet, l.(map[string]any)["path"].(string), "")
		}
		page := s.Must(http.StatusOK, http.MethodGet, path, "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		require.Contains(t, page.Header.Get("Content-Type"), "text/html")
		require.Contains(t, page.Body, `<a href="/_sim/worlds">`)
	}
}

// Health checks send HEAD. It has the status and the headers of GET, without a body.
func TestHead(t *testing.T) {
	s := simtest.New(t)
	for _, path := range []string{"/", "/_sim", "/_sim/health", "/_sim/ready", "/_sim/worlds", "/_sim/events",
		"/metrics"} {
		a := s.Must(http.StatusOK, http.MethodHead, path, "")
		require.Empty(t, a.Body, path)
	}
	s.Must(http.StatusNotFound, http.MethodHead, "/_sim/faults/nope", "")
}
