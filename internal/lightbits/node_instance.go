package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type startNodeInstanceRequest struct {
	NodeUUID string `json:"nodeUUID"`
}

// startNodeInstance powers a stopped or failed node up (spec rpc StartNodeInstance). The error is InvalidArgument
// unless the node is Inactive and its server is Enabled.
func (s *Service) startNodeInstance(tx *store.Tx, _ *api.Request, q *startNodeInstanceRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findNode(tx, "nodeUUID", q.NodeUUID)
	if err != nil {
		return none, err
	}
	if row.Life.State != statemachine.State(NodeInactive) {
		return none, refusal.New(refusal.InvalidArgument, "node %s is %s; only an %s node can be started",
			row.Body.Name, row.Body.State, NodeInactive)
	}
	if err := s.instanceUsable(tx, &row.Body); err != nil {
		return none, err
	}
	return none, s.nodes.Fire(tx, &row, "recover")
}

// instanceUsable refuses a node whose server is not Enabled or is being upgraded.
func (s *Service) instanceUsable(tx *store.Tx, n *Node) error {
	server, err := s.servers.Get(tx, n.ServerUUID)
	if err != nil {
		return err
	}
	if server.Body.State != ServerEnabled {
		return refusal.New(refusal.InvalidArgument, "node %s belongs to server %s, which is %s; it must be %s", n.Name,
			server.Body.Name, server.Body.State, ServerEnabled)
	}
	if server.Body.UpgradeStatus != UpgradeNone && server.Body.UpgradeStatus != UpgradeFailed {
		return refusal.New(refusal.InvalidArgument, "node %s belongs to server %s, which is being upgraded: %s", n.Name,
			server.Body.Name, server.Body.UpgradeStatus)
	}
	return nil
}

type stopNodeInstanceRequest struct {
	NodeUUID string `json:"nodeUUID"`
	Force    bool   `json:"force"`
}

// stopNodeInstance makes a node Inactive until it is started (spec rpc StopNodeInstance). The error is InvalidArgument
// if volumes would lose service, unless force is set.
func (s *Service) stopNodeInstance(tx *store.Tx, _ *api.Request, q *stopNodeInstanceRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findNode(tx, "nodeUUID", q.NodeUUID)
	if err != nil {
		return none, err
	}
	if err := s.mayStop(tx, &row, "stopping", q.Force); err != nil {
		return none, err
	}
	return none, s.nodes.Fire(tx, &row, "stop")
}

func (s *Service) mayStop(tx *store.Tx, row *statemachine.Row[Node], doing string, force bool) error {
	n := &row.Body
	if n.State != NodeActive && n.State != NodeActivating {
		return refusal.New(refusal.InvalidArgument, "node %s is %s; %s needs it to be %s or %s", n.Name, n.State, doing,
			NodeActive, NodeActivating)
	}
	if err := s.instanceUsable(tx, n); err != nil {
		return err
	}
	if lost := s.volumesLost(tx, []string{n.UUID}); lost > 0 && !force {
		return refusal.New(refusal.InvalidArgument,
			"%s node %s risks loss of service: %d volumes would no longer take reads or writes; force overrides this",
			doing, n.Name, lost).Because(AtRisk{Node: n.UUID, Volumes: lost, Member: "force"})
	}
	return nil
}

type restartNodeInstanceRequest struct {
	NodeUUID        string `json:"nodeUUID"`
	ConsiderBackend bool   `json:"considerBackend"`
	Force           bool   `json:"force"`
}

// restartNodeInstance stops a node and powers it up again (spec rpc RestartNodeInstance). With considerBackend it is
// refused while the node rebuilds its devices or has failed ones, unless force is set (assumption 269).
func (s *Service) restartNodeInstance(tx *store.Tx, _ *api.Request, q *restartNodeInstanceRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findNode(tx, "nodeUUID", q.NodeUUID)
	if err != nil {
		return none, err
	}
	if q.ConsiderBackend && !q.Force {
		for _, d := range s.devicesOf(tx, row.Body.UUID) {
			if d.Life.State == statemachine.State(DeviceFailed) ||
				d.Life.State == statemachine.State(DeviceRebuilding) {
				return none, refusal.New(refusal.InvalidArgument,
					"node %s is not restarted: its NVMe device %s is %s; force overrides this",
					row.Body.Name, d.Body.Serial, d.Body.State)
			}
		}
	}
	if err := s.mayStop(tx, &row, "restarting", q.Force); err != nil {
		return none, err
	}
	if err := s.nodes.Fire(tx, &row, "stop"); err != nil {
		return none, err
	}
	return none, s.nodes.Fire(tx, &row, "recover")
}
