package lightbits

import "storagesim/internal/store"

// serverOptions are settings of a server that no message shows.
type serverOptions struct {
	Server string `json:"server"`
	Extend bool   `json:"extend"` // its nodes are to join the cluster; false once all have joined
	// failures of its nodes never become permanent: it was disabled with a permanentFailureTimeout of 0s
	Never bool `json:"never"`
}

// serverOptionsTable has a row for each server with an option set.
var serverOptionsTable = store.NewTable("lightbits.serverplan", func(p *serverOptions) string { return p.Server },
	store.JSON[serverOptions]())

// options returns the options of a server.
func (s *Service) options(tx *store.Tx, server string) (serverOptions, error) {
	p, err := serverOptionsTable.Get(tx, server)
	p.Server = server
	return p, ignoreNotFound(err)
}

// setOptions changes the options of a server.
func (s *Service) setOptions(tx *store.Tx, server string, change func(p *serverOptions)) error {
	p, err := s.options(tx, server)
	if err != nil {
		return err
	}
	change(&p)
	if !p.Extend && !p.Never {
		return ignoreNotFound(serverOptionsTable.Delete(tx, server))
	}
	return serverOptionsTable.Put(tx, &p)
}
