package lightbits

import (
	"errors"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// maxReplacements is how many nodes can be replaced at the same time in a cluster (assumption 265).
const maxReplacements = 2

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

type replaceNodeRequest struct {
	SrcNodeUUID        string `json:"SrcNodeUUID"`
	TargetNodeUUID     string `json:"TargetNodeUUID" required:"the mandatory argument {path} is missing"`
	ReplaceWhileActive bool   `json:"ReplaceWhileActive"`
}

// replaceNode: seeds/002 "Replace Node". An If-Match is that of the source.
func (s *Service) replaceNode(tx *store.Tx, r *api.Request, q *replaceNodeRequest) (api.Empty, error) {
	var none api.Empty
	source, err := s.findNode(tx, "SrcNodeUUID", q.SrcNodeUUID)
	if err != nil {
		return none, err
	}
	target, err := s.findNode(tx, "TargetNodeUUID", q.TargetNodeUUID)
	if err != nil {
		return none, err
	}
	if err := r.IfMatch(source.Body.ETag, source.Life.By); err != nil {
		return none, err
	}
	if err := s.mayReplace(tx, &source, &target, q.ReplaceWhileActive); err != nil {
		return none, err
	}
	row, err := s.replacements.Create(tx, replacement{Source: source.Body.UUID, Target: target.Body.UUID}, "Running")
	if err != nil {
		return none, err
	}
	if err := s.nodes.Fire(tx, &source, "detach"); err != nil {
		return none, err
	}
	if s.replacements.Table().Has(tx, row.Body.Source) {
		err = s.nodes.Fire(tx, &target, "attach")
	}
	return none, err
}

// findNode: InvalidArgument where the member that is to name it is empty, NotFound for an unknown one.
func (s *Service) findNode(tx *store.Tx, member, id string) (statemachine.Row[Node], error) {
	if id == "" {
		return statemachine.Row[Node]{}, refusal.New(refusal.InvalidArgument, "the mandatory argument %s is missing", member)
	}
	row, err := s.nodes.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "node UUID %q is not found", id)
	}
	return row, err
}

// mayReplace checks the preconditions: what is under way, the states, whether there is another copy of everything, and
// whether the target could hold it apart from the others.
func (s *Service) mayReplace(tx *store.Tx, source, target *statemachine.Row[Node], whileActive bool) error {
	src, dst := &source.Body, &target.Body
	for _, n := range []*Node{src, dst} {
		if n.State == NodeDetaching || n.State == NodeAttaching || s.replacing(tx, n.UUID) != nil {
			return refusal.New(refusal.Aborted, "there is a user operation in progress on node %s: it is %s", n.Name, n.State)
		}
	}
	for _, n := range []*Node{src, dst} {
		if s.upgrades.Table().Has(tx, n.ServerUUID) || s.evictions.Table().Has(tx, n.ServerUUID) {
			return refusal.New(refusal.Aborted, "there is a user operation in progress on the server of node %s: it is being upgraded or evicted", n.Name)
		}
	}
	running := 0
	for range s.replacements.Table().All(tx, "", "") {
		running++
	}
	if running >= maxReplacements {
		return refusal.New(refusal.ResourceExhausted, "too many commands in progress: %d nodes are being replaced, which is as many as can be at a time", running).
			Because(Crowded{Max: maxReplacements, Running: running})
	}
	want := string(NodeInactive)
	fits := src.State == NodeInactive
	if whileActive {
		want += " or " + string(NodeActive)
		fits = fits || source.Life.State == statemachine.State(NodeActive)
	}
	if !fits {
		return refusal.New(refusal.InvalidArgument, "source node %s is %s; it must be %s to be replaced", src.Name, src.State, want)
	}
	if dst.State != NodeUnattached {
		return refusal.New(refusal.InvalidArgument, "target node %s is %s; it must be %s to replace another one", dst.Name, dst.State, NodeUnattached)
	}
	server, err := s.servers.Get(tx, dst.ServerUUID)
	if err != nil {
		return err
	}
	if server.Body.State != ServerEnabled {
		return refusal.New(refusal.InvalidArgument, "target node %s belongs to server %s, which is %s and not %s", dst.Name, server.Body.Name, server.Body.State, ServerEnabled)
	}
	return s.canTakeOver(tx, src, dst)
}

func (s *Service) canTakeOver(tx *store.Tx, src, dst *Node) error {
	from, err := usageTable.Get(tx, src.UUID)
	if err != nil {
		return err
	}
	to, err := usageTable.Get(tx, dst.UUID)
	if err != nil {
		return err
	}
	if to.Disks.Full(from.Usage) || physics.SpaceOf(to.Disks, from.Usage).TotalLogical < uint64(from.Provisioned) {
		return refusal.New(refusal.InvalidArgument, "target node %s has no room for what node %s holds: %d bytes are provisioned, %d used",
			dst.Name, src.Name, from.Provisioned, from.PhysicalUsed)
	}
	for _, id := range s.chainsOn(tx, src.UUID) {
		c, err := s.things(tx, id)
		if err != nil {
			return err
		}
		if !s.readable(tx, c.nodes) {
			return refusal.New(refusal.InvalidArgument, "node %s cannot be replaced: no other node has an up-to-date replica of %s", src.Name, c.name())
		}
		if !s.apart(tx, &c, src.UUID, &to) {
			return refusal.New(refusal.InvalidArgument, "target node %s shares a failure domain (%s) with another replica of %s",
				dst.Name, strings.Join(to.Domains, ", "), c.name())
		}
	}
	return nil
}

// name is how a chain is called in words.
func (c *chainThings) name() string {
	if len(c.volumes) > 0 {
		return "volume " + c.volumes[0].Body.Name
	}
	if len(c.snapshots) > 0 {
		return "snapshot " + c.snapshots[0].Body.Name
	}
	return "nothing"
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

type nodeEffect = func(tx *store.Tx, r *statemachine.Row[Node]) error

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
		c, err := s.things(tx, id)
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
