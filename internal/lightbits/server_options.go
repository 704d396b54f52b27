package lightbits

import (
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// serverPlan is what is remembered of a server beside what it shows.
type serverPlan struct {
	Server string `json:"server"`
	Extend bool   `json:"extend"` // its nodes join the cluster; until all of them have
	Never  bool   `json:"never"`  // its nodes never fail for good: a permanentFailureTimeout of 0s
}

// serverPlans has a row for each server that there is something to remember of.
var serverPlans = store.NewTable("lightbits.serverplan", func(p *serverPlan) string { return p.Server }, store.JSON[serverPlan]())

// plan is what is remembered of a server, of one without a row nothing.
func (s *Service) plan(tx *store.Tx, server string) (serverPlan, error) {
	p, err := serverPlans.Get(tx, server)
	p.Server = server
	return p, ignoreNotFound(err)
}

// replan changes what is remembered of a server.
func (s *Service) replan(tx *store.Tx, server string, change func(p *serverPlan)) error {
	p, err := s.plan(tx, server)
	if err != nil {
		return err
	}
	change(&p)
	if !p.Extend && !p.Never {
		return ignoreNotFound(serverPlans.Delete(tx, server))
	}
	return serverPlans.Put(tx, &p)
}

// serverReady: the nodes of a new server that is to extend the cluster join it, also when it had to be repaired or enabled
// before they had (assumption 362); those of other new servers wait to replace others.
func (s *Service) serverReady(kind eventName) serverEffect {
	return func(tx *store.Tx, r *statemachine.Row[Server]) error {
		if err := s.logServer(kind)(tx, r); err != nil {
			return err
		}
		if p, err := s.plan(tx, r.Body.UUID); err != nil || !p.Extend {
			return err
		}
		return s.eachNode(tx, &r.Body, "attach", statemachine.State(NodeUnattached))
	}
}

func (s *Service) nodeAttached(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.noteExtended(tx, r); err != nil {
		return err
	}
	return s.nodeReady(tx, r)
}

// noteExtended: the cluster is extended when the last node of a new server has joined it.
func (s *Service) noteExtended(tx *store.Tx, r *statemachine.Row[Node]) error {
	server, err := s.servers.Get(tx, r.Body.ServerUUID)
	if err != nil {
		return err
	}
	for _, id := range server.Body.NodesUUIDs {
		if id == r.Body.UUID {
			continue
		}
		if other, err := s.nodes.Get(tx, id); err != nil || other.Body.State == NodeUnattached || other.Body.State == NodeAttaching {
			return err
		}
	}
	return s.replan(tx, server.Body.UUID, func(p *serverPlan) { p.Extend = false })
}
