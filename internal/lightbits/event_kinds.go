package lightbits

// eventName is the name of an event as the log shows it.
type eventName string

// eventKind is what all events of a name have in common. {name} and {id} in Text are the subject's.
type eventKind struct {
	Name     string
	Code     uint32
	Type     EventType
	Severity EventSeverity
	Service  EventService
	Text     string
}

// The events. The product's own catalogue is not public, so names and codes are ours (assumption 44): a thousand codes
// for each type, in the order of the type's number.
const (
	eventClusterReady       eventName = "ClusterReady"
	eventClusterUnreachable eventName = "ClusterUnreachable"
	eventClusterReachable   eventName = "ClusterReachable"
	eventConfigUpdated      eventName = "ClusterConfigUpdated"
	eventFlagEnabled        eventName = "FeatureFlagEnabled"
	eventFlagDisabled       eventName = "FeatureFlagDisabled"

	eventNodeInactive   eventName = "NodeInactive"
	eventNodeActivating eventName = "NodeActivating"
	eventNodeActive     eventName = "NodeActive"
	eventNodeRebuilding eventName = "NodeRebuilding"
	eventNodeRebuilt    eventName = "NodeRebuilt"
	eventNodeReadOnly   eventName = "NodeReadOnly"
	eventNodeWritable   eventName = "NodeWritable"
	eventNodeAttaching  eventName = "NodeAttaching"
	eventNodeDetaching  eventName = "NodeDetaching"
	eventNodeUnattached eventName = "NodeUnattached"
	eventNodeLocalStart eventName = "NodeLocalRebuildStarted"
	eventNodeLocalEnd   eventName = "NodeLocalRebuildCompleted"
	eventNodePerished   eventName = "NodePermanentFailure"

	eventVolumeCreated        eventName = "VolumeCreated"
	eventVolumeAvailable      eventName = "VolumeAvailable"
	eventVolumeFailed         eventName = "VolumeFailed"
	eventVolumeUpdated        eventName = "VolumeUpdated"
	eventVolumeResized        eventName = "VolumeResized"
	eventVolumeRolledBack     eventName = "VolumeRolledBack"
	eventVolumeDeleting       eventName = "VolumeDeleting"
	eventVolumeDeleted        eventName = "VolumeDeleted"
	eventVolumeMigrating      eventName = "VolumeMigrating"
	eventVolumeFullyProtected eventName = "VolumeFullyProtected"
	eventVolumeDegraded       eventName = "VolumeDegraded"
	eventVolumeReadOnly       eventName = "VolumeReadOnly"
	eventVolumeNotAvailable   eventName = "VolumeNotAvailable"
	eventVolumeConnected      eventName = "VolumeConnected"
	eventVolumeDisconnected   eventName = "VolumeDisconnected"

	eventSnapshotCreated   eventName = "SnapshotCreated"
	eventSnapshotAvailable eventName = "SnapshotAvailable"
	eventSnapshotFailed    eventName = "SnapshotFailed"
	eventSnapshotDeleting  eventName = "SnapshotDeleting"
	eventSnapshotDeleted   eventName = "SnapshotDeleted"
	eventSnapshotSkipped   eventName = "ScheduledSnapshotSkipped"

	eventDeviceAdding    eventName = "NVMeDeviceAdding"
	eventDeviceHealthy   eventName = "NVMeDeviceHealthy"
	eventDeviceFailed    eventName = "NVMeDeviceFailed"
	eventDeviceRebuilt   eventName = "NVMeDeviceRebuilt"
	eventDeviceUnmanaged eventName = "NVMeDeviceUnmanaged"
	eventDevicePulled    eventName = "NVMeDevicePulled"
	eventDeviceInserted  eventName = "NVMeDeviceInserted"

	eventServerCreated   eventName = "ServerCreated"
	eventServerEnabling  eventName = "ServerEnabling"
	eventServerEnabled   eventName = "ServerEnabled"
	eventServerDisabling eventName = "ServerDisabling"
	eventServerDisabled  eventName = "ServerDisabled"
	eventServerFailed    eventName = "ServerFailed"
	eventServerDeleting  eventName = "ServerDeleting"
	eventServerDeleted   eventName = "ServerDeleted"
	eventServerEvicting  eventName = "ServerEvicting"
	eventServerEvicted   eventName = "ServerEvicted"
	eventServerKept      eventName = "ServerEvictionFailed"
	eventServerUpgrading eventName = "ServerUpgrading"
	eventServerUpgraded  eventName = "ServerUpgraded"
	eventServerUpgrFail  eventName = "ServerUpgradeFailed"
	eventServerClock     eventName = "ServerClockDrift"

	eventDataRecovered     eventName = "DataIntegrityErrorRecovered"
	eventDataUnrecoverable eventName = "DataIntegrityErrorUnrecoverable"

	eventEncryptionEnabling eventName = "ClusterEncryptionEnabling"
	eventEncryptionEnabled  eventName = "ClusterEncryptionEnabled"
	eventRootKeyRotating    eventName = "RootKeyRotating"
	eventRootKeyRotated     eventName = "RootKeyRotated"
)

// eventKindTable is the catalogue.
var eventKindTable = map[eventName]eventKind{
	eventClusterUnreachable: {Code: 1002, Type: EventCluster, Severity: SeverityCritical, Service: ServiceAPI, Text: "The management API of cluster {name} cannot be reached"},
	eventClusterReachable:   {Code: 1003, Type: EventCluster, Severity: SeverityInfo, Service: ServiceAPI, Text: "The management API of cluster {name} can be reached again"},
	eventClusterReady:       {Code: 1001, Type: EventCluster, Severity: SeverityInfo, Service: ServiceCM, Text: "Cluster {name} is ready"},
	eventConfigUpdated:      {Code: 1021, Type: EventCluster, Severity: SeverityInfo, Service: ServiceAPI, Text: "The configuration of cluster {name} was updated"},
	eventFlagEnabled:        {Code: 1022, Type: EventCluster, Severity: SeverityInfo, Service: ServiceAPI, Text: "A feature flag of cluster {name} was enabled"},
	eventFlagDisabled:       {Code: 1023, Type: EventCluster, Severity: SeverityInfo, Service: ServiceAPI, Text: "A feature flag of cluster {name} was disabled"},

	eventNodeInactive:   {Code: 2001, Type: EventNode, Severity: SeverityHigh, Service: ServiceCM, Text: "Node {name} is inactive"},
	eventNodeActivating: {Code: 2002, Type: EventNode, Severity: SeverityInfo, Service: ServiceNM, Text: "Node {name} is powering up"},
	eventNodeActive:     {Code: 2003, Type: EventNode, Severity: SeverityInfo, Service: ServiceNM, Text: "Node {name} is active"},
	eventNodeRebuilding: {Code: 2004, Type: EventNode, Severity: SeverityLow, Service: ServiceNM, Text: "Volumes on node {name} are being rebuilt"},
	eventNodeRebuilt:    {Code: 2005, Type: EventNode, Severity: SeverityInfo, Service: ServiceNM, Text: "Volumes on node {name} are rebuilt"},
	eventNodeReadOnly:   {Code: 2006, Type: EventNode, Severity: SeverityCritical, Service: ServiceNM, Text: "Node {name} is read-only, its storage is nearly full"},
	eventNodeWritable:   {Code: 2007, Type: EventNode, Severity: SeverityInfo, Service: ServiceNM, Text: "Node {name} has room again and takes writes"},
	eventNodeAttaching:  {Code: 2008, Type: EventNode, Severity: SeverityInfo, Service: ServiceCM, Text: "Node {name} is being attached"},
	eventNodeDetaching:  {Code: 2009, Type: EventNode, Severity: SeverityInfo, Service: ServiceCM, Text: "Node {name} is being detached"},
	eventNodeUnattached: {Code: 2010, Type: EventNode, Severity: SeverityInfo, Service: ServiceCM, Text: "Node {name} is unattached"},
	eventNodeLocalStart: {Code: 2011, Type: EventNode, Severity: SeverityMedium, Service: ServiceNM, Text: "Node {name} rebuilds the data of a failed device"},
	eventNodeLocalEnd:   {Code: 2012, Type: EventNode, Severity: SeverityInfo, Service: ServiceNM, Text: "Node {name} has rebuilt the data of a failed device"},
	eventNodePerished:   {Code: 2013, Type: EventNode, Severity: SeverityCritical, Service: ServiceCM, Text: "Node {name} has failed permanently"},

	eventVolumeCreated:        {Code: 3001, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "Volume {name} was created"},
	eventVolumeAvailable:      {Code: 3002, Type: EventVolume, Severity: SeverityInfo, Service: ServiceCM, Text: "Volume {name} is available"},
	eventVolumeFailed:         {Code: 3003, Type: EventVolume, Severity: SeverityHigh, Service: ServiceCM, Text: "Volume {name} has failed"},
	eventVolumeUpdated:        {Code: 3004, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "Volume {name} was updated"},
	eventVolumeResized:        {Code: 3005, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "Volume {name} was resized"},
	eventVolumeRolledBack:     {Code: 3006, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "Volume {name} was rolled back to a snapshot"},
	eventVolumeDeleting:       {Code: 3007, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "Volume {name} is being deleted"},
	eventVolumeDeleted:        {Code: 3008, Type: EventVolume, Severity: SeverityInfo, Service: ServiceCM, Text: "Volume {name} was deleted"},
	eventVolumeMigrating:      {Code: 3009, Type: EventVolume, Severity: SeverityInfo, Service: ServiceCM, Text: "Volume {name} is being moved to other nodes"},
	eventVolumeFullyProtected: {Code: 3010, Type: EventVolume, Severity: SeverityInfo, Service: ServiceCM, Text: "Volume {name} is fully protected"},
	eventVolumeDegraded:       {Code: 3011, Type: EventVolume, Severity: SeverityMedium, Service: ServiceCM, Text: "Volume {name} is degraded"},
	eventVolumeReadOnly:       {Code: 3012, Type: EventVolume, Severity: SeverityHigh, Service: ServiceCM, Text: "Volume {name} is read-only"},
	eventVolumeNotAvailable:   {Code: 3013, Type: EventVolume, Severity: SeverityCritical, Service: ServiceCM, Text: "Volume {name} is not available"},
	eventVolumeConnected:      {Code: 3014, Type: EventVolume, Severity: SeverityInfo, Service: ServiceNM, Text: "A host connected to volume {name}"},
	eventVolumeDisconnected:   {Code: 3015, Type: EventVolume, Severity: SeverityInfo, Service: ServiceNM, Text: "A host disconnected from volume {name}"},

	eventSnapshotCreated:   {Code: 3101, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "A snapshot of volume {name} was created"},
	eventSnapshotAvailable: {Code: 3102, Type: EventVolume, Severity: SeverityInfo, Service: ServiceCM, Text: "A snapshot of volume {name} is available"},
	eventSnapshotFailed:    {Code: 3103, Type: EventVolume, Severity: SeverityHigh, Service: ServiceCM, Text: "A snapshot of volume {name} has failed"},
	eventSnapshotDeleting:  {Code: 3105, Type: EventVolume, Severity: SeverityInfo, Service: ServiceAPI, Text: "A snapshot of volume {name} is being deleted"},
	eventSnapshotDeleted:   {Code: 3106, Type: EventVolume, Severity: SeverityInfo, Service: ServiceCM, Text: "A snapshot of volume {name} was deleted"},
	eventSnapshotSkipped:   {Code: 3121, Type: EventVolume, Severity: SeverityMedium, Service: ServiceCM, Text: "A scheduled snapshot of volume {name} was skipped"},

	eventDeviceAdding:    {Code: 4001, Type: EventNVMeSSD, Severity: SeverityInfo, Service: ServiceNM, Text: "NVMe device {id} is being added"},
	eventDeviceHealthy:   {Code: 4002, Type: EventNVMeSSD, Severity: SeverityInfo, Service: ServiceNM, Text: "NVMe device {id} is healthy"},
	eventDeviceFailed:    {Code: 4003, Type: EventNVMeSSD, Severity: SeverityHigh, Service: ServiceNM, Text: "NVMe device {id} has failed"},
	eventDeviceRebuilt:   {Code: 4004, Type: EventNVMeSSD, Severity: SeverityInfo, Service: ServiceNM, Text: "The data of the failed NVMe device {id} is rebuilt"},
	eventDeviceUnmanaged: {Code: 4005, Type: EventNVMeSSD, Severity: SeverityInfo, Service: ServiceNM, Text: "NVMe device {id} is not managed any more"},
	eventDevicePulled:    {Code: 4021, Type: EventNVMeSSD, Severity: SeverityHigh, Service: ServiceNM, Text: "NVMe device {name} was pulled"},
	eventDeviceInserted:  {Code: 4022, Type: EventNVMeSSD, Severity: SeverityInfo, Service: ServiceNM, Text: "NVMe device {name} was inserted"},

	eventServerCreated:   {Code: 5001, Type: EventServer, Severity: SeverityInfo, Service: ServiceAPI, Text: "Server {name} was created"},
	eventServerEnabling:  {Code: 5002, Type: EventServer, Severity: SeverityInfo, Service: ServiceAPI, Text: "Server {name} is being enabled"},
	eventServerEnabled:   {Code: 5003, Type: EventServer, Severity: SeverityInfo, Service: ServiceCM, Text: "Server {name} is enabled"},
	eventServerDisabling: {Code: 5004, Type: EventServer, Severity: SeverityInfo, Service: ServiceAPI, Text: "Server {name} is being disabled"},
	eventServerDisabled:  {Code: 5005, Type: EventServer, Severity: SeverityMedium, Service: ServiceCM, Text: "Server {name} is disabled"},
	eventServerFailed:    {Code: 5006, Type: EventServer, Severity: SeverityCritical, Service: ServiceCM, Text: "Server {name} has failed"},
	eventServerDeleting:  {Code: 5007, Type: EventServer, Severity: SeverityInfo, Service: ServiceAPI, Text: "Server {name} is being deleted"},
	eventServerDeleted:   {Code: 5008, Type: EventServer, Severity: SeverityInfo, Service: ServiceCM, Text: "Server {name} was deleted"},
	eventServerEvicting:  {Code: 5021, Type: EventServer, Severity: SeverityInfo, Service: ServiceAPI, Text: "The data of server {name} is being evicted"},
	eventServerEvicted:   {Code: 5022, Type: EventServer, Severity: SeverityInfo, Service: ServiceCM, Text: "The data of server {name} was evicted"},
	eventServerKept:      {Code: 5023, Type: EventServer, Severity: SeverityHigh, Service: ServiceCM, Text: "The data of server {name} was not evicted"},
	eventServerUpgrading: {Code: 5031, Type: EventServer, Severity: SeverityInfo, Service: ServiceUM, Text: "Server {name} is being upgraded"},
	eventServerUpgraded:  {Code: 5032, Type: EventServer, Severity: SeverityInfo, Service: ServiceUM, Text: "Server {name} was upgraded"},
	eventServerUpgrFail:  {Code: 5033, Type: EventServer, Severity: SeverityHigh, Service: ServiceUM, Text: "The upgrade of server {name} failed"},
	eventServerClock:     {Code: 5041, Type: EventServer, Severity: SeverityMedium, Service: ServiceCM, Text: "The clock of server {name} drifts"},

	eventDataRecovered:     {Code: 6001, Type: EventDataIntegrity, Severity: SeverityMedium, Service: ServiceNM, Text: "Damaged blocks of NVMe device {name} were restored"},
	eventDataUnrecoverable: {Code: 6002, Type: EventDataIntegrity, Severity: SeverityCritical, Service: ServiceNM, Text: "Damaged blocks of NVMe device {name} cannot be restored by their node"},

	eventEncryptionEnabling: {Code: 7001, Type: EventClusterEncryption, Severity: SeverityInfo, Service: ServiceAPI, Text: "Encryption of cluster {name} is being enabled"},
	eventEncryptionEnabled:  {Code: 7002, Type: EventClusterEncryption, Severity: SeverityInfo, Service: ServiceCM, Text: "Encryption of cluster {name} is enabled"},
	eventRootKeyRotating:    {Code: 7003, Type: EventClusterEncryption, Severity: SeverityInfo, Service: ServiceAPI, Text: "The root key of cluster {name} is being rotated"},
	eventRootKeyRotated:     {Code: 7004, Type: EventClusterEncryption, Severity: SeverityInfo, Service: ServiceCM, Text: "The root key of cluster {name} was rotated"},
}
