package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// check verifies that all of the world is consistent.
func (w *walker) check(tx *store.Tx) {
	w.t.Helper()
	s, t := w.service, w.t
	usages := s.usages(tx)
	want, groups, chains, names := map[string]Usage{}, map[string]int64{}, map[string][]string{}, map[string]string{}
	for _, row := range s.volumes.Table().All(tx, "", "") {
		v := &row.Body
		if holdsName(row.Life.State) {
			name := scopedKey(v.ProjectName, v.Name)
			require.Empty(t, names[name], "two live volumes have the name %s", v.Name)
			names[name] = v.UUID
		}
		w.checkVolume(tx, v, usages)
		for i, id := range v.NodeList {
			u := volumeUsage(v, 1)
			if i == 0 {
				u.Primaries = 1
			}
			want[id] = want[id].Add(u)
		}
		if len(v.NodeList) > 0 {
			groups[s.protectionGroup(tx, v.NodeList)]++
			w.checkChain(chains, chainOfVolume(tx, v), v.NodeList, v.Name)
		}
	}
	for _, row := range s.snapshots.Table().All(tx, "", "") {
		if row.Body.State == SnapshotFailed {
			require.Empty(t, row.Body.NodeList, "snapshot %s is Failed and has replicas", row.Body.Name)
			continue
		}
		w.checkChain(chains, s.chainOfAny(tx, &row.Body), row.Body.NodeList, row.Body.Name)
	}
	for chain, nodes := range chains {
		_, all := loadChain(tx, chain).account()
		for _, id := range nodes {
			want[id] = want[id].Add(Usage{LogicalUsed: int64(all.Logical()), PhysicalUsed: int64(all.Physical())})
		}
	}
	for _, b := range blockTable.All(tx, "", "") {
		require.Contains(t, chains, b.chain, "blocks of %s, whose chain has no replicas", b.uuid)
	}
	w.checkSums(tx, usages, want, groups)
	for _, p := range lostTable.All(tx, "", "") {
		require.Contains(t, usages, p.Node, "lost device %s of a node that does not exist", p.Serial)
	}
	w.checkServers(tx)
	w.checkTimers(tx)
}

// checkChain verifies that all members of a chain are on the same nodes.
func (w *walker) checkChain(chains map[string][]string, chain string, nodes []string, name string) {
	w.t.Helper()
	if known, ok := chains[chain]; ok {
		require.Equal(w.t, known, nodes, "%s is on other nodes than its chain", name)
	}
	chains[chain] = nodes
}

// checkSums verifies that nodes, protection groups and the cluster show the sums of their volumes and snapshots.
func (w *walker) checkSums(tx *store.Tx, usages map[string]nodeUsage, want map[string]Usage, groups map[string]int64) {
	w.t.Helper()
	s, t := w.service, w.t
	var sum Usage
	for id, u := range usages {
		require.Equal(t, want[id], u.Usage, "the usage of node %s is not the sum of its replicas", u.Name)
		sum = sum.Add(u.Usage)
		w.checkNode(tx, id, &u)
		delete(want, id)
	}
	require.Empty(t, want, "replicas on nodes that do not exist")
	shown := s.clusterStatistics(tx, usages)
	require.Equal(t, uint64(sum.Provisioned), shown.LogicalStorage)
	require.Equal(t, uint64(sum.LogicalUsed), shown.LogicalUsedStorage)
	require.Equal(t, uint64(sum.PhysicalUsed), shown.PhysicalUsedStorage)
	counted := map[string]int64{}
	for id, g := range groupTable.All(tx, "", "") {
		require.Equal(t, id, s.protectionGroup(tx, g.Nodes))
		counted[id] = g.Volumes
	}
	require.Equal(t, groups, counted, "volumes in each protection group")
}

// checkVolume verifies that the replicas of a volume are on existing nodes in different failure domains, and that its
// protection follows from the states of these nodes.
func (w *walker) checkVolume(tx *store.Tx, v *Volume, usages map[string]nodeUsage) {
	w.t.Helper()
	t := w.t
	var domains []string
	members := make([]nodeUsage, 0, len(v.NodeList))
	for _, id := range v.NodeList {
		u, exists := usages[id]
		require.True(t, exists, "volume %s is on a node that does not exist", v.Name)
		members = append(members, u)
		domains = append(domains, u.Domains...)
	}
	slices.Sort(domains)
	require.Len(t, slices.Compact(slices.Clone(domains)), len(domains), "replicas of volume %s share a failure domain",
		v.Name)
	if v.State == VolumeFailed {
		require.Empty(t, v.NodeList, "volume %s is Failed and has replicas", v.Name)
	}
	if len(v.NodeList) > 0 {
		require.Len(t, v.NodeList, int(v.ReplicaCount), "replicas of volume %s", v.Name)
	}
	if v.State == VolumeCreating || len(v.NodeList) == 0 {
		return
	}
	require.Equal(t, ProtectionState(physics.ProtectionOf(len(members), upOf(members))), v.ProtectionState,
		"protection of volume %s (%s)", v.Name, v.State)
	require.Equal(t, rebuildProgress(members), v.RebuildProgress, "rebuild progress of volume %s", v.Name)
	require.Equal(t, w.service.protectionGroup(tx, v.NodeList), v.PgUUID)
	require.Equal(t, v.NodeList[0], v.PrimaryNodeUUID)
	if v.State == VolumeMigrating {
		require.True(t, w.service.migrates(tx, v), "volume %s is Migrating without a migration", v.Name)
	}
	if v.State == VolumeAvailable {
		m, err := w.service.migrations.Get(tx, chainOfVolume(tx, v))
		require.False(t, err == nil && m.Life.State == "Moving", "volume %s has a migration and is not %s",
			v.Name, VolumeMigrating)
	}
}

// checkNode verifies that the usage row of a node matches the states of the node and of its devices.
func (w *walker) checkNode(tx *store.Tx, id string, u *nodeUsage) {
	w.t.Helper()
	t := w.t
	row, err := w.service.nodes.Get(tx, id)
	require.NoError(t, err)
	n := &row.Body
	switch row.Life.State {
	case statemachine.State(NodeActive):
		require.True(t, u.Serving && u.Synced && u.Attached, "%+v", u)
	case nodeRebuilding:
		require.True(t, u.Serving && !u.Synced && u.Attached, "%+v", u)
	case statemachine.State(NodeInactive), statemachine.State(NodeActivating):
		require.True(t, !u.Serving && u.Attached, "%+v", u)
	case statemachine.State(NodeUnattached):
		require.False(t, u.Serving || u.Attached || u.Volumes > 0, "%+v", u)
	case statemachine.State(NodeAttaching):
		require.False(t, u.Serving || u.Attached, "%+v", u)
	default: // a Detaching node may serve or not
	}
	require.False(t, n.PermanentFailure && n.State != NodeInactive && n.State != NodeDetaching,
		"node %s is %s and has failed permanently", n.Name, n.State)
	server, err := w.service.servers.Get(tx, u.Server)
	require.NoError(t, err, "the server of node %s does not exist", u.Name)
	require.Contains(t, server.Body.NodesUUIDs, id)
	if u.Leaving && n.State != NodeDetaching {
		require.Contains(t, []ServerState{ServerDisabling, ServerDisabled, ServerFailed, ServerDeleting},
			server.Body.State, "node %s takes no replicas", u.Name)
	}
	var healthy, bytes uint64
	rebuilding := false
	for _, d := range w.service.devicesOf(tx, id) {
		require.Equal(t, n.ServerUUID, d.Body.ServerUUID, "device %s", d.Body.Serial)
		rebuilding = rebuilding || d.Life.State == statemachine.State(DeviceRebuilding)
		if d.Life.State == statemachine.State(DeviceHealthy) || d.Life.State == statemachine.State(DeviceRebuilding) {
			healthy++
			bytes += d.Body.Size
		}
	}
	require.Equal(t, physics.Disks{Count: healthy, Bytes: bytes, Coded: n.Ec}, u.Disks, "devices of node %s", u.Name)
	require.Equal(t, n.InLocalRebuild, rebuilding, "local rebuild of node %s", u.Name)
}

// checkServers verifies that servers show exactly the upgrades, evictions and replacements that are in progress, and
// that hosts are connected to existing volumes.
func (w *walker) checkServers(tx *store.Tx) {
	w.t.Helper()
	s, t := w.service, w.t
	for id, row := range s.servers.Table().All(tx, "", "") {
		v := &row.Body
		busy := v.UpgradeStatus == UpgradeUpgrading || v.UpgradeStatus == UpgradeRebooting ||
			v.UpgradeStatus == UpgradeRecovering
		require.Equal(t, busy, s.upgrades.Table().Has(tx, id), "server %s shows %s", v.Name, v.UpgradeStatus)
		require.Equal(t, v.LastUpgrade.Status, v.UpgradeStatus)
		evicting := v.LastEviction != nil && (v.LastEviction.Status == EvictionEvicting ||
			v.LastEviction.Status == EvictionAborting)
		require.Equal(t, evicting, s.evictions.Table().Has(tx, id), "server %s shows %+v", v.Name, v.LastEviction)
		if evicting {
			require.Equal(t, ServerDisabling, v.State)
		}
	}
	for _, r := range s.replacements.Table().All(tx, "", "") {
		source, err := s.nodes.Get(tx, r.Body.Source)
		require.NoError(t, err)
		target, err := s.nodes.Get(tx, r.Body.Target)
		require.NoError(t, err)
		require.Equal(t, []NodeState{NodeDetaching, NodeAttaching}, []NodeState{source.Body.State, target.Body.State},
			"replacement of %s", source.Body.Name)
	}
	for id, h := range hostTable.All(tx, "", "") {
		for _, volume := range h.VolumeUUIDs {
			row, err := s.volumes.Find(tx, volume)
			require.NoError(t, err, "host %s is connected to a volume that does not exist", id)
			require.Contains(t, row.Body.ConnectedHosts, id)
		}
	}
}

// checkTimers verifies that every timer belongs to an existing resource.
func (w *walker) checkTimers(tx *store.Tx) {
	w.t.Helper()
	has := w.service.tablesByKind()
	for _, timer := range statemachine.Pending(tx, 100_000) {
		exists, known := has[timer.Kind]
		require.True(w.t, known, timer.Kind)
		require.True(w.t, exists(tx, timer.Key), "a timer of %s %s, which does not exist", timer.Kind, timer.ID)
	}
}

// tablesByKind returns, for each kind, the function that reports whether a resource has the key.
func (s *Service) tablesByKind() map[string]func(tx *store.Tx, key string) bool {
	return map[string]func(tx *store.Tx, key string) bool{
		s.volumes.Kind: s.volumes.Table().Has, s.snapshots.Kind: s.snapshots.Table().Has,
		s.nodes.Kind:   s.nodes.Table().Has,
		s.servers.Kind: s.servers.Table().Has, s.nvmeDevices.Kind: s.nvmeDevices.Table().Has,
		s.policies.Kind:         s.policies.Table().Has,
		s.resourcePolicies.Kind: s.resourcePolicies.Table().Has, s.migrations.Kind: s.migrations.Table().Has,
		s.evictions.Kind: s.evictions.Table().Has, s.replacements.Kind: s.replacements.Table().Has,
		s.upgrades.Kind: s.upgrades.Table().Has, s.clusterUpgrades.Kind: s.clusterUpgrades.Table().Has,
	}
}

// describeNodes describes the states of all nodes, for the message of a failure.
func (w *walker) describeNodes(tx *store.Tx) string {
	var text strings.Builder
	for _, row := range w.service.nodes.Table().All(tx, "", "") {
		u, _ := usageTable.Get(tx, row.Body.UUID)
		server, _ := w.service.servers.Get(tx, row.Body.ServerUUID)
		fmt.Fprintf(&text, "%s is %s since %s by %s: %+v; its server is %s since %s by %s\n", row.Body.Name,
			row.Life.State, row.Life.Since, row.Life.By, u,
			server.Life.State, server.Life.Since, server.Life.By)
	}
	return text.String()
}

// checkQuiet verifies that nothing is in progress, after everything has recovered.
func (w *walker) checkQuiet(tx *store.Tx) {
	w.t.Helper()
	s, t := w.service, w.t
	for _, row := range s.volumes.Table().All(tx, "", "") {
		require.Contains(t, []VolumeState{VolumeAvailable, VolumeFailed}, row.Body.State, "volume %s", row.Body.Name)
		if row.Body.State == VolumeAvailable && !s.onDeletedServer(tx, row.Body.NodeList) {
			require.Equal(t, ProtectionFullyProtected, row.Body.ProtectionState, "volume %s, nodes:\n%s", row.Body.Name,
				w.describeNodes(tx))
		}
	}
	for _, row := range s.snapshots.Table().All(tx, "", "") {
		if row.Body.State == SnapshotDeleting {
			require.True(t, s.hasClones(tx, row.Body.UUID), "snapshot %s is Deleting without clones", row.Body.Name)
			continue
		}
		require.Contains(t, []SnapshotState{SnapshotAvailable, SnapshotFailed}, row.Body.State, "snapshot %s",
			row.Body.Name)
	}
	for _, row := range s.nodes.Table().All(tx, "", "") {
		if !s.onDeletedServer(tx, []string{row.Body.UUID}) {
			require.Contains(t, []statemachine.State{"Active", "Unattached"}, row.Life.State, "node %s", row.Body.Name)
		}
		if row.Body.Ec && s.rebuildable(tx, row.Body.UUID) {
			require.Zero(t, s.lostParts(tx, row.Body.UUID), "node %s has not rebuilt its lost devices", row.Body.Name)
		}
	}
	for _, row := range s.servers.Table().All(tx, "", "") {
		require.Contains(t, []ServerState{ServerEnabled, ServerDeleting}, row.Body.State, "server %s", row.Body.Name)
		if row.Body.State == ServerDeleting {
			require.True(t, s.holdsAnything(tx, &row.Body), "server %s is Deleting and empty", row.Body.Name)
		}
	}
	for _, row := range s.nvmeDevices.Table().All(tx, "", "") {
		require.Contains(t, []statemachine.State{"None", "Healthy", "Failed"}, row.Life.State, "device %s",
			row.Body.Serial)
	}
	require.Empty(t, idsOf(tx, s.migrations.Table()), "migrations")
	require.Empty(t, idsOf(tx, s.evictions.Table()), "evictions")
	require.Empty(t, idsOf(tx, s.replacements.Table()), "replacements")
	require.Empty(t, idsOf(tx, s.upgrades.Table()), "upgrades")
	for _, row := range s.clusterUpgrades.Table().All(tx, "", "") {
		require.NotEqual(t, ClusterUpgradeUpgrading, row.Body.Last.Status)
	}
}

// onDeletedServer reports whether one of the nodes is on a server that is Deleting, which never recovers.
func (s *Service) onDeletedServer(tx *store.Tx, nodes []string) bool {
	return slices.ContainsFunc(nodes, func(id string) bool {
		u, err := usageTable.Get(tx, id)
		if err != nil {
			return false
		}
		server, err := s.servers.Get(tx, u.Server)
		return err == nil && server.Body.State == ServerDeleting
	})
}
