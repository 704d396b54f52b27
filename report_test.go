package storagesim_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim"
	"storagesim/lightbits"
)

func TestReport_OfAFailedTest(t *testing.T) {
	var clock string
	outcome := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb, storagesim.Frozen())
		clock = w.Now().Format(time.RFC3339Nano)
		create(t, w, "vol1")
		remove(t, w, "vol1")
		w.Fault(lightbits.UpdateVolume.Status(412).When("Available"))
		w.Fault(lightbits.GetVolume.Status(500).Times(1))
		get(t, w, "vol1")
		resize(t, w)
		tb.Errorf("a failure of the test")
	})
	require.Len(t, outcome.logs, 1)
	text := outcome.logs[0]
	text = regexp.MustCompile(`req-\d+`).ReplaceAllString(text, "req-N")
	text = regexp.MustCompile(`world t\d+`).ReplaceAllString(text, "world tN")
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(text, "UUID")
	text = strings.ReplaceAll(text, clock, "NOW")
	refused := " 503: lightbits.volume UUID has been in state Creating since NOW (set by req-N); lightbits."
	wants := []string{
		"storagesim: the requests to world tN:",
		"  req-N POST /api/v2/projects/default/volumes 200",
		"  req-N DELETE /api/v2/projects/default/volumes/?name=vol1" + refused + "DeleteVolume is not allowed in this state; would work: ",
		"  req-N GET /api/v2/projects/default/volumes/?name=vol1 500: a fault was injected by fault-2; would work: ",
		"  req-N PUT /api/v2/projects/default/volumes/?name=vol1" + refused + "UpdateVolume is not allowed in this state; would work: ",
		"  fault-1 for lightbits.UpdateVolume hit nothing: UUID is Creating, not Available",
		"  left in the world: lightbits.volume UUID (vol1)",
	}
	lines := strings.Split(text, "\n")
	require.Len(t, lines, len(wants), text)
	for i, want := range wants {
		require.True(t, strings.HasPrefix(lines[i], want), "line %d:\n got %s\nwant %s", i, lines[i], want)
	}
}

func TestReport_IsShort(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb)
		for n := range 25 {
			create(t, w, fmt.Sprintf("vol%d", n))
		}
		w.Fault(lightbits.GetCluster.Reset())
		_, err := try(w.Client, http.MethodGet, w.Lightbits().URL+"/cluster", "")
		require.Error(t, err)
		tb.Fatalf("a failure of the test")
	})
	text := outcome.logs[0]
	require.True(t, strings.HasPrefix(text, "storagesim: the last 10 requests to world"), text)
	require.Contains(t, text, "a fault was injected by fault-1", "a request without a response")
	require.Contains(t, text, "15 more")
	require.Len(t, strings.Split(text, "\n"), 12, text)
}

func TestReport_NamesNoSecrets(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb, storagesim.StrictAuth())
		send(t, w, http.MethodGet, "/cluster?token=hunter2", "", "Authorization", "Bearer hunter3")
		tb.Errorf("a failure of the test")
	})
	require.Contains(t, outcome.logs[0], "401")
	require.NotContains(t, outcome.logs[0], "hunter")
}

func TestReport_WithoutRequests(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		storagesim.Start(tb)
		tb.Errorf("a failure of the test")
	})
	require.Regexp(t, `^storagesim: world t\d+ got no requests$`, outcome.logs[0])
}
