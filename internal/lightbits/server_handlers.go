package lightbits

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// serverRef is how a request names a server: by UUID or, where that is empty, by name.
type serverRef struct {
	UUID string `json:"UUID"`
	Name string `json:"name"`
}

// findServer answers the server that a request names. NotFound, or InvalidArgument when the request names none or the
// UUID is none.
func (s *Service) findServer(tx *store.Tx, ref serverRef) (statemachine.Row[Server], error) {
	var none statemachine.Row[Server]
	switch {
	case ref.UUID != "":
		if _, err := uuid.Parse(ref.UUID); err != nil {
			return none, refusal.New(refusal.InvalidArgument, "server UUID %q is not a UUID", ref.UUID)
		}
		row, err := s.servers.Get(tx, ref.UUID)
		if ignoreNotFound(err) != nil {
			return none, err
		}
		if err == nil {
			return row, nil
		}
	case ref.Name != "":
		for _, row := range s.servers.Table().All(tx, "", "") {
			if row.Body.Name == ref.Name {
				return row, nil
			}
		}
		return none, refusal.New(refusal.NotFound, "server %q is not found", ref.Name)
	default:
		return none, refusal.New(refusal.InvalidArgument, "either the UUID or the name of the server must be given")
	}
	return none, refusal.New(refusal.NotFound, "server UUID %q is not found", ref.UUID)
}

// serverBusy refuses an operation on a server that another one is at work on, which its state does not tell.
func (s *Service) serverBusy(tx *store.Tx, v *Server) error {
	busy := func(what string) error {
		return refusal.New(refusal.Aborted, "there is a user operation in progress on server %s: %s", v.Name, what).
			Because(Busy{Server: v.UUID, Operation: what})
	}
	switch {
	case s.upgrades.Table().Has(tx, v.UUID):
		return busy("it is being upgraded")
	case s.evictions.Table().Has(tx, v.UUID):
		return busy("its data is being evicted")
	}
	for _, r := range s.replacements.Table().All(tx, "", "") {
		if slices.Contains(v.NodesUUIDs, r.Body.Source) || slices.Contains(v.NodesUUIDs, r.Body.Target) {
			return busy("one of its nodes is being replaced")
		}
	}
	return nil
}

// volumesLost counts the volumes that would no longer take writes, or reads, without those nodes: that is loss of service
// (assumption 260).
func (s *Service) volumesLost(tx *store.Tx, nodes []string) int64 {
	all := s.usages(tx)
	var lost int64
	for _, g := range groupTable.All(tx, "", "") {
		members := g.members(all)
		now := physics.ProtectionOf(len(members), upOf(members))
		for i := range members {
			if slices.Contains(nodes, members[i].UUID) {
				members[i].Serving, members[i].Synced = false, false
			}
		}
		then := physics.ProtectionOf(len(members), upOf(members))
		if now.Writes() && !then.Writes() || now.Reads() && !then.Reads() {
			lost += g.Volumes
		}
	}
	return lost
}

// singleReplicas counts the volumes and snapshots of one replica on a server.
func (s *Service) singleReplicas(tx *store.Tx, v *Server) int {
	count := 0
	for _, id := range v.NodesUUIDs {
		for _, row := range s.volumes.Table().By(tx, volumesByNode, id) {
			if len(row.Body.NodeList) == 1 {
				count++
			}
		}
	}
	for _, row := range s.snapshots.Table().All(tx, "", "") {
		if len(row.Body.NodeList) == 1 && slices.Contains(v.NodesUUIDs, row.Body.NodeList[0]) {
			count++
		}
	}
	return count
}

type disableServerRequest struct {
	serverRef
	ForceDisable            bool           `json:"ForceDisable"`
	EvictData               bool           `json:"evictData"`
	PermanentFailureTimeout *wire.Duration `json:"permanentFailureTimeout"`
}

// Bounds of an eviction and of what goes with a disable (facts/lightbits.md 4.7).
const (
	evictionServers     = 4
	minPermanentFailure = time.Hour
)

// disableServer: seeds/002 "Disable server". With evictData the server is emptied first, while it goes on serving.
func (s *Service) disableServer(tx *store.Tx, _ *api.Request, q *disableServerRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findServer(tx, q.serverRef)
	if err != nil {
		return none, err
	}
	v := &row.Body
	if err := s.servers.Refuse("DisableServer", &row); err != nil {
		return none, err
	}
	if err := s.serverBusy(tx, v); err != nil {
		return none, err
	}
	if t := q.PermanentFailureTimeout; t != nil {
		if d := time.Duration(*t); d != 0 && d < minPermanentFailure {
			return none, refusal.New(refusal.InvalidArgument, "permanentFailureTimeout %s is not possible: it is at least %s, or 0s for never", d, minPermanentFailure)
		}
		v.ServerPermanenetFailureTimeout = *t
		if err := s.replan(tx, v.UUID, func(p *serverPlan) { p.Never = *t == 0 }); err != nil {
			return none, err
		}
	}
	if q.EvictData {
		if err := s.mayEvict(tx, v, q.ForceDisable); err != nil {
			return none, err
		}
		if err := s.evict(tx, v); err != nil {
			return none, err
		}
		return none, s.servers.Fire(tx, &row, "disable")
	}
	if lost := s.volumesLost(tx, v.NodesUUIDs); lost > 0 && !q.ForceDisable {
		return none, refusal.New(refusal.InvalidArgument,
			"disabling server %s risks loss of service: %d volumes would no longer take reads or writes; ForceDisable overrides this", v.Name, lost).
			Because(AtRisk{Server: v.UUID, Volumes: lost, Member: "ForceDisable"})
	}
	return none, s.servers.Fire(tx, &row, "disable")
}

// mayEvict checks the preconditions of an eviction (facts/lightbits.md 4.7 "evict").
func (s *Service) mayEvict(tx *store.Tx, v *Server, forced bool) error {
	if !s.flagEnabled(tx, flagEvictData) {
		return refusal.New(refusal.InvalidArgument, "evictData needs the feature flag %s, which is off", flagEvictData)
	}
	servers := 0
	for range s.servers.Table().All(tx, "", "") {
		servers++
	}
	if servers < evictionServers {
		return refusal.New(refusal.InvalidArgument, "evictData needs a cluster of at least %d servers, this one has %d", evictionServers, servers)
	}
	for _, other := range s.evictions.Table().All(tx, "", "") {
		return refusal.New(refusal.Aborted, "there is a user operation in progress: server %s is being evicted, and one eviction is possible at a time", other.Body.Server)
	}
	if single := s.singleReplicas(tx, v); single > 0 && !forced {
		return refusal.New(refusal.InvalidArgument,
			"server %s holds %d volumes or snapshots with a single replica; ForceDisable evicts them too", v.Name, single)
	}
	return nil
}

type enableServerRequest struct{ serverRef }

// enableServer: seeds/002 "Enable Server". One that is Enabled is answered as it is; one that is being evicted gives that
// up (assumption 262).
func (s *Service) enableServer(tx *store.Tx, r *api.Request, q *enableServerRequest) (Server, error) {
	row, err := s.findServer(tx, q.serverRef)
	if err != nil {
		return Server{}, err
	}
	if err := s.servers.Refuse("EnableServer", &row); err != nil {
		return Server{}, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return Server{}, err
	}
	switch ServerState(row.Life.State) {
	case ServerDisabled:
		if err := s.serverBusy(tx, &row.Body); err != nil {
			return Server{}, err
		}
		err = s.servers.Fire(tx, &row, "enable")
	case ServerDisabling:
		row, err = s.abortEviction(tx, &row)
	default: // the guard lets no other state through but Enabled, where there is nothing to do
	}
	return s.shownServer(tx, &row.Body, s.serviceRisks(tx)), err
}

// abortEviction: Aborted where the server is not being evicted but on its way to Disabled.
func (s *Service) abortEviction(tx *store.Tx, server *statemachine.Row[Server]) (statemachine.Row[Server], error) {
	e, err := s.evictions.Get(tx, server.Body.UUID)
	if err != nil || e.Life.State != statemachine.State(EvictionEvicting) {
		if err := ignoreNotFound(err); err != nil {
			return *server, err
		}
		return *server, refusal.New(refusal.Aborted, "there is a user operation in progress on server %s: it is %s", server.Body.Name, server.Body.State)
	}
	if err := s.evictions.Fire(tx, &e, "abort"); err != nil {
		return *server, err
	}
	return s.servers.Get(tx, server.Body.UUID)
}

type deleteServerRequest struct {
	serverRef
	ForceDelete bool `json:"forceDelete"`
}

// deleteServer: seeds/002 "Delete Server". With forceDelete a server that still holds replicas stays Deleting until they
// have been detached from it; one that holds the only replica of anything is never deleted.
func (s *Service) deleteServer(tx *store.Tx, r *api.Request, q *deleteServerRequest) (api.Empty, error) {
	var none api.Empty
	row, err := s.findServer(tx, q.serverRef)
	if err != nil {
		return none, err
	}
	v := &row.Body
	if err := s.servers.Refuse("DeleteServer", &row); err != nil {
		return none, err
	}
	if err := s.serverBusy(tx, v); err != nil {
		return none, err
	}
	if err := r.IfMatch(v.ETag, row.Life.By); err != nil {
		return none, err
	}
	if single := s.singleReplicas(tx, v); single > 0 {
		return none, refusal.New(refusal.InvalidArgument,
			"server %s holds %d volumes or snapshots with a single replica; they must be removed before the server can be deleted", v.Name, single)
	}
	if s.holdsAnything(tx, v) && !q.ForceDelete {
		return none, refusal.New(refusal.InvalidArgument,
			"server %s still has resources attached to it: replicas of volumes or snapshots; replace its nodes first, or use forceDelete", v.Name)
	}
	return none, s.servers.Fire(tx, &row, "delete")
}

// holdsAnything says whether there are replicas on a server.
func (s *Service) holdsAnything(tx *store.Tx, v *Server) bool {
	return len(s.chainsOn(tx, v.NodesUUIDs...)) > 0
}

// lookAtDeletions is lookAtDeletion for the servers of those nodes.
func (s *Service) lookAtDeletions(tx *store.Tx, nodes []string) error {
	for _, id := range nodes {
		u, err := usageTable.Get(tx, id)
		if err == nil {
			err = s.lookAtDeletion(tx, u.Server)
		}
		if ignoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// lookAtDeletion lets a server that is Deleting see whether it is empty, as soon as the transaction is through.
func (s *Service) lookAtDeletion(tx *store.Tx, server string) error {
	row, err := s.servers.Get(tx, server)
	if err != nil || row.Life.State != statemachine.State(ServerDeleting) || s.servers.Waits(tx, &row) {
		return ignoreNotFound(err)
	}
	return s.servers.After(tx, &row, "deleted", tx.Now)
}
