package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type deleteServerRequest struct {
	serverRef
	ForceDelete bool `json:"forceDelete"`
}

// deleteServer: seeds/002 "Delete Server". With forceDelete a server that still holds replicas stays Deleting until
// these have been moved away. A server with the only replica of a volume or snapshot is not deleted.
func (s *Service) deleteServer(tx *store.Tx, r *api.Request, q *deleteServerRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findServer(tx, q.serverRef)
	if err != nil {
		return none, err
	}
	v := &row.Body
	if err := s.mayStart(tx, opDeleteServer, v.UUID); err != nil {
		return none, err
	}
	if err := s.servers.Refuse("DeleteServer", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(v.ETag, row.Life.By); err != nil {
		return none, err
	}
	if single := s.singleReplicas(tx, v); single > 0 {
		s.replicasPending(tx, v)
		return none, refusal.New(refusal.InvalidArgument,
			"server %s holds %d volumes or snapshots with a single replica; "+
				"they must be removed before the server can be deleted", v.Name, single)
	}
	if s.holdsAnything(tx, v) && !q.ForceDelete {
		s.replicasPending(tx, v)
		return none, refusal.New(refusal.InvalidArgument,
			"server %s still has resources attached to it: replicas of volumes or snapshots; "+
				"replace its nodes first, or use forceDelete", v.Name)
	}
	return none, s.servers.Fire(tx, &row, "delete")
}

// holdsAnything reports whether a server holds replicas.
func (s *Service) holdsAnything(tx *store.Tx, v *Server) bool {
	return len(s.chainsOn(tx, v.NodesUUIDs...)) > 0
}

// lookAtDeletions calls lookAtDeletion for the servers of the nodes.
func (s *Service) lookAtDeletions(tx *store.Tx, nodes []string) error {
	for _, id := range nodes {
		u, err := usageTable.Get(tx, id)
		if err == nil {
			err = s.lookAtDeletion(tx, u.Server)
		}
		if ignoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// lookAtDeletion makes a server that is Deleting check right after the transaction whether it is empty.
func (s *Service) lookAtDeletion(tx *store.Tx, server string) error {
	row, err := s.servers.Get(tx, server)
	if err != nil || row.Life.State != statemachine.State(ServerDeleting) || s.servers.Waits(tx, &row) {
		return ignoreNotFound(err)
	}
	return s.servers.After(tx, &row, "deleted", tx.Now)
}
