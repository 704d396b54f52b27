package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/store"
)

type deleteVolumeRequest struct {
	volumeRef
	ProjectName string `json:"projectName"`
}

// deleteVolume: seeds/002 "Delete volume". The snapshots of the volume stay
// (assumption 11). Its name is free at once.
func (s *Service) deleteVolume(tx *store.Tx, r *api.Request, q *deleteVolumeRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "delete"); err != nil {
		return none, err
	}
	row, err := s.findVolume(tx, q.ProjectName, q.volumeRef)
	if err != nil {
		return none, err
	}
	if err := s.volumes.Refuse("DeleteVolume", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	return none, s.volumes.Fire(tx, &row, "delete")
}
