package lightbits

import (
	"slices"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// replacement is a node that takes over all that another one holds. The source is Detaching and the target Attaching; when
// the target has been attached, everything changes hands and is rebuilt there, and the source becomes Unattached.
type replacement struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// replacementMachine has one state: what happens is told by the two nodes.
func (s *Service) replacementMachine() *statemachine.Machine[replacement] {
	const running = statemachine.State("Running")
	return statemachine.Define(statemachine.Machine[replacement]{
		Kind: "lightbits.replacement", Initial: []statemachine.State{running}, Zero: zero,
		Key: func(r *replacement) string { return r.Source },
		Rules: []statemachine.Rule[replacement]{
			{From: []statemachine.State{running}, On: "replaced", To: statemachine.Gone},
		},
	})
}

// replacing answers the replacement that a node is part of, or nil.
func (s *Service) replacing(tx *store.Tx, node string) *statemachine.Row[replacement] {
	for _, r := range s.replacements.Table().All(tx, "", "") {
		if r.Body.Source == node || r.Body.Target == node {
			return &r
		}
	}
	return nil
}

// unlessReplaces: a node that replaces another one has its replicas to rebuild. Where that cannot be any more, because
// replicas have moved or the room is taken since it was allowed, the replacement does not happen.
func (s *Service) unlessReplaces(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	job := s.replacing(tx, r.Body.UUID)
	if job == nil {
		return ""
	}
	source, err := s.nodes.Get(tx, job.Body.Source)
	if err != nil || s.canTakeOver(tx, &source.Body, &r.Body) != nil {
		return "fail"
	}
	return "replaced"
}

// nodeKept: a node whose replacement did not happen takes replicas again.
func (s *Service) nodeKept(then nodeEffect) nodeEffect {
	return func(tx *store.Tx, r *statemachine.Row[Node]) error {
		if err := s.moveNode(tx, &r.Body, func(u *nodeUsage) { u.Leaving = false }); err != nil {
			return err
		}
		return then(tx, r)
	}
}

// unlessReplaced: a node that is being replaced keeps what it holds until the other one is there.
func (s *Service) unlessReplaced(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if s.replacements.Table().Has(tx, r.Body.UUID) {
		return statemachine.Stay
	}
	return ""
}

// nodeTakesOver moves all replicas from the node that is replaced; they are then rebuilt here.
func (s *Service) nodeTakesOver(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	job := s.replacing(tx, n.UUID)
	if job == nil {
		return refusal.New(refusal.FailedPrecondition, "node %s replaces no other", n.Name)
	}
	source := job.Body.Source
	for _, id := range s.chainsOn(tx, source) {
		c, err := s.placedChain(tx, id)
		if err != nil {
			return err
		}
		if slices.Contains(c.nodes, n.UUID) {
			continue
		}
		if err := s.moveReplica(tx, &c, source, n.UUID); err != nil {
			return err
		}
	}
	if err := s.replacements.Fire(tx, job, "replaced"); err != nil {
		return err
	}
	old, err := s.nodes.Get(tx, source)
	if err != nil {
		return err
	}
	if err := s.moveNode(tx, &old.Body, func(u *nodeUsage) { u.Serving, u.Attached, u.Leaving = false, false, false }); err != nil {
		return err
	}
	if !s.nodes.Waits(tx, &old) {
		if err := s.nodes.After(tx, &old, "detached", tx.Now); err != nil {
			return err
		}
	}
	if err := s.noteExtended(tx, r); err != nil {
		return err
	}
	return s.nodeBack(tx, r)
}

// attachFailed: a replacement whose target is lost does not happen; the source keeps what it holds.
func (s *Service) attachFailed(tx *store.Tx, r *statemachine.Row[Node]) error {
	if err := s.nodeUnattached(tx, r); err != nil {
		return err
	}
	job := s.replacing(tx, r.Body.UUID)
	if job == nil {
		return nil
	}
	if err := s.replacements.Remove(tx, job); err != nil {
		return err
	}
	source, err := s.nodes.Get(tx, job.Body.Source)
	if err != nil || source.Life.State != statemachine.State(NodeDetaching) {
		return ignoreNotFound(err)
	}
	on := statemachine.Event("keep")
	if u, err := usageTable.Get(tx, source.Body.UUID); err == nil && u.Serving {
		on = "resume"
	}
	return s.nodes.Fire(tx, &source, on)
}

// unlessDown: a node that was down already when its replacement began loses nothing more (assumption 363), and neither
// does one that holds nothing, or nothing any more (assumption 370).
func (s *Service) unlessDown(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if u, err := usageTable.Get(tx, r.Body.UUID); err == nil && !u.Serving {
		return statemachine.Stay
	}
	return ""
}

// detachFailed: when a node is lost that was being replaced while it was active, the replacement does not happen.
func (s *Service) detachFailed(tx *store.Tx, r *statemachine.Row[Node]) error {
	job := s.replacing(tx, r.Body.UUID)
	if job == nil {
		return s.nodeDown(tx, r)
	}
	if err := s.replacements.Remove(tx, job); err != nil {
		return err
	}
	target, err := s.nodes.Get(tx, job.Body.Target)
	if err != nil {
		return err
	}
	if target.Life.State == statemachine.State(NodeAttaching) {
		if err := s.nodes.Fire(tx, &target, "fail"); err != nil {
			return err
		}
	}
	return s.nodeKept(s.nodeDown)(tx, r)
}

// cutReplacement ends what a node that leaves the world has to do with a replacement.
func (s *Service) cutReplacement(tx *store.Tx, node string) error {
	job := s.replacing(tx, node)
	if job == nil {
		return nil
	}
	return s.replacements.Remove(tx, job)
}
