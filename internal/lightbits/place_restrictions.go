package lightbits

import (
	"errors"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// LabelMatchExpression is one placement restriction: at least one of its pairs must match.
type LabelMatchExpression struct {
	Operator           LabelOperator        `json:"operator"`
	LabelValueKeyPairs []*LabelValueKeyPair `json:"labelValueKeyPairs"`
}

// LabelValueKeyPair is a label of a node and the value it must have.
type LabelValueKeyPair struct {
	Key   LabelKey `json:"key"`
	Value string   `json:"value"`
}

// LabelOperator combines the pairs.
type LabelOperator string

// LabelIn means that one of the pairs must match; there is no other operator.
const LabelIn LabelOperator = "In"

var labelOperatorNames = map[string]int32{"Unknown": 0, "In": 1}

// EnumNumbers returns the vendor's numbers.
func (LabelOperator) EnumNumbers() map[string]int32 { return labelOperatorNames }

// LabelKey is what a pair compares.
type LabelKey string

// The keys: the failure domains of any node of the volume, of its primary node, and the cluster's UUID.
const (
	LabelFD        LabelKey = "FD"
	LabelPrimaryFD LabelKey = "PrimaryFD"
	LabelClusterID LabelKey = "ClusterID"
)

var labelKeyNames = map[string]int32{"Unknown": 0, "FD": 1, "PrimaryFD": 2, "ClusterID": 3}

// EnumNumbers returns the vendor's numbers.
func (LabelKey) EnumNumbers() map[string]int32 { return labelKeyNames }

func refusedRestrictions(err error) error {
	var wrong *physics.RestrictionError
	if errors.As(err, &wrong) {
		return refusal.New(refusal.InvalidArgument, "%s", wrong.Error())
	}
	return err
}

// restrictions converts placement restrictions for the package physics. Both flags that move volumes must be off, since
// rebalancing would move the volume away again.
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

// readRestrictions is restrictions without the check of the flags.
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
