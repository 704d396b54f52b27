// Package lucidlink stands in for the LucidLink Service API v1, the cloud service in which a provider creates domains
// and filespaces for its customers and reads what they cost, and for the client daemon beside it, which initialises
// filespaces, links to them, and keeps their users and snapshots.
//
// One file per resource: its rows (operations), struct, machine, handlers, in that order. The service's things belong
// to accounts; a domain's name is unique over all of them.
//
// Sources: seeds/001, facts/dms-lucidlink-lucidity.md part 1. Choices where these are silent are numbered in
// docs/assumptions.md.
package lucidlink

import (
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// vendor is the first word of every operation id and machine kind here.
const vendor = "lucidlink"

// Options are what a user may choose about the emulation.
type Options struct {
	Auth api.AuthMode
}

// Service is the emulated product: stateless, all state lies in the worlds.
type Service struct {
	auth api.AuthMode

	accounts   *statemachine.Machine[Account]
	domains    *statemachine.Machine[Domain]
	filespaces *statemachine.Machine[Filespace]
	instances  *statemachine.Machine[Instance]
}

// New makes the service; its parts are handed to the assembly by the methods below.
func New(o Options) *Service {
	s := &Service{auth: o.Auth}
	s.accounts = s.accountMachine()
	s.domains = s.domainMachine()
	s.filespaces = s.filespaceMachine()
	s.instances = s.instanceMachine()
	return s
}

// API answers the vendor as the server serves it.
func (s *Service) API() api.Service {
	return api.Service{
		Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Authorize: s.authorize, BodyToken: bodyToken, Owns: owns,
		Contract: contract,
	}
}

// Machines lists the lifecycles of the vendor's things.
func (s *Service) Machines() []statemachine.Lifecycle {
	return []statemachine.Lifecycle{s.accounts, s.domains, s.filespaces, s.instances}
}

// Tables lists what is kept beside the machines.
func (s *Service) Tables() []store.Verifier {
	return []store.Verifier{settingsTable, clients, regions, users, snapshots, meters, invoices}
}
