package dms

import "storagesim/internal/store"

// Clusters is what the service needs of the Lightbits clusters of its world. A method acts on the cluster of its
// transaction's partition. An error that is a *refusal.Error is the cluster's own refusal; any other error is a fault
// of the simulator.
type Clusters interface {
	// ClusterAt returns the partition of the cluster with the API endpoint, or "" if no cluster responds there.
	ClusterAt(tx *store.Tx, endpoint string) string
	// NoteAddress makes ClusterAt return the partition for one more endpoint.
	NoteAddress(tx *store.Tx, endpoint, partition string) error
	// APIEndpoints returns an API endpoint of each cluster of the world.
	APIEndpoints(tx *store.Tx) []string
	// Reachable reports whether the cluster's API endpoints and its NVMe endpoints respond.
	Reachable(tx *store.Tx) (apis, data bool)
	// Trusts reports whether the cluster accepts tokens that are signed with the key, a PEM file, and name the
	// credential.
	Trusts(tx *store.Tx, credential string, publicKey []byte) bool
	// HostTrusted refuses a host that in-band authentication keeps from the volumes of the project.
	HostTrusted(tx *store.Tx, project string, h Host) error
	// HostTrustedAnywhere reports whether HostTrusted accepts the host for at least one project.
	HostTrustedAnywhere(tx *store.Tx, h Host) bool
	// Facts returns the cluster's present description of itself.
	Facts(tx *store.Tx) (Facts, error)

	// CloneSource returns a snapshot that can be read, or refuses.
	CloneSource(tx *store.Tx, project, snapshotUUID string) (Source, error)
	// CreateCloneTarget begins to create the volume that a copy is written to.
	CreateCloneTarget(tx *store.Tx, t Target) (volumeUUID string, err error)
	// CloneTargetReady reports whether the volume is available. It refuses if the volume never will be.
	CloneTargetReady(tx *store.Tx, project, volumeUUID string) (bool, error)
	// ConnectCopyHost connects the host to the volume, or refuses it.
	ConnectCopyHost(tx *store.Tx, project, volumeUUID string, h Host) error
	// QoSRates returns how many bytes a second a host may read from the volume and write to it; 0 means without a limit.
	QoSRates(tx *store.Tx, project, volumeUUID string) (read, write uint64, err error)
	// CheckCopy refuses a range that Copy could not read or write.
	CheckCopy(source, target *store.Tx, r CopyRange) error
	// Copy writes a range that CheckCopy has accepted, and returns the pass for the next range.
	Copy(source, target *store.Tx, r CopyRange) (pass uint64, err error)
	// VerifyCopy reads a copied range back, and refuses if it differs from the source.
	VerifyCopy(source, target *store.Tx, r CopyRange) error
	// Publish disconnects the host and gives the volume its access lists, unless others have changed them.
	Publish(tx *store.Tx, project, volumeUUID string, h Host, acl, ipACL []string) error
	// CheckSnapshotName refuses a name that SnapshotTarget would refuse.
	CheckSnapshotName(tx *store.Tx, project, name string) error
	// SnapshotTarget begins to create a snapshot of the volume.
	SnapshotTarget(tx *store.Tx, project, volumeUUID, name, description string) (snapshotUUID string, err error)
	// SnapshotReady reports whether the snapshot is available. It refuses if the snapshot never will be.
	SnapshotReady(tx *store.Tx, project, snapshotUUID string) (bool, error)
	// Discard removes a volume and, unless its UUID is "", a snapshot, in any state.
	Discard(tx *store.Tx, project, volumeUUID, snapshotUUID string) error
}

// Host is the host that copies.
type Host struct{ NQN, IP string }

// Facts is what the service stores about an attached cluster.
type Facts struct {
	UUID, Name                       string
	Version                          string // the lowest version of its servers
	SubsystemNQN                     string
	APIEndpoints, DiscoveryEndpoints []string
}

// Source is a snapshot that can be read, with the properties that a copy inherits.
type Source struct {
	Name, Project string
	Size          uint64 // bytes
	Replicas      uint32
	SectorSize    uint32
	Compression   bool
	ACL, IPACL    []string
}

// Target describes the volume that a copy is written to.
type Target struct {
	Name, Project string
	Size          uint64 // bytes
	Replicas      uint32
	SectorSize    uint32
	Compression   bool
	QosPolicy     string // a name; "" means the project's default
	Host          Host   // the only host with access until the volume is published
}

// CopyRange is the range [Start, End) of a copy, in bytes.
type CopyRange struct {
	SourceProject, Snapshot string
	TargetProject, Volume   string
	Start, End              uint64
	Pass                    uint64 // as the last Copy returned it; 0 for the first
	Host                    Host
}
