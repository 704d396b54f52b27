package lightbits

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A snapshot fails if its volume is deleted before the snapshot is cut.
func TestSnapshot_VolumeDeletedBeforeCut(t *testing.T) {
	s := newServer(t, withCluster("servers: 3\nvolumes: [{name: v}, {name: w}]"))
	s.hold("lightbits.snapshot.create", `"1m"`)
	s.ok("POST", projectPath+"snapshots", `{"name":"gone","sourceVolumeName":"v"}`)
	s.ok("POST", projectPath+"snapshots", `{"name":"cut","sourceVolumeName":"w"}`)
	s.ok("DELETE", projectPath+"volumes/?name=v", "")
	s.advance(2 * time.Minute)
	require.Equal(t, SnapshotFailed, decodeWire[Snapshot](t, s, projectPath+"snapshots/?Name=gone").State)
	require.Empty(t, decodeWire[Snapshot](t, s, projectPath+"snapshots/?Name=gone").NodeList)
	require.Equal(t, SnapshotAvailable, decodeWire[Snapshot](t, s, projectPath+"snapshots/?Name=cut").State)
}
