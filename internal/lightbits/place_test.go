package lightbits

import (
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

func TestPlace_Expressions(t *testing.T) {
	s := newServer(t, withCluster("servers: 3"))
	in := func(key LabelKey, value string) []*LabelMatchExpression {
		pair := &LabelValueKeyPair{Key: key, Value: value}
		return []*LabelMatchExpression{{Operator: LabelIn, LabelValueKeyPairs: []*LabelValueKeyPair{pair}}}
	}
	place := func(e []*LabelMatchExpression) (nodes []string, err error) {
		s.view(func(tx *store.Tx) error {
			nodes, err = s.service.place(tx, attachedNodes(tx), 1<<30, 1, e)
			return nil
		})
		return nodes, err
	}
	s.run("matching failure domain", func(t *testing.T) {
		nodes, err := place(in(LabelFD, "server02"))
		require.NoError(t, err)
		require.Equal(t, []string{s.node("server02-0").UUID}, nodes)
	})
	s.run("another cluster", func(t *testing.T) {
		_, err := place(in(LabelClusterID, "another"))
		require.ErrorAs(t, err, new(*physics.TooFewError))
	})
	withoutOperator := in(LabelFD, "server02")
	withoutOperator[0].Operator = ""
	for name, invalid := range map[string][]*LabelMatchExpression{
		"no operator": withoutOperator, "no key": in("", "x"), "null expression": {nil},
		"null pair": {{Operator: LabelIn, LabelValueKeyPairs: []*LabelValueKeyPair{nil}}},
	} {
		s.run(name, func(t *testing.T) {
			_, err := place(invalid)
			require.True(t, refusal.Is(err, refusal.InvalidArgument), "%v", err)
		})
	}
	for _, flag := range []string{flagFailInPlace, flagProactiveRebalance} {
		s.run("with the flag "+flag, func(t *testing.T) {
			s.must("set-feature-flag", `{"name":"`+flag+`","enabled":true}`)
			_, err := place(in(LabelFD, "server02"))
			require.ErrorContains(t, err, flag)
			s.must("set-feature-flag", `{"name":"`+flag+`","enabled":false}`)
		})
	}
}

func TestProtectionGroup(t *testing.T) {
	s := New(Options{})
	require.Equal(t, s.protectionGroup(nil, []string{"a", "b"}), s.protectionGroup(nil, []string{"b", "a"}))
	require.NotEqual(t, s.protectionGroup(nil, []string{"a", "b"}), s.protectionGroup(nil, []string{"a", "c"}))
}
