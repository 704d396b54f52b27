// Package physics is the room where the laws of the storage lie: where replicas go, what protects them, what space
// there is, and what was written. Pure functions of plain values; it knows no transaction and no wire, so that its
// laws can be tested over all their inputs.
package physics

import "math/bits"

// Usage is what volumes and snapshots take of a node, or a change of it. Bytes are those of one replica.
type Usage struct {
	Volumes      int64 // replicas of volumes
	Primaries    int64 // of them, those that this node is primary of
	Provisioned  int64 // sizes promised
	LogicalUsed  int64 // written, before compression
	PhysicalUsed int64 // occupied, after compression, without parity
}

// Add is the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Volumes: u.Volumes + v.Volumes, Primaries: u.Primaries + v.Primaries, Provisioned: u.Provisioned + v.Provisioned,
		LogicalUsed: u.LogicalUsed + v.LogicalUsed, PhysicalUsed: u.PhysicalUsed + v.PhysicalUsed,
	}
}

// Times is n times as much.
func (u Usage) Times(n int64) Usage {
	return Usage{
		Volumes: n * u.Volumes, Primaries: n * u.Primaries, Provisioned: n * u.Provisioned,
		LogicalUsed: n * u.LogicalUsed, PhysicalUsed: n * u.PhysicalUsed,
	}
}

// Negative says whether any count is below zero, which nothing real can be.
func (u Usage) Negative() bool {
	return u.Volumes < 0 || u.Primaries < 0 || u.Provisioned < 0 || u.LogicalUsed < 0 || u.PhysicalUsed < 0
}

const (
	// ErasureCodedFrom is the number of devices from which a node keeps parity (facts/lightbits.md 4.8).
	ErasureCodedFrom = 8
	// readOnlyPercent of the effective storage may be occupied; above, a node is read-only (facts/lightbits.md 4.6).
	readOnlyPercent = 90
)

// Disks are the managed and healthy devices of a node.
type Disks struct {
	Count uint64
	Bytes uint64 // all together
	// Coded says that one device's worth of space holds parity.
	Coded bool
}

// Effective is the space for data: all of it, less parity (assumption 40: no over-provisioning is taken off).
func (d Disks) Effective() uint64 {
	if !d.Coded || d.Count < 2 {
		return d.Bytes
	}
	return scale(d.Bytes, d.Count-1, d.Count)
}

// WithParity is what so many bytes of data occupy: times n/(n-1) on n devices with erasure coding.
func (d Disks) WithParity(data uint64) uint64 {
	if !d.Coded || d.Count < 2 {
		return data
	}
	return scale(data, d.Count, d.Count-1)
}

// ReadOnlyAt is how many bytes may be occupied before a node is read-only.
func (d Disks) ReadOnlyAt() uint64 { return scale(d.Effective(), readOnlyPercent, 100) }

// Holds says whether so many bytes fit, read-only or not.
func (d Disks) Holds(used uint64) bool { return used <= d.Effective() }

// Largest is the size in bytes that a volume may have on a node which holds so much: all of its estimated logical storage.
func (d Disks) Largest(u Usage) uint64 { return SpaceOf(d, u).TotalLogical }

// Full says whether a node that holds so much is read-only.
func (d Disks) Full(u Usage) bool { return uint64(max(u.PhysicalUsed, 0)) > d.ReadOnlyAt() }

// Space is the statistics of a node or, added up, of a cluster; bytes.
type Space struct {
	Managed       uint64
	Effective     uint64
	Logical       uint64 // sizes promised
	LogicalUsed   uint64
	PhysicalUsed  uint64
	WithParity    uint64 // occupied, parity included
	Free          uint64 // until read-only
	FreeLogical   uint64 // Free, at the present compression ratio
	TotalLogical  uint64 // Effective, at the present compression ratio
	Compression   float64
	ReadOnlyLimit uint64
}

// SpaceOf answers a node's statistics.
func SpaceOf(d Disks, u Usage) Space {
	used := uint64(max(u.PhysicalUsed, 0))
	return Space{
		Managed: d.Bytes, Effective: d.Effective(), Logical: uint64(max(u.Provisioned, 0)),
		LogicalUsed: uint64(max(u.LogicalUsed, 0)), PhysicalUsed: used, WithParity: d.WithParity(used),
		ReadOnlyLimit: d.ReadOnlyAt(), Free: d.ReadOnlyAt() - min(used, d.ReadOnlyAt()),
	}.estimated()
}

// Sum adds up nodes; replicas count as often as they are there (assumption 41). The ratio and the estimates are those
// of the whole.
func Sum(nodes ...Space) Space {
	var s Space
	for _, n := range nodes {
		s.Managed += n.Managed
		s.Effective += n.Effective
		s.Logical += n.Logical
		s.LogicalUsed += n.LogicalUsed
		s.PhysicalUsed += n.PhysicalUsed
		s.WithParity += n.WithParity
		s.Free += n.Free
		s.ReadOnlyLimit += n.ReadOnlyLimit
	}
	return s.estimated()
}

// estimated fills in what follows from the compression ratio; that of nothing written is 1.
func (s Space) estimated() Space {
	s.Compression = 1
	s.FreeLogical, s.TotalLogical = s.Free, s.Effective
	if s.PhysicalUsed > 0 {
		s.Compression = float64(s.LogicalUsed) / float64(s.PhysicalUsed)
		s.FreeLogical = scale(s.Free, s.LogicalUsed, s.PhysicalUsed)
		s.TotalLogical = scale(s.Effective, s.LogicalUsed, s.PhysicalUsed)
	}
	return s
}

// scale is a × b ÷ c in whole numbers, rounded down, without overflow between; the largest number where the result
// does not fit.
func scale(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high >= c {
		return ^uint64(0)
	}
	q, _ := bits.Div64(high, low, c)
	return q
}
