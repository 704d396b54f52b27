package lightbits

import "storagesim/internal/store"

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
