package lightbits

import (
	"errors"

	"storagesim/internal/store"
)

const (
	bytesPerMB = 1_000_000 // of a bandwidth limit (assumption 5)
	bytesPerGB = 1_000_000_000
	// bytesPerIO is what one operation of an IOPS limit moves: the page calls these limits "bandwidth limits, specified
	// in units of IOPs", with a granularity of 256, which is 1 MiB in blocks of this size (assumption 142).
	bytesPerIO = 4096
)

// QoSRates returns how many bytes a second hosts may read from a volume and write to it under its QoS policy. 0 means
// without a limit.
func (s *Service) QoSRates(tx *store.Tx, project, volumeUUID string) (read, write uint64, err error) {
	row, err := s.findVolume(tx, project, volumeRef{UUID: volumeUUID})
	if err != nil {
		return 0, 0, err
	}
	policy, err := s.policies.Get(tx, row.Body.QosPolicyUUID)
	if errors.Is(err, store.ErrNotFound) {
		return 0, 0, nil
	}
	read, write = policy.Body.QoSRateLimitPolicy.rates(row.Body.Size)
	return read, write, err
}

// rates returns the limits for a volume of that size, in bytes a second.
func (q *QoSRateLimitPolicy) rates(size uint64) (read, write uint64) {
	switch {
	case q == nil:
		return 0, 0
	case q.LimitBw != nil:
		return uint64(q.LimitBw.ReadBWLimit) * bytesPerMB, uint64(q.LimitBw.WriteBWLimit) * bytesPerMB
	case q.LimitIOPS != nil:
		return uint64(q.LimitIOPS.ReadIOPSLimit) * bytesPerIO, uint64(q.LimitIOPS.WriteIOPSLimit) * bytesPerIO
	case q.LimitIOPSPerGB != nil:
		return ratePerGB(q.LimitIOPSPerGB.ReadIOPSPerGBLimit, size),
			ratePerGB(q.LimitIOPSPerGB.WriteIOPSPerGBLimit, size)
	}
	return 0, 0
}

// ratePerGB returns a limit that grows with the size of a volume, in bytes a second. A limit above 0 never becomes 0,
// which would lift it.
func ratePerGB(limit uint32, size uint64) uint64 {
	if limit == 0 {
		return 0
	}
	return max(uint64(float64(limit)*bytesPerIO*(float64(size)/bytesPerGB)), 1)
}
