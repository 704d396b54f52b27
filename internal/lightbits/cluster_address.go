package lightbits

import (
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// address is an address of the simulator at which a client reaches a cluster. The client has named it as the endpoint
// of a cluster to attach, beside the cluster's own endpoints (assumption 143).
type address struct {
	Endpoint  string `json:"endpoint"`
	Partition string `json:"partition"`
}

var addressTable = store.NewTable("lightbits.address", func(a *address) string { return a.Endpoint },
	store.JSON[address]())

// maxAddresses bounds the table: a client chooses the names.
const maxAddresses = 100

// NoteAddress records that the cluster in the partition can be reached at the endpoint.
func (s *Service) NoteAddress(tx *store.Tx, endpoint, partition string) error {
	tx = tx.In("")
	var known []string
	for key := range addressTable.Scan(tx, "", "") {
		known = append(known, key)
	}
	if len(known) >= maxAddresses && !addressTable.Has(tx, endpoint) {
		if err := addressTable.Delete(tx, known[0]); err != nil {
			return err
		}
	}
	return addressTable.Put(tx, &address{Endpoint: endpoint, Partition: partition})
}

// clusterAtAddress returns the partition that NoteAddress has recorded for the endpoint, or "" if there is none or the
// cluster is cut off.
func clusterAtAddress(tx *store.Tx, endpoint string) string {
	a, err := addressTable.Get(tx.In(""), endpoint)
	if err != nil || !statemachine.HasPartition(tx, a.Partition) || cutOff(tx.In(a.Partition)) {
		return ""
	}
	return a.Partition
}

// APIEndpoints returns one API endpoint of each cluster of the world.
func (s *Service) APIEndpoints(tx *store.Tx) []string {
	var list []string
	for _, name := range statemachine.Partitions(tx)[1:] {
		if ends := s.endpoints(tx.In(name)).api; len(ends) > 0 {
			list = append(list, ends[0])
		}
	}
	return list
}
