// Package dms stands in for the Lightbits Data Management Service, REST API v1: the service that attaches Lightbits
// clusters, copies volumes and snapshots between them as thick clones, and shows both as workflows.
//
// One file per resource: its rows (operations), struct, machine, handlers, in that order. What the service needs of a
// Lightbits cluster is an interface that this package declares; vendors never import each other.
//
// Sources: seeds/003, facts/dms-lucidlink-lucidity.md part 3. Choices where these are silent are numbered in
// docs/assumptions.md.
package dms

import (
	"storagesim/internal/api"
	"storagesim/internal/wire"
)

// vendor is the first word of every operation id and machine kind here.
const vendor = "dms"

// zero: this gateway writes zero values (facts/dms-lucidlink-lucidity.md 3.1).
const zero = wire.EmitZero

// Service is the emulated product: stateless, all state lies in the worlds.
type Service struct{}

// New makes the service; its parts are handed to the assembly by the methods below.
func New() *Service { return &Service{} }

// API answers the vendor as the server serves it.
func (s *Service) API() api.Service {
	return api.Service{Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Owns: owns}
}
