// Package lucidlink emulates the LucidLink Service API v1, the cloud service in which a provider creates domains and
// filespaces for its customers and reads their cost, and the client daemon, which initializes filespaces, links to
// them, and manages their users and snapshots.
//
// A file name begins with the resource that it is about:
//
//	access_    the check of a caller's token, and the tokens and clients
//	account    accounts, their billing periods, and the settings of a world
//	domain     domains; a name is unique across all accounts
//	filespace_ filespaces, their machine (life), their creation, and their use of storage
//	region     storage providers and their regions
//	billing_   payment and the current period, invoices, and the meters of filespaces
//	daemon     the client daemon: status, cache, counters, links to paths
//	instance   the daemon's instances: initialize, link, mount
//	user       users of a filespace
//	snapshot   snapshots of a filespace
//
// The files without a resource are lucidlink.go, operations.go, dialect.go, actions.go and seed.go. A file has the
// operations of its resource first, then its struct, machine and handlers.
//
// Sources: seeds/001, facts/dms-lucidlink-lucidity.md part 1. Choices where these are silent are numbered in
// docs/assumptions.md.
package lucidlink

import (
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// vendor is the first word of every operation ID and machine kind of the package.
const vendor = "lucidlink"

// Options configure the emulation.
type Options struct {
	Auth api.AuthMode
}

// Service is the emulated product. All of its state is in the worlds.
type Service struct {
	auth api.AuthMode

	accounts   *statemachine.Machine[Account]
	domains    *statemachine.Machine[Domain]
	filespaces *statemachine.Machine[Filespace]
	instances  *statemachine.Machine[Instance]
}

// New returns the service. The methods below return its parts.
func New(o Options) *Service {
	s := &Service{auth: o.Auth}
	s.accounts = s.accountMachine()
	s.domains = s.domainMachine()
	s.filespaces = s.filespaceMachine()
	s.instances = s.instanceMachine()
	return s
}

// API returns the operations with all that the server needs to serve them.
func (s *Service) API() api.Service {
	return api.Service{
		Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Authorize: s.authorize, BodyToken: bodyToken,
		Owns: owns, Contract: contract,
	}
}

// Machines returns the machines of the vendor's resources.
func (s *Service) Machines() []statemachine.Lifecycle {
	return []statemachine.Lifecycle{s.accounts, s.domains, s.filespaces, s.instances}
}

// Tables returns the tables that belong to no machine.
func (s *Service) Tables() []store.Verifier {
	return []store.Verifier{settingsTable, clients, regions, buckets, users, snapshots, meters, invoices}
}
