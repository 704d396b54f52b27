package control_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"storagesim/internal/control"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

// A name that cannot be shown is refused on every path, is not stored, and is not in the log as it was sent.
func TestNames_PrintableInEveryPath(t *testing.T) {
	var log bytes.Buffer
	s := simtest.New(t, simtest.ToyVendor, func(c *simulator.Config) {
		c.Log = zerolog.New(zerolog.ConsoleWriter{Out: zerolog.SyncWriter(&log), NoColor: true})
	})
	param := regexp.MustCompile(`\{[a-z]+\}`)
	paths := map[string]bool{}
	for _, row := range control.Operations() {
		for _, at := range param.FindAllStringIndex(row.Path, -1) {
			for _, bad := range []string{"%ff", "a%0Ab", "%00", "%E2%80%AE", "%1b[31m"} {
				path := param.ReplaceAllString(row.Path[:at[0]], "x") + bad + param.ReplaceAllString(row.Path[at[1]:], "x")
				a := s.Do(row.Method, path, "{}")
				require.Equal(t, 400, a.Status, "%s %s: %s", row.Method, path, a.Body)
				require.Contains(t, a.Text(".detail"), "not printable UTF-8 text", path)
				paths[row.Path] = true
			}
		}
	}
	require.Greater(t, len(paths), 15)
	for _, bad := range []string{"%ff", "a%0Ab", "%00"} {
		a := s.Must(400, http.MethodGet, "/_sim/in/"+bad+"/_sim/clock", "")
		require.Contains(t, a.Text(".detail"), "world: ")
		s.Do(http.MethodGet, "/_sim/in/"+bad+"/lamps", "")
		s.Do(http.MethodGet, "/lamps/"+bad, "")
	}
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/_sim/checkpoints", "").Text(".checkpoints"))
	require.Equal(t, "[]", s.Must(200, http.MethodGet, "/_sim/faults", "").Text(".rules"))
	s.Close()
	for _, raw := range []string{"\xff", "\x00", "\x1b", "\u202e"} {
		require.NotContains(t, log.String(), raw)
	}
	for line := range strings.Lines(log.String()) {
		require.Regexp(t, `^(<nil> (TRC|DBG|INF|WRN|ERR)|\d)`, line)
	}
}

func TestNames_PrintableTextOfAnyScript(t *testing.T) {
	s := simtest.New(t, simtest.ToyVendor)
	for path, name := range map[string]string{"%C3%A9t%C3%A9": "été", "a%20b": "a b", "a%2Fb": "a/b"} {
		s.Must(200, http.MethodPut, "/_sim/checkpoints/"+path, "")
		require.Contains(t, s.Must(200, http.MethodGet, "/_sim/checkpoints", "").Text(".checkpoints"), name)
		s.Must(200, http.MethodPost, "/_sim/checkpoints/"+path+"/restore", "")
		s.Must(200, http.MethodDelete, "/_sim/checkpoints/"+path, "")
	}
}
