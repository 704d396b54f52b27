// Package dms emulates the Lightbits Data Management Service, REST API v1: the service that attaches Lightbits
// clusters, copies snapshots between them as thick clones, and presents both as workflows.
//
// A file name begins with the resource that it is about:
//
//	access_    the login, its tokens, and the check of a caller's token
//	cluster    the attached clusters
//	clone      the requests for thick clones
//	workflow_  workflows, their machine (life), and the steps of an attach or refresh and of a clone
//	credential the service's key
//	settings   the service of a world, and the section dms of a fixture (seed)
//	needs      the interface of what the service needs of a Lightbits cluster; vendors never import each other
//
// The files without a resource are dms.go, operations.go and dialect.go. The service is not part of any cluster, so its
// rows lie in the world's partition "".
//
// Sources: seeds/003, facts/dms-lucidlink-lucidity.md part 3. Choices where these are silent are numbered in
// docs/assumptions.md.
package dms

import (
	"storagesim/internal/api"
	"storagesim/internal/signing"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/timeuuid"
	"storagesim/internal/wire"
)

// vendor is the first word of every operation ID and machine kind of the package.
const vendor = "dms"

// zero makes the wire show zero values, as this gateway does (facts/dms-lucidlink-lucidity.md 3.1).
const zero = wire.EmitZero

// Options configure the emulation.
type Options struct {
	Auth api.AuthMode
	// MaxRunningWorkflows overrides the limit of the fixture unless it is 0.
	MaxRunningWorkflows int
	// Key signs the service's tokens; nil means signing.Published.
	Key *signing.Key
}

// Service is the emulated product. All of its state is in the worlds.
type Service struct {
	options   Options
	clusters  Clusters
	key       *signing.Key       // signs the tokens of the service
	ids       *timeuuid.Sequence // numbers the workflows
	workflows *statemachine.Machine[Workflow]
}

// New returns the service. The methods below return its parts.
func New(o Options, clusters Clusters) *Service {
	if o.Key == nil {
		o.Key = signing.Published()
	}
	s := &Service{options: o, clusters: clusters, key: o.Key, ids: timeuuid.NewSequence("dms.ids")}
	s.workflows = s.workflowMachine()
	return s
}

// API returns the operations with all that the server needs to serve them.
func (s *Service) API() api.Service {
	return api.Service{
		Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Authorize: s.authorize, Owns: owns,
		Contract: contract,
	}
}

// Machines returns the machines of the vendor's resources.
func (s *Service) Machines() []statemachine.Lifecycle {
	return []statemachine.Lifecycle{s.workflows}
}

// Tables returns the tables that belong to no machine.
func (s *Service) Tables() []store.Verifier {
	return []store.Verifier{settingsTable, clusterTable, runs, s.ids.Table()}
}
