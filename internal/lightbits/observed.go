package lightbits

import (
	"slices"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// A response often shows the progress of other rows than its own: a server shows its upgrade, a volume the rebuild of
// its nodes. A client that waits for one waits for the others, so these functions observe them, too.

// volumeObserved records that a response shows a stored volume.
func (s *Service) volumeObserved(tx *store.Tx, key string, row statemachine.Stored) {
	s.volumes.ObservedStored(tx, key, row.State)
	busy := s.busyNodes.Of(tx)
	migrating := string(row.State) == string(VolumeMigrating)
	if len(busy) == 0 && !migrating {
		return
	}
	var v Volume
	if wire.Unmarshal(row.Body, &v) != nil {
		return // the response will have the error
	}
	for _, node := range busy {
		if slices.Contains(v.NodeList, node) {
			s.nodeObserved(tx, node)
		}
	}
	if migrating {
		s.migrationObserved(tx, chainOfVolume(tx, &v))
	}
}

// snapshotObserved records that a response shows a snapshot. A Deleting snapshot waits for its last clone.
func (s *Service) snapshotObserved(tx *store.Tx, key string, state []byte) {
	s.snapshots.ObservedStored(tx, key, state)
	if string(state) != string(SnapshotDeleting) {
		return
	}
	row, err := s.snapshots.Get(tx, key)
	if err != nil {
		return
	}
	s.volumes.Table().EachBy(tx, volumesBySnapshot, row.Body.UUID, func(clone string, raw []byte) bool {
		s.volumes.ObservedStored(tx, clone, statemachine.Peek(raw).State)
		return true
	})
}

// findBusyNodes returns the keys of the nodes in transient states.
func (s *Service) findBusyNodes(tx *store.Tx) (keys []string) {
	for key, raw := range s.nodes.Table().Scan(tx, "", "") {
		if s.nodes.Transient(statemachine.State(statemachine.Peek(raw).State)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// nodeObserved records that a response shows a node, its local rebuild and its replacement.
func (s *Service) nodeObserved(tx *store.Tx, key string) {
	raw, ok := s.nodes.Table().Raw(tx, key)
	if !ok {
		return
	}
	s.nodes.ObservedStored(tx, key, statemachine.Peek(raw).State)
	s.nvmeDevices.Table().EachBy(tx, devicesByNode, key, func(device string, raw []byte) bool {
		s.nvmeDevices.ObservedStored(tx, device, statemachine.Peek(raw).State)
		return true
	})
	job, err := s.replacements.Get(tx, key)
	if err != nil {
		return
	}
	if raw, ok := s.nodes.Table().Raw(tx, job.Body.Target); ok {
		s.nodes.ObservedStored(tx, job.Body.Target, statemachine.Peek(raw).State)
	}
}

// serverObserved records that a response shows a server with its nodes, its upgrade and its eviction.
func (s *Service) serverObserved(tx *store.Tx, row *statemachine.Row[Server]) {
	s.servers.Observed(tx, row)
	if upgrade, err := s.upgrades.Get(tx, row.Body.UUID); err == nil {
		s.upgrades.Observed(tx, &upgrade)
	}
	if eviction, err := s.evictions.Get(tx, row.Body.UUID); err == nil {
		s.evictions.ObservedWaiting(tx, &eviction)
	}
	for _, node := range row.Body.NodesUUIDs {
		s.nodeObserved(tx, node)
		for chain := range s.migrations.Table().KeysBy(tx, migrationsFrom, node) {
			s.migrationObserved(tx, chain)
		}
	}
}

func (s *Service) migrationObserved(tx *store.Tx, chain string) {
	if row, err := s.migrations.Get(tx, chain); err == nil {
		s.migrations.Observed(tx, &row)
	}
}

// clusterUpgradeObserved records that a response shows the upgrade of the cluster.
func (s *Service) clusterUpgradeObserved(tx *store.Tx, row *statemachine.Row[clusterUpgrade]) {
	if row.Body.Current == "" {
		return
	}
	if server, err := s.servers.Get(tx, row.Body.Current); err == nil {
		s.serverObserved(tx, &server)
	}
}

// projectPending records that the rest of a project refuses its deletion. Resources that are Deleting will be gone.
func (s *Service) projectPending(tx *store.Tx, project string) {
	for key, raw := range s.volumes.Table().Scan(tx, scopedKey(project, ""), "") {
		s.volumes.ObservedStored(tx, key, statemachine.Peek(raw).State)
	}
	for key, raw := range s.snapshots.Table().Scan(tx, scopedKey(project, ""), "") {
		s.snapshotObserved(tx, key, statemachine.Peek(raw).State)
	}
}

// replicasPending records that replicas on a server refuse its deletion. They may be about to leave it.
func (s *Service) replicasPending(tx *store.Tx, v *Server) {
	for _, node := range v.NodesUUIDs {
		s.nodeObserved(tx, node)
		s.volumes.Table().EachBy(tx, volumesByNode, node, func(key string, raw []byte) bool {
			s.volumeObserved(tx, key, statemachine.Peek(raw))
			return true
		})
	}
}
