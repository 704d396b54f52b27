// Package dms stands in for the Lightbits Data Management Service, REST API v1: the service that attaches Lightbits
// clusters, copies volumes and snapshots between them as thick clones, and shows both as workflows.
//
// One file per resource: its rows (operations), struct, machine, handlers, in that order. What the service needs of a
// Lightbits cluster is the interface Clusters; vendors never import each other. The service stands beside the clusters of
// its world, so its own rows lie in the world's partition "".
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

// vendor is the first word of every operation id and machine kind here.
const vendor = "dms"

// zero: this gateway writes zero values (facts/dms-lucidlink-lucidity.md 3.1).
const zero = wire.EmitZero

// Options are what a user may choose about the emulation.
type Options struct {
	Auth api.AuthMode
	// MaxRunningWorkflows overrides what the fixture says; 0 leaves it alone.
	MaxRunningWorkflows int
}

// Service is the emulated product: all state lies in the worlds.
type Service struct {
	options   Options
	clusters  Clusters
	key       func() (*signing.Key, error) // with which the service signs
	ids       *timeuuid.Sequence           // of workflows
	workflows *statemachine.Machine[Workflow]
}

// New makes the service; its parts are handed to the assembly by the methods below.
func New(o Options, clusters Clusters) *Service {
	s := &Service{options: o, clusters: clusters, key: signing.Of(signing.DMS), ids: timeuuid.NewSequence("dms.ids")}
	s.workflows = s.workflowMachine()
	return s
}

// API answers the vendor as the server serves it.
func (s *Service) API() api.Service {
	return api.Service{Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Authorize: s.authorize, Owns: owns, Contract: contract}
}

// Machines lists the lifecycles of the vendor's things.
func (s *Service) Machines() []statemachine.Lifecycle {
	return []statemachine.Lifecycle{s.workflows}
}

// Tables lists the tables beside those of the machines.
func (s *Service) Tables() []store.Verifier {
	return []store.Verifier{settingsTable, clusterTable, runs, s.ids.Table()}
}
