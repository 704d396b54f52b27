package lightbits

import (
	"encoding/binary"
	"errors"
	"net/http"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/varint"
)

func (s *Service) clusterOperations() []api.Operation {
	return []api.Operation{
		{Name: "GetCluster", Method: http.MethodGet, Path: "/api/v2/cluster",
			Statuses: []int{200, 401, 403, 500}, Needs: can("clusters", "get"), Endpoint: api.Handle(s.getCluster)},
		{Name: "GetClusterInfo", Method: http.MethodGet, Path: "/api/v2/clusterinfo",
			Statuses: []int{200, 401, 403, 500}, Needs: can("clusterInfos", "get"),
			Endpoint: api.Handle(s.getClusterInfo)},
		{Name: "GetVersion", Method: http.MethodGet, Path: "/api/v2/version",
			Statuses: []int{200}, Needs: can("versions", "get"), Endpoint: api.Handle(s.getVersion)},
	}
}

// clusterRow is what is stored about a cluster itself; all else that the API returns about it is computed.
type clusterRow struct {
	UUID, Name             string
	MinAllowed, MaxAllowed string // versions
	MaxReplicas            uint32
	Changes                uint64 // the number of changes, from 1: the ETag
	InBandAuth, Federated  bool
}

const clusterKey = "cluster"

// clusterTable has one row.
var clusterTable = store.NewTable("lightbits.cluster", func(*clusterRow) string { return clusterKey },
	store.Codec[clusterRow]{
		Append: func(dst []byte, c *clusterRow) ([]byte, error) {
			dst = appendTexts(dst, c.UUID, c.Name, c.MinAllowed, c.MaxAllowed)
			dst = binary.AppendUvarint(dst, uint64(c.MaxReplicas))
			return append(binary.AppendUvarint(dst, c.Changes), flagBits(c.InBandAuth, c.Federated)), nil
		},
		Decode: func(src []byte, c *clusterRow) error {
			r := varint.NewReader(src)
			c.UUID, c.Name, c.MinAllowed, c.MaxAllowed = r.Text(), r.Text(), r.Text(), r.Text()
			c.MaxReplicas, c.Changes = uint32(r.Uint()), r.Uint()
			bits := r.Byte()
			c.InBandAuth, c.Federated = bits&1 != 0, bits&2 != 0
			return r.End()
		},
	})

// cluster returns the transaction's cluster. The error is Unavailable in a world without a cluster.
func (s *Service) cluster(tx *store.Tx) (clusterRow, error) {
	c, err := clusterTable.Get(tx, clusterKey)
	if errors.Is(err, store.ErrNotFound) {
		return c, refusal.New(refusal.Unavailable,
			"world %q has no Lightbits cluster; its fixture has no section lightbits", tx.World())
	}
	return c, err
}

// clusterUUID returns the UUID of the transaction's cluster; "" if there is none.
func (s *Service) clusterUUID(tx *store.Tx) string {
	c, _ := s.cluster(tx)
	return c.UUID
}

// maxReplicas returns how many replicas a volume can have now: the cluster's limit, or fewer if it has fewer failure
// domains with an attached node that serves and is not being evicted (facts/lightbits.md 4.1 "replicaCount").
func (s *Service) maxReplicas(tx *store.Tx, attached []nodeUsage) uint32 {
	c, _ := s.cluster(tx)
	domains := map[string]bool{}
	serving := 0
	for i := range attached {
		if !attached[i].Serving || attached[i].Leaving {
			continue
		}
		serving++
		for _, d := range attached[i].Domains {
			domains[d] = true
		}
	}
	return min(c.MaxReplicas, uint32(serving), uint32(len(domains)))
}

// clusterChanged records a change of what GetCluster and GetClusterInfo show beside measured values: the ETag changes
// (assumption 415).
func (s *Service) clusterChanged(tx *store.Tx) error {
	c, err := s.cluster(tx)
	if err != nil {
		return err
	}
	c.Changes++
	return clusterTable.Put(tx, &c)
}

// switchCluster sets one of the cluster's switches. The ETag changes only if the switch does.
func (s *Service) switchCluster(tx *store.Tx, which func(*clusterRow) *bool, on bool) error {
	c, err := s.cluster(tx)
	if err != nil || *which(&c) == on {
		return err
	}
	*which(&c) = on
	c.Changes++
	return clusterTable.Put(tx, &c)
}
