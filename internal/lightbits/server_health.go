package lightbits

import "storagesim/internal/store"

// serverHealth: OK while all nodes serve up-to-date data from whole devices, Error while none serves or the server has
// failed, Warning between (assumption 48).
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
