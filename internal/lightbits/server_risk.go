package lightbits

import (
	"slices"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// RiskOfServiceLoss is how a server is involved in volumes that are not fully protected.
type RiskOfServiceLoss string

// The values; assumption 47 defines them.
const (
	RiskUnknown RiskOfServiceLoss = "UnknownRiskOfServiceLoss"
	RiskNone    RiskOfServiceLoss = "NoRiskOfServiceLoss"
	RiskIn      RiskOfServiceLoss = "InRiskOfServiceLoss"
	RiskSource  RiskOfServiceLoss = "SourceOfRiskOfServiceLoss"
)

var riskNames = map[string]int32{
	"UnknownRiskOfServiceLoss": 0, "NoRiskOfServiceLoss": 1, "InRiskOfServiceLoss": 2, "SourceOfRiskOfServiceLoss": 3,
}

// EnumNumbers implements wire.Enum with the vendor's numbers.
func (RiskOfServiceLoss) EnumNumbers() map[string]int32 { return riskNames }

// serviceRisks returns the risk of each server that is involved in a volume without full protection, by UUID. A server
// with a missing node is the source of the risk. A server with one of the remaining replicas is at risk if its loss
// would stop writes (assumption 47).
func (s *Service) serviceRisks(tx *store.Tx) map[string]RiskOfServiceLoss {
	risks := map[string]RiskOfServiceLoss{}
	all := s.usages(tx)
	for _, g := range groupTable.All(tx, "", "") {
		nodes := g.members(all)
		up := upOf(nodes)
		if up == len(nodes) {
			continue
		}
		for i := range nodes {
			switch u := &nodes[i]; {
			case !u.Serving || !u.Synced:
				risks[u.Server] = RiskSource
			case !physics.ProtectionOf(len(nodes), up-1).Writes() && risks[u.Server] == "":
				risks[u.Server] = RiskIn
			}
		}
	}
	return risks
}

// usagesSoon returns the rows of all nodes by UUID as if those, except the given ones, that operations in progress are
// about to stop did not serve any more.
func (s *Service) usagesSoon(tx *store.Tx, except []string) map[string]nodeUsage {
	all := s.usages(tx)
	for _, id := range s.goingDown(tx) {
		if u, exists := all[id]; exists && !slices.Contains(except, id) {
			u.Serving, u.Synced = false, false
			all[id] = u
		}
	}
	return all
}

// volumesLost counts the volumes that would lose service, that is take no more writes or reads, without the nodes
// (assumption 260).
func (s *Service) volumesLost(tx *store.Tx, nodes []string) int64 {
	all := s.usagesSoon(tx, nodes)
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

// volumesAtRisk counts the volumes that would come into the state of a risk of service loss without the nodes: they
// would lose a replica that protects them now, and would lose service then or with one replica less (assumption 47).
func (s *Service) volumesAtRisk(tx *store.Tx, nodes []string) int64 {
	all := s.usagesSoon(tx, nodes)
	var count int64
	for _, g := range groupTable.All(tx, "", "") {
		members := g.members(all)
		now := upOf(members)
		for i := range members {
			if slices.Contains(nodes, members[i].UUID) {
				members[i].Serving, members[i].Synced = false, false
			}
		}
		then := upOf(members)
		if then < now && !physics.ProtectionOf(len(members), then-1).Writes() {
			count += g.Volumes
		}
	}
	return count
}

// singleReplicas counts the volumes and snapshots on a server that have a single replica.
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
