package lightbits

import (
	"fmt"
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// clockDrift is how far the clock of a server is off.
type clockDrift struct {
	Server string        `json:"server"`
	Drift  time.Duration `json:"drift"`
}

var clockDrifts = store.NewTable("lightbits.clockdrift", func(c *clockDrift) string { return c.Server },
	store.JSON[clockDrift]())

type driftParams struct {
	Server string `json:"server" doc:"UUID or name"`
	By     string `json:"by" doc:"duration that is added to the drift, such as \"45s\"; a negative one reduces it"`
}

// maxDrift is the maximum drift of a clock.
const maxDrift = 365 * 24 * time.Hour

// ageClockDrift changes the drift of a server's clock. It raises an event when the drift reaches
// ClockDriftIntervalForRaisingEvent.
func (s *Service) ageClockDrift(tx *store.Tx, p *driftParams) (any, error) {
	by, err := time.ParseDuration(p.By)
	if err != nil || by.Abs() > maxDrift {
		return nil, &strict.Error{Path: "by",
			Detail: fmt.Sprintf("%q is not a duration of at most 8760h, such as \"45s\"", p.By)}
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
	return map[string]string{"server": server.Body.UUID, "drift": drift.Drift.String(),
		"raisesEventAt": threshold.String()}, nil
}

func (s *Service) logDrift(tx *store.Tx, v *Server, drift time.Duration) error {
	return s.logEvent(tx, events.ServerClockDrift, events.AboutServer(v.UUID, v.Name).With("by "+drift.String()))
}

// driftThresholdMoved raises an event for each clock whose drift is above ClockDriftIntervalForRaisingEvent only
// because this has been lowered from was (assumption 365).
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
