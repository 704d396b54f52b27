package lightbits

import "storagesim/internal/store"

// serverHealth returns OK if all nodes serve, are up to date and have no device to rebuild, Error if no node serves or
// the server has failed, and Warning otherwise (assumption 48).
func (s *Service) serverHealth(tx *store.Tx, v *Server) HealthState {
	serving, well := 0, 0
	for _, row := range s.nodes.Table().By(tx, nodesByServer, v.UUID) {
		u, err := usageTable.Get(tx, row.Body.UUID)
		if err != nil || !u.Attached {
			well++
			serving++
			continue
		}
		if u.Serving {
			serving++
		}
		if u.Serving && u.Synced && !row.Body.InLocalRebuild && !u.full() {
			well++
		}
	}
	switch {
	case v.State == ServerFailed || serving == 0:
		return HealthError
	case v.State != ServerEnabled || well < len(v.NodesUUIDs):
		return HealthWarning
	}
	return HealthOK
}
