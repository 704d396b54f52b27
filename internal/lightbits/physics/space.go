// Package physics computes placement, protection, space and the blocks of volumes and snapshots. Its functions are
// pure: they take plain values, no transaction, so that tests can cover their inputs exhaustively.
package physics

import "math/bits"

// Usage is what volumes and snapshots use on a node, or a change of it. Bytes are those of one replica.
type Usage struct {
	Volumes      int64 // replicas of volumes
	Primaries    int64 // of them, those whose primary node this is
	Provisioned  int64 // sum of the sizes
	LogicalUsed  int64 // written, before compression
	PhysicalUsed int64 // occupied, after compression, without parity
}

// Add returns u + v.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Volumes: u.Volumes + v.Volumes, Primaries: u.Primaries + v.Primaries,
		Provisioned: u.Provisioned + v.Provisioned,
		LogicalUsed: u.LogicalUsed + v.LogicalUsed, PhysicalUsed: u.PhysicalUsed + v.PhysicalUsed,
	}
}

// Times returns u multiplied by n.
func (u Usage) Times(n int64) Usage {
	return Usage{
		Volumes: n * u.Volumes, Primaries: n * u.Primaries, Provisioned: n * u.Provisioned,
		LogicalUsed: n * u.LogicalUsed, PhysicalUsed: n * u.PhysicalUsed,
	}
}

// Negative reports whether any count is below 0.
func (u Usage) Negative() bool {
	return u.Volumes < 0 || u.Primaries < 0 || u.Provisioned < 0 || u.LogicalUsed < 0 || u.PhysicalUsed < 0
}

const (
	// ErasureCodedFrom is the smallest number of devices with which a node keeps parity (facts/lightbits.md 4.8).
	ErasureCodedFrom = 8
	// readOnlyPercent of the effective storage may be occupied; above that, a node is read-only (facts/lightbits.md
	// 4.6).
	readOnlyPercent = 90
)

// Disks are the managed and healthy devices of a node.
type Disks struct {
	Count uint64
	Bytes uint64 // of all devices
	// Coded means that the space of one device holds parity.
	Coded bool
}

// Effective returns the space for data, which is all space without parity (assumption 40: nothing is reserved for
// over-provisioning).
func (d Disks) Effective() uint64 {
	if !d.Coded || d.Count < 2 {
		return d.Bytes
	}
	return scale(d.Bytes, d.Count-1, d.Count)
}

// WithParity returns the space that data occupies, in bytes: data * n/(n-1) on n devices with erasure coding.
func (d Disks) WithParity(data uint64) uint64 {
	if !d.Coded || d.Count < 2 {
		return data
	}
	return scale(data, d.Count, d.Count-1)
}

// ReadOnlyAt returns the number of bytes that may be occupied before a node is read-only.
func (d Disks) ReadOnlyAt() uint64 { return scale(d.Effective(), readOnlyPercent, 100) }

// Holds reports whether that many bytes fit, whether or not the node is read-only then.
func (d Disks) Holds(used uint64) bool { return used <= d.Effective() }

// Largest returns the greatest size of a volume on a node with that usage, in bytes: its estimated logical storage.
func (d Disks) Largest(u Usage) uint64 { return SpaceOf(d, u).TotalLogical }

// Full reports whether a node with that usage is read-only.
func (d Disks) Full(u Usage) bool { return uint64(max(u.PhysicalUsed, 0)) > d.ReadOnlyAt() }

// Space is the statistics of a node or, summed, of a cluster, in bytes.
type Space struct {
	Managed       uint64
	Effective     uint64
	Logical       uint64 // sum of the sizes
	LogicalUsed   uint64
	PhysicalUsed  uint64
	WithParity    uint64 // occupied, parity included
	Free          uint64 // until read-only
	FreeLogical   uint64 // Free at the present compression ratio
	TotalLogical  uint64 // Effective at the present compression ratio
	Compression   float64
	ReadOnlyLimit uint64
}

// SpaceOf returns a node's statistics.
func SpaceOf(d Disks, u Usage) Space {
	used := uint64(max(u.PhysicalUsed, 0))
	return Space{
		Managed: d.Bytes, Effective: d.Effective(), Logical: uint64(max(u.Provisioned, 0)),
		LogicalUsed: uint64(max(u.LogicalUsed, 0)), PhysicalUsed: used, WithParity: d.WithParity(used),
		ReadOnlyLimit: d.ReadOnlyAt(), Free: d.ReadOnlyAt() - min(used, d.ReadOnlyAt()),
	}.estimated()
}

// Sum returns the statistics of several nodes together. Every replica counts (assumption 41). The ratio and the
// estimates are those of the sum.
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

// estimated fills in the compression ratio, which is 1 if nothing was written, and the estimates that depend on it.
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

// scale returns a × b ÷ c, rounded down, without intermediate overflow. It returns the largest uint64 if the result
// does
// not fit.
func scale(a, b, c uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high >= c {
		return ^uint64(0)
	}
	q, _ := bits.Div64(high, low, c)
	return q
}
