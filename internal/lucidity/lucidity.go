// Package lucidity stands in for the external API of Lucidity's AutoScaler, by which partitions of cloud instances are
// brought under its management.
//
// One file per resource: its rows (operations), struct, machine, handlers, in that order.
//
// Sources: seeds/000, facts/dms-lucidlink-lucidity.md part 2. Choices where these are silent are numbered in
// docs/assumptions.md.
package lucidity

import "storagesim/internal/api"

// vendor is the first word of every operation id and machine kind here.
const vendor = "lucidity"

// Service is the emulated product: stateless, all state lies in the worlds.
type Service struct{}

// New makes the service; its parts are handed to the assembly by the methods below.
func New() *Service { return &Service{} }

// API answers the vendor as the server serves it.
func (s *Service) API() api.Service {
	return api.Service{Vendor: vendor, Operations: s.operations(), Dialect: dialect{}, Owns: owns}
}
