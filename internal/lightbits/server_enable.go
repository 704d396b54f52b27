package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type enableServerRequest struct{ serverRef }

// enableServer: seeds/002 "Enable Server". An Enabled server is returned unchanged. The eviction of a server that is
// being evicted is aborted (assumption 262).
func (s *Service) enableServer(tx *store.Tx, r *api.Request, q *enableServerRequest) (Server, error) {
	row, err := s.findServer(tx, q.serverRef)
	if err != nil {
		return Server{}, err
	}
	if err := s.servers.Refuse("EnableServer", &row); err != nil {
		return Server{}, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return Server{}, err
	}
	if err := s.mayStart(tx, opEnableServer, row.Body.UUID); err != nil {
		return Server{}, err
	}
	switch ServerState(row.Life.State) {
	case ServerDisabled:
		err = s.servers.Fire(tx, &row, "enable")
	case ServerDisabling:
		row, err = s.abortEviction(tx, &row)
	default: // Enabled: nothing to do; the guard refuses every other state
	}
	return s.shownServer(tx, &row.Body, s.serviceRisks(tx)), err
}

// abortEviction aborts the eviction of a server. The error is Aborted if the server is being disabled without an
// eviction.
func (s *Service) abortEviction(tx *store.Tx, server *statemachine.Row[Server]) (statemachine.Row[Server], error) {
	e, err := s.evictions.Get(tx, server.Body.UUID)
	if err != nil || e.Life.State != statemachine.State(EvictionEvicting) {
		if err := ignoreNotFound(err); err != nil {
			return *server, err
		}
		return *server, refusal.New(refusal.Aborted, "there is a user operation in progress on server %s: it is %s",
			server.Body.Name, server.Body.State)
	}
	if err := s.evictions.Fire(tx, &e, "abort"); err != nil {
		return *server, err
	}
	return s.servers.Get(tx, server.Body.UUID)
}
