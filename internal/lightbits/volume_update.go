package lightbits

import (
	"storagesim/internal/api"
	"storagesim/internal/store"
)

type updateVolumeRequest struct {
	volumeRef
	ACL           *StringList `json:"acl"`
	IPAcl         *StringList `json:"IPAcl"`
	Size          string      `json:"size"`
	Compression   string      `json:"compression"`
	ProjectName   string      `json:"projectName" required:"{path} is missing"`
	QosPolicyUUID string      `json:"qosPolicyUUID,group=qosPolicyID"`
	QosPolicyName string      `json:"qosPolicyName,group=qosPolicyID"`
	Force         bool        `json:"Force"`
	Labels        []*Label    `json:"labels"`
	NewName       string      `json:"newName"`
}

// updateVolume: seeds/002 "Update volume". Members that are absent or empty stay as they are. The change takes effect
// at once; the volume is Updating for a while (assumption 9).
func (s *Service) updateVolume(tx *store.Tx, r *api.Request, q *updateVolumeRequest) (api.Empty, error) {
	var none api.Empty
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "update"); err != nil {
		return none, err
	}
	row, err := s.findVolume(tx, q.ProjectName, q.volumeRef)
	if err != nil {
		return none, err
	}
	if err := s.volumes.Refuse("UpdateVolume", &row); err != nil {
		return none, err
	}
	if err := r.IfMatch(row.Body.ETag, row.Life.By); err != nil {
		return none, err
	}
	was := row.Body.Size
	if err := s.applyUpdate(tx, q, &row.Body); err != nil {
		return none, err
	}
	if err := s.cutHosts(tx, &row.Body); err != nil {
		return none, err
	}
	if row.Body.Size != was {
		if err := resizing.Put(tx, &resizedVolume{Key: volumeKey(&row.Body)}); err != nil {
			return none, err
		}
	}
	return none, s.volumes.Fire(tx, &row, "update")
}

// applyUpdate changes the volume. After an error it may be half changed, and must not be stored.
func (s *Service) applyUpdate(tx *store.Tx, q *updateVolumeRequest, v *Volume) error {
	if q.NewName != "" && q.NewName != v.Name {
		if err := checkName("volume", q.NewName); err != nil {
			return err
		}
		if err := s.checkVolumeNameFree(tx, v.ProjectName, q.NewName, v.UUID); err != nil {
			return err
		}
		v.Name = q.NewName
	}
	if q.ACL.given() {
		if err := checkACL(q.ACL); err != nil {
			return err
		}
		v.ACL = q.ACL
	}
	if q.IPAcl.given() {
		if err := checkIPAcl(q.IPAcl); err != nil {
			return err
		}
		v.IPAcl = q.IPAcl
	}
	if q.Compression != "" {
		on, err := parseCompression(q.Compression)
		if err != nil {
			return err
		}
		v.Compression = compressionText(on)
	}
	if len(q.Labels) > 0 {
		labels, err := parseLabels(q.Labels)
		if err != nil {
			return err
		}
		v.Labels = labels
	}
	if q.QosPolicyUUID != "" || q.QosPolicyName != "" {
		policy, err := s.effectivePolicy(tx, v.ProjectName, q.QosPolicyUUID, q.QosPolicyName)
		if err != nil {
			return err
		}
		v.QosPolicyUUID, v.QosPolicyName = policy.UUID, policy.Name
	}
	if q.Size == "" {
		return nil
	}
	size, err := parseSize(q.Size)
	if err != nil {
		return err
	}
	return s.resize(tx, v, size, q.Force)
}
