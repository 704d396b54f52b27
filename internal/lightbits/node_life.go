package lightbits

import (
	"strconv"

	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// nodeRebuilding is the state of a node that serves again while its replicas are brought up to date. The API has no
// such state and shows Active.
const nodeRebuilding statemachine.State = "Rebuilding"

// nodesByServer is the index of nodes by their server.
const nodesByServer = "server"

// progressStep is the progress of one step of powering up or rebuilding, in percent. The delays powerup and rebuild are
// for one step.
const progressStep = 25

// nodeMachine is the life cycle of a node (facts/lightbits.md 4.6). A failed node comes back through Activating; then
// its volumes are rebuilt while it serves.
func (s *Service) nodeMachine() *statemachine.Machine[Node] {
	type row = statemachine.Row[Node]
	const (
		active, activating, inactive = statemachine.State(NodeActive), statemachine.State(NodeActivating),
			statemachine.State(NodeInactive)
		unattached, attaching, detaching = statemachine.State(NodeUnattached), statemachine.State(NodeAttaching),
			statemachine.State(NodeDetaching)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[Node]{
		Kind: "lightbits.node", Initial: in(active, unattached), Zero: zero, Mirror: mirrorNode,
		Key: func(n *Node) string { return n.UUID }, Name: func(n *Node) string { return n.Name },
		Indexes: []store.Index[row]{{Name: nodesByServer,
			Keys: func(r *row) []string { return []string{r.Body.ServerUUID} }}},
		Rules: []statemachine.Rule[Node]{
			{From: in(active, nodeRebuilding, activating), On: "fail", To: inactive, Do: s.nodeDown},
			{From: in(active, nodeRebuilding, activating), On: "degrade", To: inactive, Do: s.nodeDegraded},
			{From: in(active, nodeRebuilding, activating), On: "stop", To: inactive, Do: s.nodeStopped},
			{From: in(active, nodeRebuilding, activating), On: "disable", To: inactive, Do: s.nodeDisabled},
			{From: in(active, nodeRebuilding, activating), On: "reboot", To: inactive, Do: s.nodeReboots},
			{From: in(inactive), On: "perish", To: inactive, Do: s.nodePerished},
			{From: in(inactive), On: "overdue", To: inactive, Unless: s.unlessPatient},
			{From: in(inactive), On: "recover", To: activating, Do: s.nodePowersUp},
			{From: in(activating), On: "powerup", To: activating, After: "powerup",
				Do: func(_ *store.Tx, r *row) error {
					r.Body.PowerupProgress += progressStep
					return nil
				},
				Unless: func(_ *store.Tx, r *row) statemachine.Event {
					if r.Body.PowerupProgress+progressStep >= 100 {
						return "activated"
					}
					return ""
				}},
			{From: in(activating), On: "activated", To: nodeRebuilding, Do: s.nodeBack, Unless: s.unlessEmpty},
			{From: in(activating), On: "ready", To: active, Do: s.nodeReady},
			{From: in(nodeRebuilding), On: "rebuild", To: nodeRebuilding, After: "rebuild", Do: s.nodeRebuilds,
				Units: s.rebuildUnits, Unless: s.unlessRebuilt},
			{From: in(nodeRebuilding), On: "rebuilt", To: active, Do: s.nodeRebuilt},
			{From: in(active), On: "mend", To: active, Do: s.nodeMends, Unless: s.unlessLost},
			{From: in(nodeRebuilding), On: "mend", To: nodeRebuilding, Do: s.nodeMends, Unless: s.unlessLost},
			{From: in(unattached), On: "attach", To: attaching, Do: s.nodeAttaching},
			{From: in(attaching), On: "attached", To: active, After: "attach", Do: s.nodeAttached,
				Unless: s.unlessReplaces},
			{From: in(attaching), On: "replaced", To: nodeRebuilding, Do: s.nodeTakesOver},
			{From: in(attaching), On: "fail", To: unattached, Do: s.attachFailed},
			{From: in(active, inactive), On: "detach", To: detaching, Do: s.nodeDetaching},
			{From: in(detaching), On: "detached", To: unattached, After: "detach", Do: s.nodeUnattached,
				Unless: s.unlessReplaced},
			{From: in(detaching), On: "keep", To: inactive, Do: s.nodeKept(s.nodeDown)},
			{From: in(detaching), On: "resume", To: active, Do: s.nodeKept(s.nodeReady)},
			{From: in(detaching), On: "fail", To: inactive, Do: s.detachFailed, Unless: s.unlessDown},
		},
		Delays: map[string]statemachine.DelayDefault{
			"powerup": {Fast: "100ms", Realistic: "15s"}, "rebuild": {Fast: "100ms", Realistic: "1m"},
			"attach": {Fast: "300ms", Realistic: "1m"}, "detach": {Fast: "300ms", Realistic: "1m"},
		},
	})
}

// moveNode changes the usage row of a node, which placement and protection read.
func (s *Service) moveNode(tx *store.Tx, n *Node, change func(u *nodeUsage)) error {
	u, err := usageTable.Get(tx, n.UUID)
	if err != nil {
		return err
	}
	change(&u)
	return usageTable.Put(tx, &u)
}

// nodeUnreachable is the failureInfo of a node that the others cannot reach.
const nodeUnreachable = "the node does not answer"

// nodeDown makes a node inactive that was lost.
func (s *Service) nodeDown(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.loseUpgrade(tx, r.Body.ServerUUID); err != nil {
		return err
	}
	return s.nodeInactive(tx, r, NodeConnectivityProblem, nodeUnreachable)
}

// nodeDegraded makes a node inactive that cannot read its data any more. Its server runs, so its connectivity stays OK
// (assumption 431).
func (s *Service) nodeDegraded(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.loseUpgrade(tx, r.Body.ServerUUID); err != nil {
		return err
	}
	return s.nodeInactive(tx, r, NodeConnectivityOK, "data on failed NVMe devices cannot be rebuilt")
}

// nodeStopped makes the node inactive after a user stopped it, so its connectivity stays OK.
func (s *Service) nodeStopped(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.nodeInactive(tx, r, NodeConnectivityOK, "the node instance was stopped")
}

// nodeDisabled makes the node inactive because its server was disabled, which still runs.
func (s *Service) nodeDisabled(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.nodeInactive(tx, r, NodeConnectivityOK, "the server is disabled")
}

// nodeReboots makes the node inactive while its server reboots, when nothing answers.
func (s *Service) nodeReboots(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.nodeInactive(tx, r, NodeConnectivityProblem, "the server reboots to be upgraded")
}

// nodesUnreachable shows that the inactive nodes of a server that has failed do not answer.
func (s *Service) nodesUnreachable(tx *store.Tx, v *Server) error {
	for _, id := range v.NodesUUIDs {
		row, err := s.nodes.Get(tx, id)
		if err != nil {
			return err
		}
		if row.Life.State != statemachine.State(NodeInactive) {
			continue
		}
		row.Body.Status, row.Body.FailureInfo = NodeConnectivityProblem, nodeUnreachable
		if err := s.nodes.Touch(tx, &row); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) nodeInactive(tx *store.Tx, r *statemachine.Row[Node], status NodeStatus, why string) error {
	n := &r.Body
	n.Status, n.FailureInfo, n.PowerupProgress = status, why, 0
	if err := s.haltLocalRebuild(tx, n); err != nil {
		return err
	}
	err := s.moveNode(tx, n, func(u *nodeUsage) { u.Serving, u.Synced, u.Rebuilt, u.Attached = false, false, 0, true })
	if err != nil {
		return err
	}
	if err := s.logEvent(tx, events.NodeInactive, events.AboutNode(n.UUID, n.Name)); err != nil {
		return err
	}
	if err := s.awaitPermanentFailure(tx, r); err != nil {
		return err
	}
	return s.reprotect(tx, n.UUID)
}

func (s *Service) nodePowersUp(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	n.Status, n.FailureInfo, n.PowerupProgress, n.PermanentFailure = NodeConnectivityOK, "", 0, false
	return s.logEvent(tx, events.NodeActivating, events.AboutNode(n.UUID, n.Name))
}

// unlessEmpty returns "ready" for a node without volumes, which has nothing to rebuild.
func (s *Service) unlessEmpty(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if u, err := usageTable.Get(tx, r.Body.UUID); err == nil && u.Volumes == 0 {
		return "ready"
	}
	return ""
}

// nodeBack makes the node serve again with replicas that are out of date.
func (s *Service) nodeBack(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	n.PowerupProgress = 0
	err := s.moveNode(tx, n, func(u *nodeUsage) { u.Serving, u.Synced, u.Attached, u.Rebuilt = true, false, true, 0 })
	if err != nil {
		return err
	}
	if err := s.wantLocalRebuild(tx, r); err != nil {
		return err
	}
	for _, kind := range []events.Name{events.NodeActive, events.NodeRebuilding} {
		if err := s.logEvent(tx, kind, events.AboutNode(n.UUID, n.Name)); err != nil {
			return err
		}
	}
	return s.reprotect(tx, n.UUID)
}

// nodeReady makes the node serve with nothing to rebuild.
func (s *Service) nodeReady(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	n.PowerupProgress = 0
	err := s.moveNode(tx, n, func(u *nodeUsage) { u.Serving, u.Synced, u.Attached, u.Rebuilt = true, true, true, 0 })
	if err != nil {
		return err
	}
	if err := s.wantLocalRebuild(tx, r); err != nil {
		return err
	}
	if err := s.logEvent(tx, events.NodeActive, events.AboutNode(n.UUID, n.Name)); err != nil {
		return err
	}
	return s.nodeWhole(tx, n)
}

// nodeWhole continues what waited for the node to serve and be up to date: the upgrade of its server, and moves of
// replicas.
func (s *Service) nodeWhole(tx *store.Tx, n *Node) error {
	if err := s.lookAtUpgrade(tx, n.ServerUUID); err != nil {
		return err
	}
	return s.lookForRoom(tx)
}

func (s *Service) nodeAttaching(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.logEvent(tx, events.NodeAttaching, events.AboutNode(r.Body.UUID, r.Body.Name))
}

// nodeDetaching lets a node leave the cluster. The node must be empty, unless another one replaces it.
func (s *Service) nodeDetaching(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	replaced := s.replacements.Table().Has(tx, n.UUID)
	if !replaced && len(s.chainsOn(tx, n.UUID)) > 0 {
		return refusal.New(refusal.FailedPrecondition,
			"node %s holds replicas of volumes or snapshots and cannot be detached", n.Name)
	}
	if replaced { // new replicas would not have been checked when the replacement was allowed
		if err := s.moveNode(tx, n, func(u *nodeUsage) { u.Leaving = true }); err != nil {
			return err
		}
	} else {
		if err := s.haltLocalRebuild(tx, n); err != nil {
			return err
		}
		if err := s.moveNode(tx, n, func(u *nodeUsage) { u.Serving, u.Attached = false, false }); err != nil {
			return err
		}
	}
	return s.logEvent(tx, events.NodeDetaching, events.AboutNode(n.UUID, n.Name))
}

func (s *Service) nodeUnattached(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	n.Status, n.FailureInfo, n.PermanentFailure = NodeConnectivityOK, "", false
	if err := s.haltLocalRebuild(tx, n); err != nil {
		return err
	}
	err := s.moveNode(tx, n, func(u *nodeUsage) { u.Serving, u.Synced, u.Attached = false, true, false })
	if err != nil {
		return err
	}
	return s.logEvent(tx, events.NodeUnattached, events.AboutNode(n.UUID, n.Name))
}

// mirrorNode copies state and version into the node. The API shows a node that rebuilds its replicas as Active.
func mirrorNode(n *Node, l statemachine.Life) {
	n.State, n.ETag = NodeState(l.State), strconv.FormatUint(l.Version, 10)
	if l.State == nodeRebuilding {
		n.State = NodeActive
	}
}

type nodeEffect = func(tx *store.Tx, r *statemachine.Row[Node]) error

func (s *Service) nodeAttached(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.noteExtended(tx, r); err != nil {
		return err
	}
	return s.nodeReady(tx, r)
}

// noteExtended ends the extension of the cluster when the last node of the new server has joined.
func (s *Service) noteExtended(tx *store.Tx, r *statemachine.Row[Node]) error {
	server, err := s.servers.Get(tx, r.Body.ServerUUID)
	if err != nil {
		return err
	}
	for _, id := range server.Body.NodesUUIDs {
		if id == r.Body.UUID {
			continue
		}
		if other, err := s.nodes.Get(tx, id); err != nil || other.Body.State == NodeUnattached ||
			other.Body.State == NodeAttaching {
			return err
		}
	}
	return s.setOptions(tx, server.Body.UUID, func(p *serverOptions) { p.Extend = false })
}
