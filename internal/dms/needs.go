package dms

import "storagesim/internal/store"

// Clusters is what this service needs of the Lightbits clusters of its world. A method acts on the cluster that its
// transaction is seen through and refuses in that cluster's words, with a refusal; other errors are the simulator's own.
type Clusters interface {
	// ClusterAt answers the partition of the cluster with that API endpoint; "" where nobody answers.
	ClusterAt(tx *store.Tx, endpoint string) string
	// Reachable says whether the cluster's API and whether its NVMe endpoints answer.
	Reachable(tx *store.Tx) (apis, data bool)
	// Trusts says whether tokens signed with that key, a PEM file, under that credential ID are taken.
	Trusts(tx *store.Tx, credential string, publicKey []byte) bool
	// Facts answers what the cluster says of itself now.
	Facts(tx *store.Tx) (Facts, error)

	CloneSource(tx *store.Tx, project, snapshotUUID string) (Source, error)
	CreateCloneTarget(tx *store.Tx, t Target) (volumeUUID string, err error)
	CloneTargetReady(tx *store.Tx, project, volumeUUID string) (bool, error)
	CheckCopy(source, target *store.Tx, r CopyRange) error
	Copy(source, target *store.Tx, r CopyRange) (pass uint64, err error)
	VerifyCopy(source, target *store.Tx, r CopyRange) error
	Publish(tx *store.Tx, project, volumeUUID string, acl, ipACL []string) error
	CheckSnapshotName(tx *store.Tx, project, name string) error
	SnapshotTarget(tx *store.Tx, project, volumeUUID, name, description string) (snapshotUUID string, err error)
	SnapshotReady(tx *store.Tx, project, snapshotUUID string) (bool, error)
	// Discard removes a volume and a snapshot, which may be "", in whatever state they are.
	Discard(tx *store.Tx, project, volumeUUID, snapshotUUID string) error
}

// Facts is what this service remembers of an attached cluster.
type Facts struct {
	UUID, Name                       string
	Version                          string // the lowest of the servers'
	SubsystemNQN                     string
	APIEndpoints, DiscoveryEndpoints []string
}

// Source is a snapshot that can be read, with what a copy of it inherits.
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
	QosPolicy     string // a name; "" is the project's default
	HostNQN       string // whose alone the volume is until it is published
}

// CopyRange is a part of a copy, in bytes.
type CopyRange struct {
	SourceProject, Snapshot string
	TargetProject, Volume   string
	Start, End              uint64
	Pass                    uint64 // what Copy answered last; 0 at first
}
