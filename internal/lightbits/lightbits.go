// Package lightbits simulates the Lightbits management REST API v2: clusters of servers, nodes and NVMe devices with
// volumes, snapshots and policies on them. Responses and refusals follow from that state.
//
// The prefix of a file's name says what the file decides. The machine of a resource, with its effects, is in
// <prefix>_life.go; its handlers are in <prefix>_handlers.go or in one file per verb.
//
//	access_      who may do what: authentication, tokens, credentials, roles, identity providers, authorization maps
//	block_       which blocks a volume or snapshot holds, and which it shares with its chain of snapshots and clones
//	clone_       thick clones: what a cluster offers to DMS, which copies snapshots between clusters
//	cluster_     the cluster itself: health, configuration, feature flags, admin endpoints, upgrades, partition
//	device_      NVMe devices: their life, failures and damaged data
//	encryption_  encryption of a cluster and its root key
//	event_       recording and listing events; the log and the catalogue of events are in the package events
//	federation_  a federation of clusters and its workflows
//	host_        connected hosts, trusted hosts and their secrets
//	log_         the archive of logs that FetchLogs produces
//	node_        nodes: their life, failures, rebuild and replacement
//	place_       on which nodes replicas are placed, and when they move to others
//	project_     projects and their default policies
//	qos_         QoS policies: limits, visibility, and which one a volume gets
//	schedule_    resource policies: schedules of snapshots and their runs
//	server_      servers: creation, life, eviction, upgrades, clock drift
//	snapshot_    snapshots: life, handlers, retention, differences
//	space_       how much of each node is used and free, and which nodes are read-only
//	volume_      volumes: life, name, size, access lists, protection, one file per operation
//
// Files without a resource are the frame that all of them share:
//
//	lightbits    the service and its tables
//	operations_  the rows of all operations, and examples of their requests
//	dialect      requests and responses on the wire
//	refusal_     causes of refusals, as explain shows them
//	identifiers  UUIDs of requests, in any case
//	rows         keys and compact encoding of rows, lookup by name
//	list         pages of volumes and snapshots
//	observed     which other rows a response shows the progress of
//	actions      what users and failures do to a cluster beside its API
//	seed_        a world's first state, from the section lightbits of a fixture
//	worldfile    the rows of a world as a file holds them
//
// Placement, protection and capacity are computed in the package physics. Every cluster is a partition of its world:
// the transaction of a handler contains only the cluster that the request is for.
//
// Sources: seeds/002, facts/lightbits.md, spec/lightbits-schema.json. Where these are silent, docs/assumptions.md
// numbers what is assumed.
package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/idp"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
	"storagesim/internal/wire"
)

// vendor is the first word of every operation id and machine kind here.
const vendor = "lightbits"

// zero makes the wire omit zero values, as the gateway does (facts/lightbits.md 2.1, assumption 1).
const zero = wire.OmitZero

// Options configure the simulated product.
type Options struct {
	Auth api.AuthMode
	// Federation enables the operations of a cluster federation.
	Federation bool
	// Key signs the tokens of the simulator's own credential, of the cluster federation and of the identity provider;
	// nil means signing.Published.
	Key *signing.Key
}

// Service is the simulated product. All of its state is in the worlds.
type Service struct {
	auth api.AuthMode
	key  *signing.Key // signs minted tokens and those of the cluster federation

	anybody, opaque *Principal // the callers without a token, and with any text as a token, where that is enough

	federation  bool
	workflowIDs *timeuuid.Sequence
	workflows   *statemachine.Machine[Workflow]

	volumes     *statemachine.Machine[Volume]
	snapshots   *statemachine.Machine[Snapshot]
	nodes       *statemachine.Machine[Node]
	busyNodes   *store.Memo[[]string] // the keys of those in transient states
	servers     *statemachine.Machine[Server]
	nvmeDevices *statemachine.Machine[NvmeDevice]
	policies    *statemachine.Machine[Policy]
	encryptions *statemachine.Machine[ClusterEncryptionStatus]

	idpConfigurations *statemachine.Machine[IDPConfiguration]
	issuer            *idp.Issuer

	migrations      *statemachine.Machine[migration]
	evictions       *statemachine.Machine[eviction]
	replacements    *statemachine.Machine[replacement]
	upgrades        *statemachine.Machine[serverUpgrade]
	clusterUpgrades *statemachine.Machine[clusterUpgrade]

	resourcePolicies *statemachine.Machine[ResourcePolicy]
	adminEndpoints   *statemachine.Machine[AdminEndpoint]
}

// New returns the service. The methods below return its parts, for package simulator to assemble.
func New(o Options) *Service {
	if o.Key == nil {
		o.Key = signing.Published()
	}
	s := &Service{auth: o.Auth, key: o.Key}
	s.anybody = newPrincipal("anybody", systemProject+":"+roleClusterAdmin)
	s.opaque = newPrincipal("opaque token", systemProject+":"+roleClusterAdmin)
	s.federation = o.Federation
	s.workflowIDs, s.workflows = timeuuid.NewSequence("lightbits.workflowids"), s.workflowMachine()
	s.volumes = s.volumeMachine()
	s.snapshots = s.snapshotMachine()
	s.nodes = s.nodeMachine()
	s.busyNodes = store.NewMemo(s.findBusyNodes)
	s.servers = s.serverMachine()
	s.nvmeDevices = s.nvmeDeviceMachine()
	s.policies = s.policyMachine()
	s.encryptions = s.encryptionMachine()
	s.idpConfigurations = s.idpConfigurationMachine()
	s.issuer = idp.New(o.Key)
	s.migrations = s.migrationMachine()
	s.evictions = s.evictionMachine()
	s.replacements = s.replacementMachine()
	s.upgrades = s.upgradeMachine()
	s.clusterUpgrades = s.clusterUpgradeMachine()
	s.resourcePolicies = s.resourcePolicyMachine()
	s.adminEndpoints = s.adminEndpointMachine()
	return s
}

// API returns the operations and what serves them.
func (s *Service) API() api.Service {
	return api.Service{
		Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Authorize: s.authorize, Clustered: true,
		Owns:     owns,
		Contract: contract,
	}
}

// Machines returns the machines of all resources.
func (s *Service) Machines() []statemachine.Lifecycle {
	return []statemachine.Lifecycle{
		s.volumes, s.snapshots, s.nodes, s.servers, s.nvmeDevices, s.policies, s.encryptions, s.workflows,
		s.resourcePolicies, s.adminEndpoints,
		s.migrations, s.evictions, s.replacements, s.upgrades, s.clusterUpgrades,
		s.idpConfigurations,
	}
}

// Tables returns the tables that do not belong to a machine.
func (s *Service) Tables() []store.Verifier {
	return append(idp.Tables(),
		blockTable, usageTable, groupTable, clusterTable, nsidTable, hostTable, addressTable, credentials,
		events.Log, flagTable, projects,
		rootKeys, configTable, outages, federatedClusters, s.workflowIDs.Table(), serverOptionsTable, pulledDevices,
		lostTable, resizing, revokedKeys,
		historyTable, clockDrifts, damageNotes, idpClientConfs, authMapEntries, trustedHosts,
	)
}
