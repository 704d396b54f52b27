package nearest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTo(t *testing.T) {
	names := []string{"volume.update", "volume.create", "snapshot.create", "node.fail", "device.fail", "host.add",
		"node.fail"}
	for _, test := range []struct {
		name, given string
		names, want []string
	}{
		{"typo", "volume.creat", names, []string{"volume.create", "volume.update"}},
		{"case", "NODE.FAIL", names, []string{"node.fail"}},
		{"equal distances in alphabetical order", "x", []string{"c", "a", "b", "a"}, []string{"a", "b", "c"}},
		{"no names", "x", nil, []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := To(test.given, test.names)
			require.LessOrEqual(t, len(got), 5)
			require.Equal(t, test.want, append([]string{}, got[:min(len(got), len(test.want))]...))
		})
	}
}

func TestDistance(t *testing.T) {
	require.Equal(t, 0, distance("node", "node"))
	require.Equal(t, 3, distance("kitten", "sitting"))
	require.Equal(t, 4, distance("", "node"))
}

func TestHint(t *testing.T) {
	require.Equal(t, ` (did you mean "lightbits.*"?)`, Hint("lightbit.*", []string{"lightbits.*", "dms.*"}))
	require.Empty(t, Hint("x", []string{"lightbits.*"}))
	require.Empty(t, Hint("x", nil))
}
