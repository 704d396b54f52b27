// Package metrics counts what the simulator does, for Prometheus: the vendors' requests as they are answered, and the size
// of what it keeps as it is when somebody asks. Nothing here is a world's state: it is memory of the process, on the wall
// clock.
//
// The labels are bounded by the rows of the operations. A path, a world's name or an id is never one, so that no client
// can make the set of series grow.
package metrics

import (
	"bytes"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"storagesim/internal/api"
)

// unknown is the operation of a request whose path or method no row has.
const unknown = "unknown"

// Latencies are the upper bounds of the histogram's buckets, in seconds: what is answered from memory takes tens of
// microseconds, what waits for a disk or a fault's latency takes longer.
var latencies = [...]float64{50e-6, 200e-6, 1e-3, 5e-3, 25e-3, 250e-3, 2.5}

// classes are the values of the label class. A request whose connection was ended without an answer has the first.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Metrics is a registry of its own with all that is counted. Make one with New.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	rows      map[*api.Operation]*row
	vendors   map[string]*row // what no row matched
}

// row holds the series of one operation. They are made when they are first needed, so that what nobody calls is not
// listed, and are then found without a look-up.
type row struct {
	vendor, operation string
	counts            [len(classes)][2]atomic.Pointer[counter]
	duration          atomic.Pointer[observer]
}

type (
	counter  struct{ prometheus.Counter }
	observer struct{ prometheus.Observer }
)

// New makes the metrics of a program: its version, the rows of its vendors, and what sizes tells.
func New(version string, sizes Sizes, services ...api.Service) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "storagesim_requests_total",
			Help: "Requests to the vendors' paths, by operation, class of the answer's status and whether a fault made the answer.",
		}, []string{"vendor", "operation", "class", "injected"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "storagesim_request_duration_seconds",
			Help:    "Time on the wall clock from a request's arrival until its answer is sent, latencies made on purpose included.",
			Buckets: latencies[:],
		}, []string{"vendor", "operation"}),
		rows: map[*api.Operation]*row{}, vendors: map[string]*row{},
	}
	for _, svc := range services {
		m.vendors[svc.Vendor] = &row{vendor: svc.Vendor, operation: unknown}
		for i := range svc.Operations {
			op := &svc.Operations[i]
			m.rows[op] = &row{vendor: svc.Vendor, operation: op.ID()}
		}
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "storagesim_build_info", Help: "Always 1; the labels tell the program's version and the Go that built it.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, build, sizes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts one answered request. Op is nil where no row matched; status is 0 where no answer was sent. It may be
// called at any time from any goroutine, and allocates nothing once the series is there.
func (m *Metrics) Observe(vendor string, op *api.Operation, status int, injected bool, took time.Duration) {
	r := m.rows[op]
	if r == nil {
		if r = m.vendors[vendor]; r == nil {
			return
		}
	}
	class, made := status/100, 0
	if class < 0 || class >= len(classes) {
		class = 0
	}
	if injected {
		made = 1
	}
	count := r.counts[class][made].Load()
	if count == nil {
		count = &counter{m.requests.WithLabelValues(r.vendor, r.operation, classes[class], strconv.FormatBool(injected))}
		r.counts[class][made].Store(count)
	}
	count.Inc()
	duration := r.duration.Load()
	if duration == nil {
		duration = &observer{m.durations.WithLabelValues(r.vendor, r.operation)}
		r.duration.Store(duration)
	}
	duration.Observe(took.Seconds())
}

// Text answers everything in Prometheus' text format.
func (m *Metrics) Text() (text []byte, contentType string, err error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			return nil, "", err
		}
	}
	return b.Bytes(), string(expfmt.NewFormat(expfmt.TypeTextPlain)), nil
}
