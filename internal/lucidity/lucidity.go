// Package lucidity emulates the external API of Lucidity's AutoScaler, which brings partitions of cloud instances under
// management.
//
// Its world has tenants (onboarded cloud accounts), their instances, the partitions of the instances, and for each
// instance the disk pool that its managed partitions share. A file name begins with the resource that it is about:
//
//	access_      the check of a caller's token, and the tokens
//	tenant_      tenants, their machine (life) and their update
//	cloudaccount the clouds and the cloud accounts
//	instance_    instances, their machine (life), and which of them a caller may use
//	partition_   partitions, their machine (life), creation and status
//	pool         disk pools and their settings
//	buffer_      temporary buffers, and the limit of their calls
//	outage       the outages that actions cause
//	add          what fixtures and actions add to a world
//
// The files without a resource are lucidity.go, operations.go, dialect.go, actions.go and seed.go. A file has the
// operations of its resource first, then its struct, machine and handlers.
//
// Sources: seeds/000, facts/dms-lucidlink-lucidity.md part 2. Choices where these are silent are numbered in
// docs/assumptions.md.
package lucidity

import (
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// vendor is the first word of every operation ID and machine kind of the package.
const vendor = "lucidity"

// Options configure the emulation.
type Options struct {
	Auth api.AuthMode
}

// Service is the emulated product. All of its state is in the worlds.
type Service struct {
	auth api.AuthMode

	tenants    *statemachine.Machine[Tenant]
	instances  *statemachine.Machine[Instance]
	pools      *statemachine.Machine[Pool]
	partitions *statemachine.Machine[Partition]
	buffers    *statemachine.Machine[Buffer]
}

// New returns the service. The methods below return its parts.
func New(o Options) *Service {
	s := &Service{auth: o.Auth}
	s.tenants = tenantMachine()
	s.instances = instanceMachine()
	s.pools = poolMachine()
	s.partitions = s.partitionMachine()
	s.buffers = s.bufferMachine()
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
	return []statemachine.Lifecycle{s.tenants, s.instances, s.pools, s.partitions, s.buffers}
}

// Tables returns the tables that belong to no machine.
func (s *Service) Tables() []store.Verifier {
	return []store.Verifier{cloudAccounts, refreshTokens, outageTable, bufferRates}
}
