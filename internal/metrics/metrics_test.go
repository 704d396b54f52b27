package metrics_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/metrics"
	"storagesim/internal/simulator"
	"storagesim/internal/simulator/simtest"
)

type families map[string]*dto.MetricFamily

// scrape reads /metrics as Prometheus does, and fails on anything that promtool's linter dislikes.
func scrape(t *testing.T, s *simtest.Server) families {
	t.Helper()
	a := s.Must(http.StatusOK, http.MethodGet, "/metrics", "")
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", a.Header.Get("Content-Type"))
	problems, err := promlint.New(strings.NewReader(a.Body)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(strings.NewReader(a.Body))
	require.NoError(t, err)
	return found
}

// value adds up the series that have all of these labels, given as names and values in turn.
func (f families) value(name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range f[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && has[labels[i]] == labels[i+1]
		}
		if fits {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

const requests, volumes = "storagesim_requests_total", "/api/v2/projects/default/volumes"

func TestMetrics_RequestsAreCountedByWhatTheyWere(t *testing.T) {
	s := simtest.New(t)
	lb := []string{"Authorization", "Bearer x"}
	s.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	create := `{"name":"v","size":"4GiB","replicaCount":2,"acl":{"values":["ALLOW_ANY"]}}`
	s.Must(200, http.MethodPost, volumes, create, lb...)
	s.Must(200, http.MethodGet, volumes, "", lb...)
	s.Must(200, http.MethodGet, "/api/v2/volumes", "", lb...) // the same operation under its other path
	s.Must(401, http.MethodGet, volumes, "")
	s.Must(503, http.MethodPost, volumes, `{}`, append(lb, "X-Sim-Fault", "503;force")...)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/v2/projects",
		strings.NewReader(`{"name":"p"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", lb[1])
	req.Header.Set("X-Sim-Fault", "reset")
	resp, err := s.Client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	require.Error(t, err)

	f := scrape(t, s)
	require.InDelta(t, 2, f.value(requests, "operation", "lightbits.ListVolumes", "class", "2xx", "injected", "false"), 0)
	require.InDelta(t, 1, f.value(requests, "operation", "lightbits.ListVolumes", "class", "4xx"), 0)
	require.InDelta(t, 1, f.value(requests, "operation", "lightbits.CreateVolume", "class", "2xx", "vendor", "lightbits"),
		0)
	require.InDelta(t, 1, f.value(requests, "operation", "lightbits.CreateVolume", "class", "5xx", "injected", "true"), 0)
	require.InDelta(t, 1, f.value(requests, "operation", "lightbits.CreateProject", "class", "none", "injected", "true"),
		0)
	require.InDelta(t, f.value(requests), f.value("storagesim_request_duration_seconds"), 0)
	require.InDelta(t, 1, f.value("storagesim_worlds"), 0)
	mine := f.value("storagesim_timers_pending")
	require.Positive(t, mine, "the volume is still Creating")
	require.Equal(t, fmt.Sprint(mine), s.Must(200, http.MethodGet, "/_sim/clock", "").Text(".timers"))
	require.InDelta(t, f.value(requests), f.value("storagesim_journal_entries"), 0)
	require.Positive(t, f.value("storagesim_journal_bytes"))
	require.InDelta(t, 1, f.value("storagesim_build_info", "version", "dev"), 0)
	require.Positive(t, f.value("go_goroutines"))

	s.Must(201, http.MethodPost, "/_sim/worlds", `{"name":"t1"}`)
	other := s.In("t1")
	other.Must(200, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	other.Must(200, http.MethodPost, volumes, create, lb...)
	f = scrape(t, s)
	require.InDelta(t, 2, f.value("storagesim_worlds"), 0)
	require.InDelta(t, 2*mine, f.value("storagesim_timers_pending"), 0, "of both worlds")
}

func TestMetrics_TheJournalTellsWhatItDropped(t *testing.T) {
	s := simtest.New(t, func(c *simulator.Config) { c.Limits.JournalCount = 3 })
	for range 5 {
		s.Do(http.MethodGet, volumes, "")
	}
	f := scrape(t, s)
	require.InDelta(t, 3, f.value("storagesim_journal_entries"), 0)
	require.InDelta(t, 2, f.value("storagesim_journal_dropped_total"), 0)
}

// Nothing that a client sends can become a label.
func TestMetrics_LabelsStayBounded(t *testing.T) {
	s := simtest.New(t)
	ask := func(n int) {
		for i := range n {
			name := fmt.Sprintf("x%d", i)
			switch i % 5 {
			case 0:
				s.Do(http.MethodGet, "/api/v2/"+name, "")
			case 1:
				s.Do(http.MethodGet, "/"+name+"/y", "")
			case 2:
				s.Do(http.MethodGet, volumes+"/"+name, "", "Authorization", "Bearer x")
			case 3:
				s.Do("X"+strings.ToUpper(name), "/api/v1/clusters", "")
			default:
				s.Do(http.MethodGet, "/external/"+name, "", "X-Sim-World", name)
			}
		}
	}
	ask(10)
	before := len(scrape(t, s)[requests].GetMetric())
	ask(10_000)
	f := scrape(t, s)
	require.Equal(t, before, len(f[requests].GetMetric()), "series") //nolint:testifylint // Len would print all of them
	require.InDelta(t, 10_010, f.value(requests), 0)
	require.InDelta(t, 8008, f.value(requests, "operation", "unknown"), 0)
}

func TestMetrics_OnlyGet(t *testing.T) {
	s := simtest.New(t)
	a := s.Must(http.StatusMethodNotAllowed, http.MethodPost, "/metrics", "")
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	require.Equal(t, "GET, HEAD", a.Header.Get("Allow"))
	s.Must(http.StatusBadRequest, http.MethodGet, "/metrics?name=x", "")
}

// meter is the metrics of one vendor with one row.
func meter(tb testing.TB) (*metrics.Metrics, *api.Operation) {
	tb.Helper()
	svc := api.Service{Vendor: "toys",
		Operations: []api.Operation{{Vendor: "toys", Name: "ListToys", Statuses: []int{200}}}}
	return metrics.New("v1", metrics.Sizes{Journal: api.NewJournal(1, 1)}, svc), &svc.Operations[0]
}

func TestObserve_AllocatesNothing(t *testing.T) {
	m, op := meter(t)
	require.Zero(t, testing.AllocsPerRun(1000, func() { m.Observe("toys", op, 200, false, time.Millisecond) }))
	require.Zero(t, testing.AllocsPerRun(1000, func() { m.Observe("toys", nil, 404, true, time.Millisecond) }))
}

// The first requests of an operation may come together.
func TestObserve_Together(t *testing.T) {
	m, op := meter(t)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for status := range 600 {
				m.Observe("toys", op, status, status%2 == 0, time.Microsecond)
			}
		})
	}
	all.Wait()
	m.Observe("strangers", nil, 200, false, 0) // nobody's: not counted, and no panic
	m.Observe("toys", op, 1000, false, 0)
	m.Observe("toys", op, -1000, false, 0)
	m.Observe("toys", op, 0, false, 0)
}

func BenchmarkObserve(b *testing.B) {
	m, op := meter(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Observe("toys", op, 200, false, 120*time.Microsecond)
	}
}

func BenchmarkScrape(b *testing.B) {
	s := simtest.New(b)
	for i := range 999 {
		s.Must(201, http.MethodPost, "/_sim/worlds", fmt.Sprintf(`{"name":"w%d"}`, i))
	}
	for b.Loop() {
		s.Must(http.StatusOK, http.MethodGet, "/metrics", "")
	}
}
