package lightbits

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// fileBlocks is a blockRow in a world's file. The stored form is compact and unreadable.
type fileBlocks struct {
	Holder  string    `json:"holder"` // volume or snapshot
	Project string    `json:"project"`
	UUID    string    `json:"UUID"`
	Chain   string    `json:"chain"`
	Seq     uint64    `json:"seq"`
	Writing uint64    `json:"writing,omitempty"`
	Runs    []fileRun `json:"runs"`
}

type fileRun struct {
	Start      uint64 `json:"start"`
	Count      uint64 `json:"count"`
	Generation uint64 `json:"generation"`
}

var holderNames = map[string]blockHolder{"volume": holderVolume, "snapshot": holderSnapshot}

// MarshalJSON returns the row as a world's file has it.
func (b *blockRow) MarshalJSON() ([]byte, error) {
	p := fileBlocks{Holder: "snapshot", Project: b.project, UUID: b.uuid, Chain: b.chain, Seq: b.seq,
		Writing: uint64(b.writing), Runs: []fileRun{}}
	if b.holder == holderVolume {
		p.Holder = "volume"
	}
	for _, r := range b.extents {
		p.Runs = append(p.Runs, fileRun{Start: r.Start, Count: r.Count, Generation: uint64(r.Generation)})
	}
	return json.Marshal(p)
}

// UnmarshalJSON reads what MarshalJSON wrote. Its errors are *strict.Error.
func (b *blockRow) UnmarshalJSON(text []byte) error {
	var p fileBlocks
	if err := strict.Decode(text, &p); err != nil {
		return err
	}
	holder, ok := holderNames[p.Holder]
	switch {
	case !ok:
		return &strict.Error{Path: "holder", Detail: fmt.Sprintf("%q cannot hold blocks", p.Holder),
			Valid: []string{"snapshot", "volume"}}
	case p.UUID == "" || p.Chain == "" || p.Seq == 0:
		return inputError("chain", "UUID, chain and seq are required; seq counts from 1")
	case len(p.Runs) > physics.MaxRuns:
		return inputError("runs", "%d runs are too many; at most %d are possible", len(p.Runs), physics.MaxRuns)
	}
	*b = blockRow{holder: holder, project: p.Project, uuid: p.UUID, chain: p.Chain, seq: p.Seq,
		writing: physics.Generation(p.Writing),
		extents: make(physics.Extents, 0, len(p.Runs))}
	end := uint64(0)
	for i, r := range p.Runs {
		if r.Count == 0 || r.Generation == 0 || r.Start < end || r.Start+r.Count <= r.Start {
			return inputError(fmt.Sprintf("runs[%d]", i),
				"must start after the end of the run before it, and have a count and a generation above 0")
		}
		end = r.Start + r.Count
		b.extents = append(b.extents, physics.Run{Start: r.Start, Count: r.Count,
			Generation: physics.Generation(r.Generation)})
	}
	return nil
}

// Derived returns the tables that Derive fills.
func (s *Service) Derived() []store.Verifier { return []store.Verifier{groupTable} }

// OfWorld returns the kinds of resources that belong to the world, not to a cluster: the federation's.
func (s *Service) OfWorld() []string { return []string{s.workflows.Kind} }

// References returns the members of rows that refer to other rows.
func (s *Service) References() []api.Reference {
	return []api.Reference{
		{From: s.volumes.Kind, Member: "body.projectName", To: projects.Name()},
		{From: s.volumes.Kind, Member: "body.nodeList", To: s.nodes.Kind},
		{From: s.volumes.Kind, Member: "body.primaryNodeUUID", To: s.nodes.Kind},
		{From: s.volumes.Kind, Member: "body.qosPolicyUUID", To: s.policies.Kind},
		{From: s.volumes.Kind, Member: "body.connectedHosts", To: hostTable.Name()},
		{From: s.snapshots.Kind, Member: "body.projectName", To: projects.Name()},
		{From: s.snapshots.Kind, Member: "body.nodeList", To: s.nodes.Kind},
		{From: s.snapshots.Kind, Member: "body.primaryNodeUUID", To: s.nodes.Kind},
		{From: s.servers.Kind, Member: "body.NodesUUIDs", To: s.nodes.Kind},
		{From: s.nvmeDevices.Kind, Member: "body.nodeUUID", To: s.nodes.Kind},
		{From: s.nvmeDevices.Kind, Member: "body.serverUUID", To: s.servers.Kind},
		{From: s.nodes.Kind, Member: "body.serverUUID", To: s.servers.Kind},
		{From: s.nodes.Kind, Member: "body.UUID", To: usageTable.Name()},
		{From: usageTable.Name(), Member: "UUID", To: s.nodes.Kind},
		{From: usageTable.Name(), Member: "Server", To: s.servers.Kind},
		{From: hostTable.Name(), Member: "volumeUUIDs", To: s.volumes.Kind},
		{From: credentials.Name(), Member: "projectName", To: projects.Name()},
		{From: trustedHosts.Name(), Member: "projectName", To: projects.Name()},
		{From: projects.Name(), Member: "defaultPolicies.policyUUID", To: s.policies.Kind,
			Or: s.resourcePolicies.Kind},
		{From: s.resourcePolicies.Kind, Member: "body.projectName", To: projects.Name()},
		{From: idpClientConfs.Name(), Member: "idpConfigurationName", To: s.idpConfigurations.Kind},
		{From: authMapEntries.Name(), Member: "idpConfigurationName", To: s.idpConfigurations.Kind},
	}
}

// Derive recomputes what volumes and snapshots use on their nodes, in all clusters. It returns joined *strict.Error for
// blocks without a volume or snapshot, invalid schedules, and nodes whose usage row contradicts their state.
func (s *Service) Derive(tx *store.Tx) error {
	var wrong []error
	for i, cluster := range statemachine.Partitions(tx)[1:] {
		tx := tx.In(cluster)
		for _, err := range append(s.contradictions(tx), s.recount(tx)...) {
			var input *strict.Error
			if !errors.As(err, &input) {
				return err
			}
			wrong = append(wrong, strict.Below(fmt.Sprintf("clusters[%d].rows", i), err))
		}
	}
	return errors.Join(wrong...)
}

// recount writes the usage of each node and the groups of nodes, counted from volumes and snapshots.
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
			wrong = append(wrong, inputError(s.nodes.Kind, "the usage of node %s is too large", u.Name))
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

// contradictions returns an error for each row that contradicts another row, and for each invalid schedule.
func (s *Service) contradictions(tx *store.Tx) (wrong []error) {
	for _, b := range blockTable.All(tx, "", "") {
		key := scopedKey(b.project, b.uuid)
		if b.holder == holderVolume && !s.volumes.Table().Has(tx, key) || b.holder == holderSnapshot &&
			!s.snapshots.Table().Has(tx, key) {
			wrong = append(wrong, inputError(blockTable.Name(),
				"holds blocks of %s in project %s, which does not exist; remove this row too", b.uuid, b.project))
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
		down := row.Life.State == statemachine.State(NodeInactive) ||
			row.Life.State == statemachine.State(NodeActivating) ||
			row.Life.State == statemachine.State(NodeUnattached)
		if serving && !u.Serving || down && u.Serving {
			wrong = append(wrong, inputError(usageTable.Name(),
				"Serving of node %s is %t, but the node is %s", u.Name, u.Serving, row.Life.State))
		}
	}
	return wrong
}
