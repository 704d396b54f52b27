package lightbits

import (
	"slices"
	"strconv"
	"time"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// nodeRebuilding is the state of a node that serves again and whose replicas are being brought up to date. The API
// knows no such state: it shows Active.
const nodeRebuilding statemachine.State = "Rebuilding"

// nodesByServer is the index of nodes by their server.
const nodesByServer = "server"

// progressStep is by how many percent one step of powering up or rebuilding gets on; the delays powerup and rebuild
// are those of one step.
const progressStep = 25

// nodeMachine is the life of a node (facts/lightbits.md 4.6). A failed node comes back through Activating, then its
// volumes are rebuilt while it serves.
func (s *Service) nodeMachine() *statemachine.Machine[Node] {
	type row = statemachine.Row[Node]
	const (
		active, activating, inactive     = statemachine.State(NodeActive), statemachine.State(NodeActivating), statemachine.State(NodeInactive)
		unattached, attaching, detaching = statemachine.State(NodeUnattached), statemachine.State(NodeAttaching), statemachine.State(NodeDetaching)
	)
	in := func(states ...statemachine.State) []statemachine.State { return states }
	return statemachine.Define(statemachine.Machine[Node]{
		Kind: "lightbits.node", Initial: in(active, unattached), Zero: zero, Mirror: mirrorNode,
		Key: func(n *Node) string { return n.UUID }, Name: func(n *Node) string { return n.Name },
		Indexes: []store.Index[row]{{Name: nodesByServer, Keys: func(r *row) []string { return []string{r.Body.ServerUUID} }}},
		Rules: []statemachine.Rule[Node]{
			{From: in(active, nodeRebuilding, activating), On: "fail", To: inactive, Do: s.nodeDown},
			{From: in(active, nodeRebuilding, activating), On: "stop", To: inactive, Do: s.nodeStopped},
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
			{From: in(nodeRebuilding), On: "rebuild", To: nodeRebuilding, After: "rebuild", Do: s.nodeRebuilds, Unless: s.unlessRebuilt},
			{From: in(nodeRebuilding), On: "rebuilt", To: active, Do: s.nodeRebuilt},
			{From: in(active), On: "mend", To: active, Do: s.nodeMends, Unless: s.unlessLost},
			{From: in(nodeRebuilding), On: "mend", To: nodeRebuilding, Do: s.nodeMends, Unless: s.unlessLost},
			{From: in(unattached), On: "attach", To: attaching, Do: s.nodeAttaching},
			{From: in(attaching), On: "attached", To: active, After: "attach", Do: s.nodeAttached, Unless: s.unlessReplaces},
			{From: in(attaching), On: "replaced", To: nodeRebuilding, Do: s.nodeTakesOver},
			{From: in(attaching), On: "fail", To: unattached, Do: s.attachFailed},
			{From: in(active, inactive), On: "detach", To: detaching, Do: s.nodeDetaching},
			{From: in(detaching), On: "detached", To: unattached, After: "detach", Do: s.nodeUnattached, Unless: s.unlessReplaced},
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

// moveNode writes down, for placement and protection, what a node is doing now.
func (s *Service) moveNode(tx *store.Tx, n *Node, change func(u *nodeUsage)) error {
	u, err := usageTable.Get(tx, n.UUID)
	if err != nil {
		return err
	}
	change(&u)
	return usageTable.Put(tx, &u)
}

func (s *Service) nodeDown(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.nodeInactive(tx, r, NodeConnectivityProblem, "the node does not answer")
}

// nodeStopped: somebody stopped it on purpose, so nothing is wrong with its network.
func (s *Service) nodeStopped(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.nodeInactive(tx, r, NodeConnectivityOK, "the node instance was stopped")
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
	if err := s.logEvent(tx, eventNodeInactive, nodeSubject(n.UUID, n.Name)); err != nil {
		return err
	}
	if err := s.awaitPermanentFailure(tx, r); err != nil {
		return err
	}
	return s.reprotect(tx, n.UUID)
}

// awaitPermanentFailure looks at an Inactive node again when nobody waits for it any longer.
func (s *Service) awaitPermanentFailure(tx *store.Tx, r *statemachine.Row[Node]) error {
	timeout := s.permanentFailureAfter(tx, r.Body.ServerUUID)
	if timeout == 0 || r.Body.PermanentFailure {
		return nil
	}
	due := r.Life.Since.Add(timeout)
	if due.Before(tx.Now) {
		due = tx.Now
	}
	return s.nodes.After(tx, r, "overdue", due)
}

// unlessPatient: how long a node may be Inactive can have changed since it was looked at.
func (s *Service) unlessPatient(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	timeout := s.permanentFailureAfter(tx, r.Body.ServerUUID)
	if timeout == 0 || r.Body.PermanentFailure || tx.Now.Before(r.Life.Since.Add(timeout)) {
		return statemachine.Stay
	}
	return "perish"
}

// permanentFailureMoved looks at all Inactive nodes with a new DurationToTurnIntoPermanentFailure (assumption 366).
func (s *Service) permanentFailureMoved(tx *store.Tx) error {
	for _, row := range s.nodes.Table().All(tx, "", "") {
		if row.Life.State != statemachine.State(NodeInactive) {
			continue
		}
		if err := s.awaitPermanentFailure(tx, &row); err != nil {
			return err
		}
	}
	return nil
}

// permanentFailureAfter is how long a node of the server may be Inactive until its failure is permanent: what the server
// was disabled with, else the cluster's DurationToTurnIntoPermanentFailure. 0 is never.
func (s *Service) permanentFailureAfter(tx *store.Tx, server string) time.Duration {
	if plan, err := serverPlans.Get(tx, server); err == nil && plan.Never {
		return 0
	}
	if row, err := s.servers.Get(tx, server); err == nil && row.Body.ServerPermanenetFailureTimeout > 0 {
		return time.Duration(row.Body.ServerPermanenetFailureTimeout)
	}
	return s.configDuration(tx, configPermanentFailure)
}

// nodePerished: nobody waits for the node any longer. What it holds goes elsewhere where the flag fail-in-place is on;
// otherwise somebody has to replace it.
func (s *Service) nodePerished(tx *store.Tx, r *statemachine.Row[Node]) error {
	r.Body.PermanentFailure = true
	if err := s.logEvent(tx, eventNodePerished, nodeSubject(r.Body.UUID, r.Body.Name)); err != nil {
		return err
	}
	return s.failInPlace(tx, r.Body.UUID)
}

func (s *Service) nodePowersUp(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	n.Status, n.FailureInfo, n.PowerupProgress, n.PermanentFailure = NodeConnectivityOK, "", 0, false
	return s.logEvent(tx, eventNodeActivating, nodeSubject(n.UUID, n.Name))
}

// unlessEmpty: a node that holds no volume has nothing to rebuild.
func (s *Service) unlessEmpty(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if u, err := usageTable.Get(tx, r.Body.UUID); err == nil && u.Volumes == 0 {
		return "ready"
	}
	return ""
}

// nodeBack: the node serves, with replicas that are out of date.
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
	for _, kind := range []eventName{eventNodeActive, eventNodeRebuilding} {
		if err := s.logEvent(tx, kind, nodeSubject(n.UUID, n.Name)); err != nil {
			return err
		}
	}
	return s.reprotect(tx, n.UUID)
}

// nodeReady: the node serves and has nothing to rebuild.
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
	if err := s.logEvent(tx, eventNodeActive, nodeSubject(n.UUID, n.Name)); err != nil {
		return err
	}
	return s.nodeWhole(tx, n)
}

// nodeWhole tells those who wait for a node that serves and is up to date: the upgrade of its server, and replicas that
// have to go elsewhere.
func (s *Service) nodeWhole(tx *store.Tx, n *Node) error {
	if err := s.lookAtUpgrade(tx, n.ServerUUID); err != nil {
		return err
	}
	return s.lookForRoom(tx)
}

func (s *Service) nodeRebuilds(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.moveNode(tx, &r.Body, func(u *nodeUsage) { u.Rebuilt += progressStep }); err != nil {
		return err
	}
	return s.reprotect(tx, r.Body.UUID)
}

func (s *Service) unlessRebuilt(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if u, err := usageTable.Get(tx, r.Body.UUID); err == nil && u.Rebuilt+progressStep >= 100 {
		return "rebuilt"
	}
	return ""
}

func (s *Service) nodeRebuilt(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	if err := s.moveNode(tx, n, func(u *nodeUsage) { u.Synced, u.Rebuilt = true, 0 }); err != nil {
		return err
	}
	if err := s.logEvent(tx, eventNodeRebuilt, nodeSubject(n.UUID, n.Name)); err != nil {
		return err
	}
	if err := s.reprotect(tx, n.UUID); err != nil {
		return err
	}
	if err := s.wantLocalRebuild(tx, r); err != nil {
		return err
	}
	return s.nodeWhole(tx, n)
}

func (s *Service) nodeAttaching(tx *store.Tx, r *statemachine.Row[Node]) error {
	return s.logEvent(tx, eventNodeAttaching, nodeSubject(r.Body.UUID, r.Body.Name))
}

// nodeDetaching: a node leaves the cluster only when nothing is on it any more, or when another one replaces it.
func (s *Service) nodeDetaching(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	replaced := s.replacements.Table().Has(tx, n.UUID)
	if !replaced && len(s.chainsOn(tx, n.UUID)) > 0 {
		return refusal.New(refusal.FailedPrecondition, "node %s holds replicas of volumes or snapshots and cannot be detached", n.Name)
	}
	if replaced { // what came here now would not have been looked at when the replacement was allowed
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
	return s.logEvent(tx, eventNodeDetaching, nodeSubject(n.UUID, n.Name))
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
	return s.logEvent(tx, eventNodeUnattached, nodeSubject(n.UUID, n.Name))
}

// upOf counts the nodes whose replicas count for protection: those that serve and are up to date, or, where none is up
// to date, those that serve, for then theirs is the latest there is.
func upOf(nodes []nodeUsage) int {
	synced, serving := 0, 0
	for i := range nodes {
		if nodes[i].Serving {
			serving++
			if nodes[i].Synced {
				synced++
			}
		}
	}
	if synced == 0 {
		return serving
	}
	return synced
}

// rebuildProgress is how far the replicas of those nodes are brought up to date, in percent; rebuildNone where there is
// nothing to do or nothing being done (assumption 46).
func rebuildProgress(nodes []nodeUsage) string {
	least := uint64(100)
	for i := range nodes {
		if nodes[i].Serving && !nodes[i].Synced {
			least = min(least, nodes[i].Rebuilt)
		}
	}
	if least == 100 {
		return rebuildNone
	}
	return strconv.FormatUint(least, 10)
}

// reprotect brings the protection and the rebuild progress of all volumes on a node up to date, and records what
// changed. It does not change their ETags, since nobody modified them (assumption 45).
func (s *Service) reprotect(tx *store.Tx, nodeUUID string) error {
	all := s.usages(tx)
	for _, key := range slices.Collect(s.volumes.Table().KeysBy(tx, volumesByNode, nodeUUID)) {
		row, err := s.volumes.Get(tx, key)
		if err != nil {
			return err
		}
		v := &row.Body
		if v.State == VolumeCreating || v.State == VolumeFailed {
			continue
		}
		nodes := make([]nodeUsage, 0, len(v.NodeList))
		for _, id := range v.NodeList {
			nodes = append(nodes, all[id])
		}
		now, progress := ProtectionState(physics.ProtectionOf(len(nodes), upOf(nodes))), rebuildProgress(nodes)
		was := v.ProtectionState
		if now == was && progress == v.RebuildProgress {
			continue
		}
		v.ProtectionState, v.RebuildProgress = now, progress
		if err := s.volumes.Touch(tx, &row); err != nil {
			return err
		}
		if now == was {
			continue
		}
		if err := s.logEvent(tx, protectionEventNames[now], volumeSubject(v.ProjectName, v.UUID, v.Name)); err != nil {
			return err
		}
	}
	return nil
}

// protectionEventNames is what a volume's new protection is called in the event log.
var protectionEventNames = map[ProtectionState]eventName{
	ProtectionFullyProtected: eventVolumeFullyProtected, ProtectionDegraded: eventVolumeDegraded,
	ProtectionReadOnly: eventVolumeReadOnly, ProtectionNotAvailable: eventVolumeNotAvailable,
}
