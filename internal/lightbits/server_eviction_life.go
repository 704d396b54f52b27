package lightbits

import (
	"fmt"
	"slices"
	"time"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// evictionLook is the interval at which an eviction tries again to place replicas that found no node.
const evictionLook = 10 * time.Second

// eviction moves all replicas away from a server that is to be disabled. A cluster has at most one (facts/lightbits.md
// 4.7). The server's LastEviction shows it.
type eviction struct {
	Server   string    `json:"server"`
	Total    int       `json:"total"`    // chains to move in total
	Left     int       `json:"left"`     // chains that are still on the server
	Progress time.Time `json:"progress"` // when the last chain left
}

func (s *Service) evictionMachine() *statemachine.Machine[eviction] {
	const evicting, aborting = statemachine.State(EvictionEvicting), statemachine.State(EvictionAborting)
	return statemachine.Define(statemachine.Machine[eviction]{
		Kind: "lightbits.eviction", Initial: []statemachine.State{evicting}, Zero: zero,
		Key: func(e *eviction) string { return e.Server },
		Rules: []statemachine.Rule[eviction]{
			{From: []statemachine.State{evicting}, On: "look", To: evicting, Do: s.evictionGoesOn,
				Unless: s.unlessEvicted},
			{From: []statemachine.State{evicting}, On: "completed", To: statemachine.Gone, Do: s.evictionCompleted},
			{From: []statemachine.State{evicting}, On: "fail", To: statemachine.Gone, Do: s.evictionFailed},
			{From: []statemachine.State{evicting}, On: "abort", To: aborting, Do: s.evictionAborts},
			{From: []statemachine.State{aborting}, On: "aborted", To: statemachine.Gone, After: "abort",
				Do: s.evictionAborted},
		},
		Delays: map[string]statemachine.DelayDefault{"abort": {Fast: "200ms", Realistic: "10s"}},
	})
}

// evict starts the eviction of a server. The caller stores v.
func (s *Service) evict(tx *store.Tx, v *Server) error {
	v.LastEviction = &ServerEvictionStatus{Status: EvictionEvicting, StartTime: tx.Now}
	if err := s.setLeaving(tx, v, true); err != nil {
		return err
	}
	total := len(s.chainsOn(tx, v.NodesUUIDs...))
	row, err := s.evictions.Create(tx, eviction{Server: v.UUID, Total: total, Left: total, Progress: tx.Now},
		statemachine.State(EvictionEvicting))
	if err != nil {
		return err
	}
	if err := s.logEvent(tx, events.ServerEvicting, events.AboutServer(v.UUID, v.Name)); err != nil {
		return err
	}
	return s.evictions.After(tx, &row, "look", tx.Now)
}

func (s *Service) setLeaving(tx *store.Tx, v *Server, on bool) error {
	for _, id := range v.NodesUUIDs {
		u, err := usageTable.Get(tx, id)
		if err != nil {
			return err
		}
		u.Leaving = on
		if err := usageTable.Put(tx, &u); err != nil {
			return err
		}
	}
	return nil
}

// lookAtEviction makes the eviction of a server, if there is one, check its progress right after the transaction.
func (s *Service) lookAtEviction(tx *store.Tx, server string) error {
	row, err := s.evictions.Get(tx, server)
	if err != nil || row.Life.State != statemachine.State(EvictionEvicting) {
		return ignoreNotFound(err)
	}
	return s.evictions.After(tx, &row, "look", tx.Now)
}

// evictedServer returns the server of an eviction and the chains that are still on it.
func (s *Service) evictedServer(tx *store.Tx, e *eviction) (server statemachine.Row[Server], chains []string,
	err error) {
	server, err = s.servers.Get(tx, e.Server)
	if err != nil {
		return server, nil, err
	}
	return server, s.chainsOn(tx, server.Body.NodesUUIDs...), nil
}

// unlessEvicted ends the eviction: it is completed when nothing is left, and fails after EvictionNoProgressTimeout
// without progress.
func (s *Service) unlessEvicted(tx *store.Tx, r *statemachine.Row[eviction]) statemachine.Event {
	e := &r.Body
	_, chains, err := s.evictedServer(tx, e)
	if err != nil {
		return "fail"
	}
	if len(chains) < e.Left {
		e.Progress = tx.Now
	}
	e.Left = len(chains)
	e.Total = max(e.Total, e.Left)
	switch {
	case e.Left == 0:
		return "completed"
	case tx.Now.Sub(e.Progress) >= s.configDuration(tx, configEvictionTimeout):
		return "fail"
	}
	return ""
}

// evictionGoesOn starts every migration that is possible and shows the progress.
func (s *Service) evictionGoesOn(tx *store.Tx, r *statemachine.Row[eviction]) error {
	server, chains, err := s.evictedServer(tx, &r.Body)
	if err != nil {
		return err
	}
	for _, id := range chains {
		c, err := s.placedChain(tx, id)
		if err != nil {
			return err
		}
		for _, node := range server.Body.NodesUUIDs {
			if !slices.Contains(c.nodes, node) {
				continue
			}
			if _, err := s.relocate(tx, &c, node); err != nil || !s.readable(tx, c.nodes) {
				continue
			}
			if err := s.planMigration(tx, id, node, migrationEviction); err != nil {
				return err
			}
		}
	}
	if r.Body.Total > 0 {
		server.Body.LastEviction.Progress = uint32(100 * (r.Body.Total - r.Body.Left) / r.Body.Total)
		if err := s.servers.Touch(tx, &server); err != nil {
			return err
		}
	}
	return s.evictions.After(tx, r, "look", tx.Now.Add(evictionLook))
}

// evictionCompleted disables the server, which is empty now.
func (s *Service) evictionCompleted(tx *store.Tx, r *statemachine.Row[eviction]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	endEviction(tx, &server.Body, EvictionCompleted, "")
	server.Body.LastEviction.Progress = 100
	if err := s.servers.Touch(tx, &server); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.ServerEvicted, events.AboutServer(server.Body.UUID, server.Body.Name)); err != nil {
		return err
	}
	return s.servers.After(tx, &server, "disabled", tx.Now)
}

// evictionFailed keeps the server enabled with the replicas that could not leave.
func (s *Service) evictionFailed(tx *store.Tx, r *statemachine.Row[eviction]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	endEviction(tx, &server.Body, EvictionFailed, fmt.Sprintf("%d of %d groups of replicas found no other node for %s",
		r.Body.Left, r.Body.Total, s.configText(tx, configEvictionTimeout)))
	return s.stayEnabled(tx, &server)
}

func (s *Service) evictionAborts(tx *store.Tx, r *statemachine.Row[eviction]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	server.Body.LastEviction.Status = EvictionAborting
	if err := s.servers.Touch(tx, &server); err != nil {
		return err
	}
	return s.dropMigrations(tx, &server.Body)
}

func (s *Service) evictionAborted(tx *store.Tx, r *statemachine.Row[eviction]) error {
	server, err := s.servers.Get(tx, r.Body.Server)
	if err != nil {
		return err
	}
	endEviction(tx, &server.Body, EvictionAborted, "")
	return s.stayEnabled(tx, &server)
}

func endEviction(tx *store.Tx, v *Server, status EvictionStatus, why string) {
	v.LastEviction.Status, v.LastEviction.EndTime, v.LastEviction.ErrorMessage = status, tx.Now, why
}

// stayEnabled lets a server take replicas again after its eviction failed or was aborted.
func (s *Service) stayEnabled(tx *store.Tx, server *statemachine.Row[Server]) error {
	v := &server.Body
	if err := s.setLeaving(tx, v, false); err != nil {
		return err
	}
	if err := s.forgetTimeout(tx, v); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.ServerEvictionFailed,
		events.AboutServer(v.UUID, v.Name).With(v.LastEviction.ErrorMessage)); err != nil {
		return err
	}
	return s.servers.Fire(tx, server, "stay")
}

func (s *Service) dropMigrations(tx *store.Tx, v *Server) error {
	for _, id := range v.NodesUUIDs {
		for _, key := range slices.Collect(s.migrations.Table().KeysBy(tx, migrationsFrom, id)) {
			row, err := s.migrations.Get(tx, key)
			if err != nil {
				return err
			}
			if row.Body.Reason != migrationEviction {
				continue
			}
			if err := s.migrations.Fire(tx, &row, "drop"); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutEviction ends the eviction of a server that has failed. The caller stores v.
func (s *Service) cutEviction(tx *store.Tx, v *Server) error {
	row, err := s.evictions.Get(tx, v.UUID)
	if err != nil {
		return ignoreNotFound(err)
	}
	if err := s.evictions.Remove(tx, &row); err != nil {
		return err
	}
	endEviction(tx, v, EvictionFailed, "the server failed")
	if err := s.setLeaving(tx, v, false); err != nil {
		return err
	}
	return s.dropMigrations(tx, v)
}
