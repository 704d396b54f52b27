package lightbits

import (
	"slices"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type nodeParams struct {
	Node string `json:"node" doc:"UUID or name"`
}

func (s *Service) failNode(tx *store.Tx, p *nodeParams) (any, error) {
	return s.fireNode(tx, p.Node, "fail")
}

// recoverNode: a node that was lost before it had joined the cluster joins it now (assumption 362). FailedPrecondition
// while the node's server is not there for it (assumption 304).
func (s *Service) recoverNode(tx *store.Tx, p *nodeParams) (any, error) {
	row, err := s.nodeByNameOrUUID(tx, p.Node)
	if err != nil {
		return nil, err
	}
	server, err := s.servers.Get(tx, row.Body.ServerUUID)
	if err != nil {
		return nil, err
	}
	if slices.Contains([]ServerState{ServerFailed, ServerDisabled, ServerDeleting}, server.Body.State) {
		return nil, refusal.New(refusal.FailedPrecondition, "node %s cannot come back: its server %s is %s",
			row.Body.Name, server.Body.Name, server.Body.State)
	}
	plan, err := s.options(tx, server.Body.UUID)
	if err != nil {
		return nil, err
	}
	if plan.Extend && row.Body.State == NodeUnattached {
		return s.fireNode(tx, p.Node, "attach")
	}
	return s.fireNode(tx, p.Node, "recover")
}

// fireNode: NotFound for an unknown node, FailedPrecondition in a state where the event cannot happen.
func (s *Service) fireNode(tx *store.Tx, ref string, on statemachine.Event) (any, error) {
	row, err := s.nodeByNameOrUUID(tx, ref)
	if err != nil {
		return nil, err
	}
	if err := illegal(s.nodes.Fire(tx, &row, on)); err != nil {
		return nil, err
	}
	return movedThing{UUID: row.Body.UUID, Name: row.Body.Name, State: row.Life.State}, nil
}
