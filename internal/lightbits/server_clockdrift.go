package lightbits

import (
	"fmt"
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// clockDrift is by how much the clock of a server is off.
type clockDrift struct {
	Server string        `json:"server"`
	Drift  time.Duration `json:"drift"`
}

var clockDrifts = store.NewTable("lightbits.clockdrift", func(c *clockDrift) string { return c.Server }, store.JSON[clockDrift]())

type driftParams struct {
	Server string `json:"server" doc:"UUID or name"`
	By     string `json:"by" doc:"how much further the clock is off now, such as \"45s\"; a negative one mends it"`
}

// maxDrift bounds how far a clock can be off.
const maxDrift = 365 * 24 * time.Hour

// ageClockDrift: when the clock of a server is off by ClockDriftIntervalForRaisingEvent or more, and was not before, that
// is an event.
func (s *Service) ageClockDrift(tx *store.Tx, p *driftParams) (any, error) {
	by, err := time.ParseDuration(p.By)
	if err != nil || by.Abs() > maxDrift {
		return nil, &strict.Error{Path: "by", Detail: fmt.Sprintf("%q is not a duration of at most 8760h, such as \"45s\"", p.By)}
	}
	server, err := s.serverForAction(tx, p.Server)
	if err != nil {
		return nil, err
	}
	drift, err := clockDrifts.Get(tx, server.Body.UUID)
	if ignoreNotFound(err) != nil {
		return nil, err
	}
	threshold := s.configDuration(tx, configClockDrift)
	was := drift.Drift.Abs()
	drift.Server, drift.Drift = server.Body.UUID, max(-maxDrift, min(maxDrift, drift.Drift+by))
	if err := clockDrifts.Put(tx, &drift); err != nil {
		return nil, err
	}
	if was < threshold && drift.Drift.Abs() >= threshold {
		if err := s.logDrift(tx, &server.Body, drift.Drift); err != nil {
			return nil, err
		}
	}
	return map[string]string{"server": server.Body.UUID, "drift": drift.Drift.String(), "raisesEventAt": threshold.String()}, nil
}

func (s *Service) logDrift(tx *store.Tx, v *Server, drift time.Duration) error {
	return s.logEvent(tx, events.ServerClockDrift, events.AboutServer(v.UUID, v.Name).With("by "+drift.String()))
}

// driftThresholdMoved tells of the clocks that are off by so much only since ClockDriftIntervalForRaisingEvent is less than
// it was (assumption 365).
func (s *Service) driftThresholdMoved(tx *store.Tx, was time.Duration) error {
	threshold := s.configDuration(tx, configClockDrift)
	for _, drift := range clockDrifts.All(tx, "", "") {
		if off := drift.Drift.Abs(); off < threshold || off >= was {
			continue
		}
		server, err := s.servers.Get(tx, drift.Server)
		if err != nil {
			return err
		}
		if err := s.logDrift(tx, &server.Body, drift.Drift); err != nil {
			return err
		}
	}
	return nil
}
