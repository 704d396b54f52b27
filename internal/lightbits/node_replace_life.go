package lightbits

import (
	"slices"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// replacement is the move of all replicas from one node to another. The source is Detaching and the target Attaching.
// Once the target is attached, it takes all replicas over and rebuilds them, and the source becomes Unattached.
type replacement struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// replacementMachine has one state; the states of the two nodes show the progress.
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

// replacing returns the replacement that a node is the source or the target of, or nil.
func (s *Service) replacing(tx *store.Tx, node string) *statemachine.Row[replacement] {
	for _, r := range s.replacements.Table().All(tx, "", "") {
		if r.Body.Source == node || r.Body.Target == node {
			return &r
		}
	}
	return nil
}

// unlessReplaces returns "replaced" for the target of a replacement. If the replacement has become impossible, because
// replicas have moved or the space is used up, it returns "fail".
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

// nodeKept lets a node take replicas again after its replacement failed.
func (s *Service) nodeKept(then nodeEffect) nodeEffect {
	return func(tx *store.Tx, r *statemachine.Row[Node]) error {
		if err := s.moveNode(tx, &r.Body, func(u *nodeUsage) { u.Leaving = false }); err != nil {
			return err
		}
		return then(tx, r)
	}
}

// unlessReplaced keeps a node Detaching until its replacement is attached.
func (s *Service) unlessReplaced(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if s.replacements.Table().Has(tx, r.Body.UUID) {
		return statemachine.Stay
	}
	return ""
}

// nodeTakesOver moves all replicas from the replaced node to this one, which rebuilds them.
func (s *Service) nodeTakesOver(tx *store.Tx, r *statemachine.Row[Node]) error {
	n := &r.Body
	job := s.replacing(tx, n.UUID)
	if job == nil {
		return refusal.New(refusal.FailedPrecondition, "node %s does not replace another node", n.Name)
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
	if err := s.moveNode(tx, &old.Body, func(u *nodeUsage) {
		u.Serving, u.Attached, u.Leaving = false, false,
			false
	}); err != nil {
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

// attachFailed ends a replacement whose target is lost. The source keeps its replicas.
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

// unlessDown ignores the failure of a node that was already down when its replacement began (assumption 363), or that
// holds nothing (assumption 370).
func (s *Service) unlessDown(tx *store.Tx, r *statemachine.Row[Node]) statemachine.Event {
	if u, err := usageTable.Get(tx, r.Body.UUID); err == nil && !u.Serving {
		return statemachine.Stay
	}
	return ""
}

// detachFailed ends the replacement of an active node when that node is lost.
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

// cutReplacement removes the replacement of a node that leaves the world.
func (s *Service) cutReplacement(tx *store.Tx, node string) error {
	job := s.replacing(tx, node)
	if job == nil {
		return nil
	}
	return s.replacements.Remove(tx, job)
}
