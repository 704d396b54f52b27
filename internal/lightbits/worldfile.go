package lightbits

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// What a world's file says of rows that are stored in a few bytes, and what follows from others.

// portableBlocks is a blockRow in a world's file.
type portableBlocks struct {
	Holder  string        `json:"holder"` // volume or snapshot
	Project string        `json:"project"`
	UUID    string        `json:"UUID"`
	Chain   string        `json:"chain"`
	Seq     uint64        `json:"seq"`
	Writing uint64        `json:"writing,omitempty"`
	Runs    []portableRun `json:"runs"`
}

type portableRun struct {
	Start      uint64 `json:"start"`
	Count      uint64 `json:"count"`
	Generation uint64 `json:"generation"`
}

var holderNames = map[string]blockHolder{"volume": holderVolume, "snapshot": holderSnapshot}

// MarshalJSON is the row as a world's file has it.
func (b *blockRow) MarshalJSON() ([]byte, error) {
	p := portableBlocks{Holder: "snapshot", Project: b.project, UUID: b.uuid, Chain: b.chain, Seq: b.seq, Writing: uint64(b.writing), Runs: []portableRun{}}
	if b.holder == holderVolume {
		p.Holder = "volume"
	}
	for _, r := range b.extents {
		p.Runs = append(p.Runs, portableRun{Start: r.Start, Count: r.Count, Generation: uint64(r.Generation)})
	}
	return json.Marshal(p)
}

// UnmarshalJSON reads MarshalJSON's form; its errors are *strict.Error.
func (b *blockRow) UnmarshalJSON(text []byte) error {
	var p portableBlocks
	if err := strict.Decode(text, &p); err != nil {
		return err
	}
	holder, ok := holderNames[p.Holder]
	switch {
	case !ok:
		return &strict.Error{Path: "holder", Detail: fmt.Sprintf("%q holds no blocks", p.Holder), Valid: []string{"snapshot", "volume"}}
	case p.UUID == "" || p.Chain == "" || p.Seq == 0:
		return inputError("chain", "UUID, chain and seq, which counts from 1, must be given")
	case len(p.Runs) > physics.MaxRuns:
		return inputError("runs", "%d are more than %d", len(p.Runs), physics.MaxRuns)
	}
	*b = blockRow{holder: holder, project: p.Project, uuid: p.UUID, chain: p.Chain, seq: p.Seq, writing: physics.Generation(p.Writing),
		extents: make(physics.Extents, 0, len(p.Runs))}
	end := uint64(0)
	for i, r := range p.Runs {
		if r.Count == 0 || r.Generation == 0 || r.Start < end || r.Start+r.Count <= r.Start {
			return inputError(fmt.Sprintf("runs[%d]", i), "must begin behind the one before it, and have a count and a generation above 0")
		}
		end = r.Start + r.Count
		b.extents = append(b.extents, physics.Run{Start: r.Start, Count: r.Count, Generation: physics.Generation(r.Generation)})
	}
	return nil
}

// Derived are the tables that Derive fills.
func (s *Service) Derived() []store.Verifier { return []store.Verifier{groupTable} }

// OfWorld are the kinds of things that belong to all clusters together: the federation's.
func (s *Service) OfWorld() []string { return []string{s.workflows.Kind} }

// References are the names by which rows speak of others.
func (s *Service) References() []api.Reference {
	return []api.Reference{
		{From: s.volumes.Kind, Member: "body.projectName", To: projects.Name()},
		{From: s.volumes.Kind, Member: "body.nodeList", To: s.nodes.Kind},
		{From: s.snapshots.Kind, Member: "body.projectName", To: projects.Name()},
		{From: s.snapshots.Kind, Member: "body.nodeList", To: s.nodes.Kind},
		{From: s.nodes.Kind, Member: "body.serverUUID", To: s.servers.Kind},
		{From: s.nodes.Kind, Member: "body.UUID", To: usageTable.Name()},
		{From: usageTable.Name(), Member: "UUID", To: s.nodes.Kind},
		{From: usageTable.Name(), Member: "Server", To: s.servers.Kind},
		{From: hostTable.Name(), Member: "volumeUUIDs", To: s.volumes.Kind},
		{From: credentials.Name(), Member: "projectName", To: projects.Name()},
	}
}

// Derive counts anew what volumes and snapshots take of their nodes, in all clusters. It refuses with *strict.Error, joined, where blocks belong to
// nothing, a schedule cannot be kept or what is known of a node for placement contradicts its state.
func (s *Service) Derive(tx *store.Tx) error {
	var wrong []error
	for i, cluster := range statemachine.Partitions(tx)[1:] {
		tx := tx.In(cluster)
		for _, err := range append(s.contradictions(tx), s.recount(tx)...) {
			var input *strict.Error
			if !errors.As(err, &input) {
				return err
			}
			wrong = append(wrong, below(fmt.Sprintf("clusters[%d].rows", i), err))
		}
	}
	return errors.Join(wrong...)
}

// recount writes the usage of each node and the groups of nodes from what lies on them.
func (s *Service) recount(tx *store.Tx) (wrong []error) {
	usages, groups := map[string]Usage{}, map[string]*replicaGroup{}
	chains := map[string][]string{}
	for _, row := range s.volumes.Table().All(tx, "", "") {
		v := &row.Body
		for i, id := range v.NodeList {
			u := volumeUsage(v, 1)
			if i == 0 {
				u.Primaries = 1
			}
			usages[id] = usages[id].Add(u)
		}
		if len(v.NodeList) == 0 {
			continue
		}
		chains[chainOfVolume(tx, v)] = v.NodeList
		id := s.protectionGroup(tx, v.NodeList)
		if groups[id] == nil {
			groups[id] = &replicaGroup{UUID: id, Nodes: slices.Sorted(slices.Values(v.NodeList))}
		}
		groups[id].Volumes++
	}
	for _, row := range s.snapshots.Table().All(tx, "", "") {
		chains[s.chainOfAny(tx, &row.Body)] = row.Body.NodeList
	}
	for chain, nodes := range chains {
		_, all := loadChain(tx, chain).account()
		for _, id := range nodes {
			usages[id] = usages[id].Add(Usage{LogicalUsed: int64(all.Logical()), PhysicalUsed: int64(all.Physical())})
		}
	}
	for id, u := range s.usages(tx) {
		u.Usage = usages[id]
		if u.Negative() {
			wrong = append(wrong, inputError(s.nodes.Kind, "node %s would hold more than can be counted", u.Name))
			continue
		}
		if err := usageTable.Put(tx, &u); err != nil {
			return append(wrong, err)
		}
	}
	for _, g := range groups {
		if err := groupTable.Put(tx, g); err != nil {
			return append(wrong, err)
		}
	}
	return wrong
}

// contradictions are blocks that belong to nothing, schedules that cannot be kept, and nodes of which placement thinks something else than their state says.
func (s *Service) contradictions(tx *store.Tx) (wrong []error) {
	for _, b := range blockTable.All(tx, "", "") {
		key := scopedKey(b.project, b.uuid)
		if b.holder == holderVolume && !s.volumes.Table().Has(tx, key) || b.holder == holderSnapshot && !s.snapshots.Table().Has(tx, key) {
			wrong = append(wrong, inputError(blockTable.Name(), "holds blocks of %s in project %s, which is not there; take its row away too", b.uuid, b.project))
		}
	}
	for _, row := range s.resourcePolicies.Table().All(tx, "", "") {
		p := &SchedulePolicy{}
		if given := row.Body.SchedulePolicy; given != nil && given.SnapshotSchedulePolicy != nil {
			p = given.clone()
		}
		if err := p.check(tx); err != nil {
			wrong = append(wrong, inputError(s.resourcePolicies.Kind, "%s: %s", row.Body.Name, err.Error()))
		}
	}
	for id, u := range s.usages(tx) {
		row, err := s.nodes.Get(tx, id)
		if err != nil {
			return append(wrong, err)
		}
		serving := row.Life.State == statemachine.State(NodeActive) || row.Life.State == nodeRebuilding
		down := row.Life.State == statemachine.State(NodeInactive) || row.Life.State == statemachine.State(NodeActivating) ||
			row.Life.State == statemachine.State(NodeUnattached)
		if serving && !u.Serving || down && u.Serving {
			wrong = append(wrong, inputError(usageTable.Name(), "Serving of node %s is %t, and the node is %s", u.Name, u.Serving, row.Life.State))
		}
	}
	return wrong
}
