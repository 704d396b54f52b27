// Package lightbits stands in for the Lightbits management REST API v2: not canned answers, but clusters of servers,
// nodes and NVMe devices with volumes, snapshots and policies on them, from whose state the refusals follow.
//
// One file per resource: its rows (operations), struct, machine, handlers, in that order. What places replicas, decides
// protection and counts capacity is in the package physics below this one. Every cluster is a partition of its world, so
// handlers never name a cluster: the transaction they get sees only the one that the request is for.
//
// Sources: seeds/002, facts/lightbits.md, spec/lightbits-schema.json. Choices where these are silent are numbered in
// docs/assumptions.md.
package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/idp"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
	"storagesim/internal/wire"
)

// vendor is the first word of every operation id and machine kind here.
const vendor = "lightbits"

// zero: this gateway leaves zero values out (facts/lightbits.md 2.1, assumption 1).
const zero = wire.OmitZero

// Options are what a user may choose about the emulation.
type Options struct {
	Auth api.AuthMode
	// Federation lets the operations of a cluster federation answer; without it the clusters are plain ones.
	Federation bool
}

// Service is the emulated product: all state lies in the worlds; what is kept here
// follows from them.
type Service struct {
	auth api.AuthMode
	key  func() (*signing.Key, error)

	anybody, opaque *Principal // who calls where no token, or any, is enough

	federation    bool
	federationKey func() (*signing.Key, error)
	workflowIDs   *timeuuid.Sequence
	workflows     *statemachine.Machine[Workflow]

	volumes     *statemachine.Machine[Volume]
	snapshots   *statemachine.Machine[Snapshot]
	nodes       *statemachine.Machine[Node]
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

// New makes the service; its parts are handed to the assembly by the methods below.
func New(o Options) *Service {
	s := &Service{auth: o.Auth, key: signing.Of(signing.Lightbits)}
	s.anybody = newPrincipal("anybody", systemProject+":"+roleClusterAdmin)
	s.opaque = newPrincipal("opaque token", systemProject+":"+roleClusterAdmin)
	s.federation, s.federationKey = o.Federation, signing.Of(signing.Federation)
	s.workflowIDs, s.workflows = timeuuid.NewSequence("lightbits.workflowids"), s.workflowMachine()
	s.volumes = s.volumeMachine()
	s.snapshots = s.snapshotMachine()
	s.nodes = s.nodeMachine()
	s.servers = s.serverMachine()
	s.nvmeDevices = s.nvmeDeviceMachine()
	s.policies = s.policyMachine()
	s.encryptions = s.encryptionMachine()
	s.idpConfigurations = s.idpConfigurationMachine()
	s.issuer = idp.New()
	s.migrations = s.migrationMachine()
	s.evictions = s.evictionMachine()
	s.replacements = s.replacementMachine()
	s.upgrades = s.upgradeMachine()
	s.clusterUpgrades = s.clusterUpgradeMachine()
	s.resourcePolicies = s.resourcePolicyMachine()
	s.adminEndpoints = s.adminEndpointMachine()
	return s
}

// API answers the vendor as the server serves it.
func (s *Service) API() api.Service {
	return api.Service{
		Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Authorize: s.authorize, Clustered: true, Owns: owns,
		Contract: contract,
	}
}

// Machines lists the lifecycles of the vendor's things.
func (s *Service) Machines() []statemachine.Lifecycle {
	return []statemachine.Lifecycle{
		s.volumes, s.snapshots, s.nodes, s.servers, s.nvmeDevices, s.policies, s.encryptions, s.workflows, s.resourcePolicies, s.adminEndpoints,
		s.migrations, s.evictions, s.replacements, s.upgrades, s.clusterUpgrades,
		s.idpConfigurations,
	}
}

// Tables lists the tables beside those of the machines.
func (s *Service) Tables() []store.Verifier {
	return append(idp.Tables(),
		blockTable, usageTable, groupTable, clusterTable, nsidTable, hostTable, credentials, eventTable, flagTable, projects,
		rootKeys, configTable, outages, federatedClusters, s.workflowIDs.Table(), serverPlans, pulledDevices, lostTable, clockDrifts, damageNotes, idpClientConfs, authMapEntries, trustedHosts,
	)
}
