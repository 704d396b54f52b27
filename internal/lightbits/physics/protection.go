package physics

// Protection is how well a volume's data is protected, with the product's names (facts/lightbits.md 4.1).
type Protection string

// The levels, best first. NoProtection is that of a volume without replicas, which is being created.
const (
	FullyProtected Protection = "FullyProtected"
	Degraded       Protection = "Degraded"
	ReadOnly       Protection = "ReadOnly"
	NotAvailable   Protection = "NotAvailable"
	NoProtection   Protection = "Unknown"
)

// ProtectionOf returns the level of a volume with that many replicas if up of them are in service and up to date:
// FullyProtected for all of them, NotAvailable for none, Degraded for two of three, ReadOnly otherwise.
func ProtectionOf(replicas, up int) Protection {
	switch {
	case replicas < 1:
		return NoProtection
	case up >= replicas:
		return FullyProtected
	case up < 1:
		return NotAvailable
	case up == replicas-1 && up >= 2:
		return Degraded
	default:
		return ReadOnly
	}
}

// Reads reports whether a volume at this level can be read.
func (p Protection) Reads() bool { return p == FullyProtected || p == Degraded || p == ReadOnly }

// Writes reports whether a volume at this level can be written.
func (p Protection) Writes() bool { return p == FullyProtected || p == Degraded }
