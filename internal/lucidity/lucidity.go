// Package lucidity stands in for the external API of Lucidity's AutoScaler, by which partitions of cloud instances are
// brought under its management.
//
// A small world lies behind it: tenants (cloud accounts that were onboarded), their instances, the partitions on them,
// and the disk pool that the managed ones of an instance share. One file per resource: its rows (operations), struct,
// machine, handlers, in that order.
//
// Sources: seeds/000, facts/dms-lucidlink-lucidity.md part 2. Choices where these are silent are numbered in
// docs/assumptions.md.
package lucidity

import (
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// vendor is the first word of every operation id and machine kind here.
const vendor = "lucidity"

// Options are what a user may choose about the emulation.
type Options struct {
	Auth api.AuthMode
}

// Service is the emulated product: all state lies in the worlds.
type Service struct {
	auth api.AuthMode

	tenants    *statemachine.Machine[Tenant]
	instances  *statemachine.Machine[Instance]
	pools      *statemachine.Machine[Pool]
	partitions *statemachine.Machine[Partition]
	buffers    *statemachine.Machine[Buffer]
}

// New makes the service; its parts are handed to the assembly by the methods below.
func New(o Options) *Service {
	s := &Service{auth: o.Auth}
	s.tenants = tenantMachine()
	s.instances = instanceMachine()
	s.pools = poolMachine()
	s.partitions = s.partitionMachine()
	s.buffers = s.bufferMachine()
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
	return []statemachine.Lifecycle{s.tenants, s.instances, s.pools, s.partitions, s.buffers}
}

// Tables lists the tables beside those of the machines.
func (s *Service) Tables() []store.Verifier {
	return []store.Verifier{cloudAccounts, refreshTokens, switchTable, bufferRates}
}
