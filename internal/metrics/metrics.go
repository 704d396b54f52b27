// Package metrics provides the simulator's Prometheus metrics: counts and durations of the vendors' requests, and the
// sizes of the store and the journal at the time of a scrape. Metrics are process memory, not part of a world's state,
// and use the wall clock.
//
// The operations' rows bound the label values. A path, a world's name or an id is never a label, so that clients cannot
// increase the number of series.
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

// unknown is the operation of a request that matches no operation.
const unknown = "unknown"

// latencies are the upper bounds of the histogram buckets, in seconds. A response from memory takes tens of
// microseconds; one that waits for a disk or an injected latency takes longer.
var latencies = [...]float64{50e-6, 200e-6, 1e-3, 5e-3, 25e-3, 250e-3, 2.5}

// classes are the values of the label class. The first is for a connection that was closed without a response.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Metrics holds all metrics in a registry of its own. Use New to create one.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	rows      map[*api.Operation]*row
	vendors   map[string]*row // requests that match no operation
}

// row holds the series of one operation. A series is created on first use, so that unused ones are not listed. After
// that it is found without a map lookup.
type row struct {
	vendor, operation string
	counts            [len(classes)][2]atomic.Pointer[counter]
	duration          atomic.Pointer[observer]
}

type (
	counter  struct{ prometheus.Counter }
	observer struct{ prometheus.Observer }
)

// New creates the metrics of a program with the given version, sizes and operations.
func New(version string, sizes Sizes, services ...api.Service) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "storagesim_requests_total",
			Help: "Requests to the vendors' paths, by operation, status class and whether a fault was injected.",
		}, []string{"vendor", "operation", "class", "injected"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "storagesim_request_duration_seconds",
			Help:    "Wall time from the arrival of a request until its response is sent, including injected latencies.",
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
		Name: "storagesim_build_info", Help: "Always 1; the labels are the versions of the program and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, build, sizes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts one request. Op is nil if no operation matched; status is 0 if no response was sent. It is safe for
// concurrent use and does not allocate after the first use of a series.
func (m *Metrics) Observe(vendor string, op *api.Operation, status int, injected bool, took time.Duration) {
	r := m.rows[op]
	if r == nil {
		if r = m.vendors[vendor]; r == nil {
			return
		}
	}
	class, fault := status/100, 0
	if class < 0 || class >= len(classes) {
		class = 0
	}
	if injected {
		fault = 1
	}
	count := r.counts[class][fault].Load()
	if count == nil {
		count = &counter{m.requests.WithLabelValues(r.vendor, r.operation, classes[class], strconv.FormatBool(injected))}
		r.counts[class][fault].Store(count)
	}
	count.Inc()
	duration := r.duration.Load()
	if duration == nil {
		duration = &observer{m.durations.WithLabelValues(r.vendor, r.operation)}
		r.duration.Store(duration)
	}
	duration.Observe(took.Seconds())
}

// Text returns all metrics in the Prometheus text format.
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
