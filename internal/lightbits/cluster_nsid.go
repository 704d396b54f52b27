package lightbits

import (
	"encoding/binary"
	"errors"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// lastNsid is the namespace ID that was assigned last.
type lastNsid struct{ N uint32 }

var nsidTable = store.NewTable("lightbits.nsid", func(*lastNsid) string { return clusterKey }, store.Codec[lastNsid]{
	Append: func(dst []byte, l *lastNsid) ([]byte, error) { return binary.AppendUvarint(dst, uint64(l.N)), nil },
	Decode: func(src []byte, l *lastNsid) error {
		r := varint.NewReader(src)
		l.N = uint32(r.Uint())
		return r.End()
	},
})

// maxNsid is the highest namespace ID in NVMe; the number above is reserved.
const maxNsid = 1<<32 - 2

// nextNsid assigns the next namespace ID of the cluster's one subsystem, from 1. No ID is assigned twice. The error is
// ResourceExhausted after the highest one.
func (s *Service) nextNsid(tx *store.Tx) (uint32, error) {
	last, err := nsidTable.Get(tx, clusterKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if last.N >= maxNsid {
		return 0, refusal.New(refusal.ResourceExhausted, "all NVMe namespace IDs of the cluster are used")
	}
	last.N++
	return last.N, nsidTable.Put(tx, &last)
}
