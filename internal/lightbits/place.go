package lightbits

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// ProtectionState says how well a volume is protected (spec enum ProtectionStateEnum).
type ProtectionState string

// The states of protection (facts/lightbits.md 4.1). Unknown is that of a volume in the making.
const (
	ProtectionUnknown        ProtectionState = "Unknown"
	ProtectionFullyProtected ProtectionState = "FullyProtected"
	ProtectionDegraded       ProtectionState = "Degraded"
	ProtectionReadOnly       ProtectionState = "ReadOnly"
	ProtectionNotAvailable   ProtectionState = "NotAvailable"
)

var protectionStateNames = map[string]int32{"Unknown": 0, "FullyProtected": 1, "Degraded": 2, "ReadOnly": 3, "NotAvailable": 4}

// EnumNumbers is as in the vendor's definition.
func (ProtectionState) EnumNumbers() map[string]int32 { return protectionStateNames }

// LabelMatchExpression is one placement restriction: of its pairs, one at least must hold.
type LabelMatchExpression struct {
	Operator           LabelOperator        `json:"operator"`
	LabelValueKeyPairs []*LabelValueKeyPair `json:"labelValueKeyPairs"`
}

// LabelValueKeyPair is a label of a node and the value it must have.
type LabelValueKeyPair struct {
	Key   LabelKey `json:"key"`
	Value string   `json:"value"`
}

// LabelOperator is how the pairs are read.
type LabelOperator string

// LabelIn says that one of the pairs must hold; there is no other operator.
const LabelIn LabelOperator = "In"

var labelOperatorNames = map[string]int32{"Unknown": 0, "In": 1}

// EnumNumbers is as in the vendor's definition.
func (LabelOperator) EnumNumbers() map[string]int32 { return labelOperatorNames }

// LabelKey is what a pair looks at.
type LabelKey string

// The keys: the failure domains of any node of the volume, of its primary node, and the cluster's UUID.
const (
	LabelFD        LabelKey = "FD"
	LabelPrimaryFD LabelKey = "PrimaryFD"
	LabelClusterID LabelKey = "ClusterID"
)

var labelKeyNames = map[string]int32{"Unknown": 0, "FD": 1, "PrimaryFD": 2, "ClusterID": 3}

// EnumNumbers is as in the vendor's definition.
func (LabelKey) EnumNumbers() map[string]int32 { return labelKeyNames }

// attachedNodes lists what the cluster's nodes have and hold, those that are not attached left out.
func attachedNodes(tx *store.Tx) []nodeUsage {
	list := make([]nodeUsage, 0, 4)
	for _, u := range usageTable.All(tx, "", "") {
		if u.Attached {
			list = append(list, u)
		}
	}
	return list
}

// place chooses among the attached nodes those of a new volume of that size in bytes, the primary one first. *physics.TooFewError where
// nodes are missing; InvalidArgument for restrictions that cannot be taken (facts/lightbits.md 4.1 "placement"). It
// promises nothing: charge does.
func (s *Service) place(tx *store.Tx, attached []nodeUsage, size uint64, replicas uint32, restrictions []*LabelMatchExpression) (nodeUUIDs []string, err error) {
	limits := physics.Restrictions{}
	if len(restrictions) > 0 {
		if limits, err = s.restrictions(tx, restrictions); err != nil {
			return nil, refusedRestrictions(err)
		}
	}
	nodes := make([]physics.Node, 0, len(attached))
	for i := range attached {
		u := &attached[i]
		nodes = append(nodes, physics.Node{
			UUID: u.UUID, Name: u.Name, Domains: u.Domains, Active: u.Serving, Full: u.full(), Leaving: u.Leaving,
			Room: physics.SpaceOf(u.Disks, u.Usage).TotalLogical, Used: uint64(u.Provisioned), Primary: u.Primaries,
		})
	}
	nodeUUIDs, err = physics.Place(nodes, int(replicas), size, limits)
	return nodeUUIDs, refusedRestrictions(err)
}

func refusedRestrictions(err error) error {
	var wrong *physics.RestrictionError
	if errors.As(err, &wrong) {
		return refusal.New(refusal.InvalidArgument, "%s", wrong.Error())
	}
	return err
}

// restrictions reads them in the terms of physics. Neither way of rebalancing may be switched on, since it would move
// the volume away again.
func (s *Service) restrictions(tx *store.Tx, list []*LabelMatchExpression) (physics.Restrictions, error) {
	for _, flag := range []string{flagFailInPlace, flagProactiveRebalance} {
		if s.flagEnabled(tx, flag) {
			return physics.Restrictions{}, &physics.RestrictionError{
				Problem: "the feature flag " + flag + " must be off, but it is on",
			}
		}
	}
	return s.readRestrictions(tx, list)
}

// readRestrictions is restrictions whatever the flags are.
func (s *Service) readRestrictions(tx *store.Tx, list []*LabelMatchExpression) (physics.Restrictions, error) {
	r := physics.Restrictions{Cluster: s.clusterUUID(tx)}
	for _, e := range list {
		if e == nil || e.Operator != LabelIn {
			return r, &physics.RestrictionError{Problem: "the operator must be In"}
		}
		pairs := make([]physics.Pair, 0, len(e.LabelValueKeyPairs))
		for _, p := range e.LabelValueKeyPairs {
			if p == nil {
				p = &LabelValueKeyPair{}
			}
			pairs = append(pairs, physics.Pair{Key: physics.Key(p.Key), Value: p.Value})
		}
		r.Groups = append(r.Groups, pairs)
	}
	return r, nil
}

// protect writes down what follows for a volume from the states of its nodes (facts/lightbits.md 4.1). A node that has
// come back counts again when its replicas are rebuilt.
func (s *Service) protect(tx *store.Tx, v *Volume) {
	nodes := s.members(tx, v.NodeList)
	v.ProtectionState, v.RebuildProgress = ProtectionState(physics.ProtectionOf(len(v.NodeList), upOf(nodes))), rebuildProgress(nodes)
}

// protection is how well what lies on those nodes is protected.
func (s *Service) protection(tx *store.Tx, nodeUUIDs []string) physics.Protection {
	return physics.ProtectionOf(len(nodeUUIDs), upOf(s.members(tx, nodeUUIDs)))
}

// upToDate says whether one of those nodes serves replicas that are up to date.
func (s *Service) upToDate(tx *store.Tx, nodeUUIDs []string) bool {
	return slices.ContainsFunc(s.members(tx, nodeUUIDs), func(u nodeUsage) bool { return u.Serving && u.Synced })
}

func (s *Service) members(tx *store.Tx, nodeUUIDs []string) []nodeUsage {
	nodes := make([]nodeUsage, 0, len(nodeUUIDs))
	for _, id := range nodeUUIDs {
		if u, err := usageTable.Get(tx, id); err == nil {
			nodes = append(nodes, u)
		}
	}
	return nodes
}

// protectionGroup is the UUID of the group that the volumes of one set of nodes belong to, in whatever order the nodes
// are named. It follows from the nodes' UUIDs alone.
func (s *Service) protectionGroup(_ *store.Tx, nodeUUIDs []string) string {
	sorted := slices.Sorted(slices.Values(nodeUUIDs))
	return uuid.NewSHA1(uuid.Nil, []byte(strings.Join(sorted, ","))).String()
}
