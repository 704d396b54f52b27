package lightbits

import (
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// maxReplacements is how many nodes of a cluster can be replaced at the same time (assumption 265).
const maxReplacements = 2

type replaceNodeRequest struct {
	SrcNodeUUID        string `json:"SrcNodeUUID"`
	TargetNodeUUID     string `json:"TargetNodeUUID" required:"the mandatory argument {path} is missing"`
	ReplaceWhileActive bool   `json:"ReplaceWhileActive"`
}

// replaceNode: seeds/002 "Replace Node". If-Match applies to the source.
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

// mayReplace checks the preconditions: other operations in progress, the states of both nodes, another copy of all
// data, and room on the target in a failure domain without another replica.
func (s *Service) mayReplace(tx *store.Tx, source, target *statemachine.Row[Node], whileActive bool) error {
	src, dst := &source.Body, &target.Body
	for _, n := range []*Node{src, dst} {
		if n.State == NodeDetaching || n.State == NodeAttaching || s.replacing(tx, n.UUID) != nil {
			return refusal.New(refusal.Aborted, "there is a user operation in progress on node %s: it is %s", n.Name,
				n.State)
		}
	}
	if err := s.mayStart(tx, opReplaceNode, src.ServerUUID, dst.ServerUUID); err != nil {
		return err
	}
	running := 0
	for range s.replacements.Table().All(tx, "", "") {
		running++
	}
	if running >= maxReplacements {
		return refusal.New(refusal.ResourceExhausted,
			"too many commands in progress: %d nodes are being replaced, which is the maximum", running).
			Because(Crowded{Max: maxReplacements, Running: running})
	}
	want := string(NodeInactive)
	fits := src.State == NodeInactive
	if whileActive {
		want += " or " + string(NodeActive)
		fits = fits || source.Life.State == statemachine.State(NodeActive)
	}
	if !fits {
		return refusal.New(refusal.InvalidArgument, "source node %s is %s; it must be %s to be replaced", src.Name,
			src.State, want)
	}
	if dst.State != NodeUnattached {
		return refusal.New(refusal.InvalidArgument, "target node %s is %s; it must be %s to replace another one",
			dst.Name, dst.State, NodeUnattached)
	}
	server, err := s.servers.Get(tx, dst.ServerUUID)
	if err != nil {
		return err
	}
	if server.Body.State != ServerEnabled {
		return refusal.New(refusal.InvalidArgument, "target node %s belongs to server %s, which is %s and not %s",
			dst.Name, server.Body.Name, server.Body.State, ServerEnabled)
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
		return refusal.New(refusal.InvalidArgument,
			"target node %s has too little space for the data of node %s: %d bytes are provisioned, %d are used",
			dst.Name, src.Name, from.Provisioned, from.PhysicalUsed)
	}
	for _, id := range s.chainsOn(tx, src.UUID) {
		c, err := s.placedChain(tx, id)
		if err != nil {
			return err
		}
		if !s.readable(tx, c.nodes) {
			return refusal.New(refusal.InvalidArgument,
				"node %s cannot be replaced: no other node has an up-to-date replica of %s", src.Name, c.name())
		}
		if !s.apart(tx, &c, src.UUID, &to) {
			return refusal.New(refusal.InvalidArgument,
				"target node %s shares a failure domain (%s) with another replica of %s",
				dst.Name, strings.Join(to.Domains, ", "), c.name())
		}
	}
	return nil
}

// name describes a chain in error texts by its first volume or snapshot.
func (c *placedChain) name() string {
	if len(c.volumes) > 0 {
		return "volume " + c.volumes[0].Body.Name
	}
	if len(c.snapshots) > 0 {
		return "snapshot " + c.snapshots[0].Body.Name
	}
	return "nothing"
}
