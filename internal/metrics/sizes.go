package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Sizes collects the sizes of the store and the journal. Collecting changes nothing: it does not fire due timers.
type Sizes struct {
	DB      *store.DB
	Journal *api.Journal
}

// Describe implements prometheus.Collector. It sends nothing, which makes Sizes an unchecked collector.
func (Sizes) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. It skips a world that is deleted meanwhile.
func (s Sizes) Collect(to chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help string, n float64) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, n)
	}
	worlds, timers, err := s.count()
	if err == nil { // otherwise the program is stopping and the store is closed
		send(prometheus.GaugeValue, "storagesim_worlds", "Number of worlds, including the default world.", float64(worlds))
		send(prometheus.GaugeValue, "storagesim_timers_pending",
			"Pending timed transitions in all worlds, including held ones.", float64(timers))
	}
	entries, bytes, dropped := s.Journal.Size()
	send(prometheus.GaugeValue, "storagesim_journal_entries", "Exchanges in the journal.", float64(entries))
	send(prometheus.GaugeValue, "storagesim_journal_bytes",
		"Approximate memory of the journal's exchanges, in bytes.", float64(bytes))
	send(prometheus.CounterValue, "storagesim_journal_dropped_total",
		"Exchanges dropped because the journal was full, since it was last cleared.", float64(dropped))
}

func (s Sizes) count() (worlds, timers int, err error) {
	list, err := s.DB.WorldNames()
	if err != nil {
		return 0, 0, err
	}
	for _, name := range list {
		err := s.DB.View(name, func(tx *store.Tx) error {
			timers += statemachine.CountTimers(tx)
			return nil
		})
		if errors.Is(err, store.ErrNoWorld) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		worlds++
	}
	return worlds, timers, nil
}
