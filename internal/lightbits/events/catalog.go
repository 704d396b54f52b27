package events

// Name is the name of an event in the log.
type Name string

// kind is what all events of one name have in common. {name} and {id} in Text stand for the subject's.
type kind struct {
	Code     uint32
	Type     Type
	Severity Severity
	Service  Service
	Text     string
}

// The events. The product's own catalogue is not public, so that names and codes are assumed (assumption 44): a
// thousand codes for each type, in the order of the type's number.
const (
	ClusterReady         Name = "ClusterReady"
	ClusterUnreachable   Name = "ClusterUnreachable"
	ClusterReachable     Name = "ClusterReachable"
	ClusterConfigUpdated Name = "ClusterConfigUpdated"
	FeatureFlagEnabled   Name = "FeatureFlagEnabled"
	FeatureFlagDisabled  Name = "FeatureFlagDisabled"

	NodeInactive              Name = "NodeInactive"
	NodeActivating            Name = "NodeActivating"
	NodeActive                Name = "NodeActive"
	NodeRebuilding            Name = "NodeRebuilding"
	NodeRebuilt               Name = "NodeRebuilt"
	NodeReadOnly              Name = "NodeReadOnly"
	NodeWritable              Name = "NodeWritable"
	NodeAttaching             Name = "NodeAttaching"
	NodeDetaching             Name = "NodeDetaching"
	NodeUnattached            Name = "NodeUnattached"
	NodeLocalRebuildStarted   Name = "NodeLocalRebuildStarted"
	NodeLocalRebuildCompleted Name = "NodeLocalRebuildCompleted"
	NodePermanentFailure      Name = "NodePermanentFailure"

	VolumeCreated        Name = "VolumeCreated"
	VolumeAvailable      Name = "VolumeAvailable"
	VolumeFailed         Name = "VolumeFailed"
	VolumeUpdated        Name = "VolumeUpdated"
	VolumeResized        Name = "VolumeResized"
	VolumeRolledBack     Name = "VolumeRolledBack"
	VolumeDeleting       Name = "VolumeDeleting"
	VolumeDeleted        Name = "VolumeDeleted"
	VolumeMigrating      Name = "VolumeMigrating"
	VolumeFullyProtected Name = "VolumeFullyProtected"
	VolumeDegraded       Name = "VolumeDegraded"
	VolumeReadOnly       Name = "VolumeReadOnly"
	VolumeNotAvailable   Name = "VolumeNotAvailable"
	VolumeConnected      Name = "VolumeConnected"
	VolumeDisconnected   Name = "VolumeDisconnected"

	SnapshotCreated          Name = "SnapshotCreated"
	SnapshotAvailable        Name = "SnapshotAvailable"
	SnapshotFailed           Name = "SnapshotFailed"
	SnapshotDeleting         Name = "SnapshotDeleting"
	SnapshotDeleted          Name = "SnapshotDeleted"
	ScheduledSnapshotSkipped Name = "ScheduledSnapshotSkipped"

	NVMeDeviceAdding    Name = "NVMeDeviceAdding"
	NVMeDeviceHealthy   Name = "NVMeDeviceHealthy"
	NVMeDeviceFailed    Name = "NVMeDeviceFailed"
	NVMeDeviceRebuilt   Name = "NVMeDeviceRebuilt"
	NVMeDeviceUnmanaged Name = "NVMeDeviceUnmanaged"
	NVMeDevicePulled    Name = "NVMeDevicePulled"
	NVMeDeviceInserted  Name = "NVMeDeviceInserted"

	ServerCreated        Name = "ServerCreated"
	ServerEnabling       Name = "ServerEnabling"
	ServerEnabled        Name = "ServerEnabled"
	ServerDisabling      Name = "ServerDisabling"
	ServerDisabled       Name = "ServerDisabled"
	ServerFailed         Name = "ServerFailed"
	ServerDeleting       Name = "ServerDeleting"
	ServerDeleted        Name = "ServerDeleted"
	ServerEvicting       Name = "ServerEvicting"
	ServerEvicted        Name = "ServerEvicted"
	ServerEvictionFailed Name = "ServerEvictionFailed"
	ServerUpgrading      Name = "ServerUpgrading"
	ServerUpgraded       Name = "ServerUpgraded"
	ServerUpgradeFailed  Name = "ServerUpgradeFailed"
	ServerClockDrift     Name = "ServerClockDrift"

	DataIntegrityErrorRecovered     Name = "DataIntegrityErrorRecovered"
	DataIntegrityErrorUnrecoverable Name = "DataIntegrityErrorUnrecoverable"

	ClusterEncryptionEnabling Name = "ClusterEncryptionEnabling"
	ClusterEncryptionEnabled  Name = "ClusterEncryptionEnabled"
	RootKeyRotating           Name = "RootKeyRotating"
	RootKeyRotated            Name = "RootKeyRotated"
)

// catalog has every event.
var catalog = map[Name]kind{
	ClusterUnreachable: {Code: 1002, Type: TypeCluster, Severity: SeverityCritical, Service: ServiceAPI,
		Text: "The management API of cluster {name} cannot be reached"},
	ClusterReachable: {Code: 1003, Type: TypeCluster, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "The management API of cluster {name} can be reached again"},
	ClusterReady: {Code: 1001, Type: TypeCluster, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Cluster {name} is ready"},
	ClusterConfigUpdated: {Code: 1021, Type: TypeCluster, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "The configuration of cluster {name} was updated"},
	FeatureFlagEnabled: {Code: 1022, Type: TypeCluster, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "A feature flag of cluster {name} was enabled"},
	FeatureFlagDisabled: {Code: 1023, Type: TypeCluster, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "A feature flag of cluster {name} was disabled"},

	NodeInactive: {Code: 2001, Type: TypeNode, Severity: SeverityHigh, Service: ServiceCM,
		Text: "Node {name} is inactive"},
	NodeActivating: {Code: 2002, Type: TypeNode, Severity: SeverityInfo, Service: ServiceNM,
		Text: "Node {name} is powering up"},
	NodeActive: {Code: 2003, Type: TypeNode, Severity: SeverityInfo, Service: ServiceNM,
		Text: "Node {name} is active"},
	NodeRebuilding: {Code: 2004, Type: TypeNode, Severity: SeverityLow, Service: ServiceNM,
		Text: "Volumes on node {name} are being rebuilt"},
	NodeRebuilt: {Code: 2005, Type: TypeNode, Severity: SeverityInfo, Service: ServiceNM,
		Text: "Volumes on node {name} are rebuilt"},
	NodeReadOnly: {Code: 2006, Type: TypeNode, Severity: SeverityCritical, Service: ServiceNM,
		Text: "Node {name} is read-only, its storage is nearly full"},
	NodeWritable: {Code: 2007, Type: TypeNode, Severity: SeverityInfo, Service: ServiceNM,
		Text: "Node {name} has room again and takes writes"},
	NodeAttaching: {Code: 2008, Type: TypeNode, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Node {name} is being attached"},
	NodeDetaching: {Code: 2009, Type: TypeNode, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Node {name} is being detached"},
	NodeUnattached: {Code: 2010, Type: TypeNode, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Node {name} is unattached"},
	NodeLocalRebuildStarted: {Code: 2011, Type: TypeNode, Severity: SeverityMedium, Service: ServiceNM,
		Text: "Node {name} rebuilds the data of a failed device"},
	NodeLocalRebuildCompleted: {Code: 2012, Type: TypeNode, Severity: SeverityInfo, Service: ServiceNM,
		Text: "Node {name} has rebuilt the data of a failed device"},
	NodePermanentFailure: {Code: 2013, Type: TypeNode, Severity: SeverityCritical, Service: ServiceCM,
		Text: "Node {name} has failed permanently"},

	VolumeCreated: {Code: 3001, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Volume {name} was created"},
	VolumeAvailable: {Code: 3002, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Volume {name} is available"},
	VolumeFailed: {Code: 3003, Type: TypeVolume, Severity: SeverityHigh, Service: ServiceCM,
		Text: "Volume {name} has failed"},
	VolumeUpdated: {Code: 3004, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Volume {name} was updated"},
	VolumeResized: {Code: 3005, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Volume {name} was resized"},
	VolumeRolledBack: {Code: 3006, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Volume {name} was rolled back to a snapshot"},
	VolumeDeleting: {Code: 3007, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Volume {name} is being deleted"},
	VolumeDeleted: {Code: 3008, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Volume {name} was deleted"},
	VolumeMigrating: {Code: 3009, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Volume {name} is being moved to other nodes"},
	VolumeFullyProtected: {Code: 3010, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Volume {name} is fully protected"},
	VolumeDegraded: {Code: 3011, Type: TypeVolume, Severity: SeverityMedium, Service: ServiceCM,
		Text: "Volume {name} is degraded"},
	VolumeReadOnly: {Code: 3012, Type: TypeVolume, Severity: SeverityHigh, Service: ServiceCM,
		Text: "Volume {name} is read-only"},
	VolumeNotAvailable: {Code: 3013, Type: TypeVolume, Severity: SeverityCritical, Service: ServiceCM,
		Text: "Volume {name} is not available"},
	VolumeConnected: {Code: 3014, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceNM,
		Text: "A host connected to volume {name}"},
	VolumeDisconnected: {Code: 3015, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceNM,
		Text: "A host disconnected from volume {name}"},

	SnapshotCreated: {Code: 3101, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "A snapshot of volume {name} was created"},
	SnapshotAvailable: {Code: 3102, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceCM,
		Text: "A snapshot of volume {name} is available"},
	SnapshotFailed: {Code: 3103, Type: TypeVolume, Severity: SeverityHigh, Service: ServiceCM,
		Text: "A snapshot of volume {name} has failed"},
	SnapshotDeleting: {Code: 3105, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "A snapshot of volume {name} is being deleted"},
	SnapshotDeleted: {Code: 3106, Type: TypeVolume, Severity: SeverityInfo, Service: ServiceCM,
		Text: "A snapshot of volume {name} was deleted"},
	ScheduledSnapshotSkipped: {Code: 3121, Type: TypeVolume, Severity: SeverityMedium, Service: ServiceCM,
		Text: "A scheduled snapshot of volume {name} was skipped"},

	NVMeDeviceAdding: {Code: 4001, Type: TypeNVMeSSD, Severity: SeverityInfo, Service: ServiceNM,
		Text: "NVMe device {id} is being added"},
	NVMeDeviceHealthy: {Code: 4002, Type: TypeNVMeSSD, Severity: SeverityInfo, Service: ServiceNM,
		Text: "NVMe device {id} is healthy"},
	NVMeDeviceFailed: {Code: 4003, Type: TypeNVMeSSD, Severity: SeverityHigh, Service: ServiceNM,
		Text: "NVMe device {id} has failed"},
	NVMeDeviceRebuilt: {Code: 4004, Type: TypeNVMeSSD, Severity: SeverityInfo, Service: ServiceNM,
		Text: "The data of the failed NVMe device {id} is rebuilt"},
	NVMeDeviceUnmanaged: {Code: 4005, Type: TypeNVMeSSD, Severity: SeverityInfo, Service: ServiceNM,
		Text: "NVMe device {id} is not managed any more"},
	NVMeDevicePulled: {Code: 4021, Type: TypeNVMeSSD, Severity: SeverityHigh, Service: ServiceNM,
		Text: "NVMe device {name} was pulled"},
	NVMeDeviceInserted: {Code: 4022, Type: TypeNVMeSSD, Severity: SeverityInfo, Service: ServiceNM,
		Text: "NVMe device {name} was inserted"},

	ServerCreated: {Code: 5001, Type: TypeServer, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Server {name} was created"},
	ServerEnabling: {Code: 5002, Type: TypeServer, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Server {name} is being enabled"},
	ServerEnabled: {Code: 5003, Type: TypeServer, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Server {name} is enabled"},
	ServerDisabling: {Code: 5004, Type: TypeServer, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Server {name} is being disabled"},
	ServerDisabled: {Code: 5005, Type: TypeServer, Severity: SeverityMedium, Service: ServiceCM,
		Text: "Server {name} is disabled"},
	ServerFailed: {Code: 5006, Type: TypeServer, Severity: SeverityCritical, Service: ServiceCM,
		Text: "Server {name} has failed"},
	ServerDeleting: {Code: 5007, Type: TypeServer, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Server {name} is being deleted"},
	ServerDeleted: {Code: 5008, Type: TypeServer, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Server {name} was deleted"},
	ServerEvicting: {Code: 5021, Type: TypeServer, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "The data of server {name} is being evicted"},
	ServerEvicted: {Code: 5022, Type: TypeServer, Severity: SeverityInfo, Service: ServiceCM,
		Text: "The data of server {name} was evicted"},
	ServerEvictionFailed: {Code: 5023, Type: TypeServer, Severity: SeverityHigh, Service: ServiceCM,
		Text: "The data of server {name} was not evicted"},
	ServerUpgrading: {Code: 5031, Type: TypeServer, Severity: SeverityInfo, Service: ServiceUM,
		Text: "Server {name} is being upgraded"},
	ServerUpgraded: {Code: 5032, Type: TypeServer, Severity: SeverityInfo, Service: ServiceUM,
		Text: "Server {name} was upgraded"},
	ServerUpgradeFailed: {Code: 5033, Type: TypeServer, Severity: SeverityHigh, Service: ServiceUM,
		Text: "The upgrade of server {name} failed"},
	ServerClockDrift: {Code: 5041, Type: TypeServer, Severity: SeverityMedium, Service: ServiceCM,
		Text: "The clock of server {name} drifts"},

	DataIntegrityErrorRecovered: {Code: 6001, Type: TypeDataIntegrity, Severity: SeverityMedium, Service: ServiceNM,
		Text: "Damaged blocks of NVMe device {name} were restored"},
	DataIntegrityErrorUnrecoverable: {Code: 6002, Type: TypeDataIntegrity, Severity: SeverityCritical,
		Service: ServiceNM,
		Text:    "Damaged blocks of NVMe device {name} cannot be restored by their node"},

	ClusterEncryptionEnabling: {Code: 7001, Type: TypeClusterEncryption, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "Encryption of cluster {name} is being enabled"},
	ClusterEncryptionEnabled: {Code: 7002, Type: TypeClusterEncryption, Severity: SeverityInfo, Service: ServiceCM,
		Text: "Encryption of cluster {name} is enabled"},
	RootKeyRotating: {Code: 7003, Type: TypeClusterEncryption, Severity: SeverityInfo, Service: ServiceAPI,
		Text: "The root key of cluster {name} is being rotated"},
	RootKeyRotated: {Code: 7004, Type: TypeClusterEncryption, Severity: SeverityInfo, Service: ServiceCM,
		Text: "The root key of cluster {name} was rotated"},
}
