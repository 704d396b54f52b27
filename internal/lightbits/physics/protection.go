package physics

// Protection is how well a volume's data is protected, in the product's words (facts/lightbits.md 4.1).
type Protection string

// The levels, best first. NoProtection is that of a volume without replicas, which only a volume in the making has.
const (
	FullyProtected Protection = "FullyProtected"
	Degraded       Protection = "Degraded"
	ReadOnly       Protection = "ReadOnly"
	NotAvailable   Protection = "NotAvailable"
	NoProtection   Protection = "Unknown"
)

// ProtectionOf answers the level of a volume with so many replicas of which up are in service and up to date: all of
// them FullyProtected, none NotAvailable; with one of three down Degraded, which still reads and writes; anything
// between ReadOnly.
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

// Reads says whether a volume at this level answers reads.
func (p Protection) Reads() bool { return p == FullyProtected || p == Degraded || p == ReadOnly }

// Writes says whether a volume at this level takes writes.
func (p Protection) Writes() bool { return p == FullyProtected || p == Degraded }
