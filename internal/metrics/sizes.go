package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Sizes tells, when it is asked, how much the program keeps. Asking changes nothing: what is due in a world stays due.
type Sizes struct {
	DB      *store.DB
	Journal *api.Journal
}

// Describe implements prometheus.Collector. It tells nothing, which leaves it to Collect to say what there is.
func (Sizes) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. A world that goes away meanwhile is no longer counted.
func (s Sizes) Collect(to chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help string, n float64) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, n)
	}
	worlds, timers, err := s.count()
	if err == nil { // else the program is stopping, and what it kept is no longer there to be counted
		send(prometheus.GaugeValue, "storagesim_worlds", "Worlds there are, the default one among them.", float64(worlds))
		send(prometheus.GaugeValue, "storagesim_timers_pending", "Timed transitions that are pending in all worlds, held ones among them.", float64(timers))
	}
	entries, bytes, dropped := s.Journal.Size()
	send(prometheus.GaugeValue, "storagesim_journal_entries", "Exchanges that the journal holds.", float64(entries))
	send(prometheus.GaugeValue, "storagesim_journal_bytes", "Memory that the journal's exchanges take, in bytes, about.", float64(bytes))
	send(prometheus.CounterValue, "storagesim_journal_dropped_total", "Exchanges that the journal forgot for want of room since it was last emptied.", float64(dropped))
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
