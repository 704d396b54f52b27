package lightbits

import (
	"errors"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type createVolumeRequest struct {
	Name                  string                  `json:"name" required:"the volume name is missing"`
	Size                  string                  `json:"size"`
	ACL                   *accessList             `json:"acl" required:"the mandatory argument {path} is missing; ALLOW_NONE lets no host connect"`
	Compression           string                  `json:"compression"`
	ReplicaCount          uint32                  `json:"replicaCount"`
	IPAcl                 *StringList             `json:"IPAcl"`
	MinReplicas           uint32                  `json:"minReplicas"` // ignored by the product
	SectorSize            SectorSize              `json:"sectorSize"`
	ProjectName           string                  `json:"projectName" required:"{path} is missing"`
	SourceSnapshotUUID    string                  `json:"sourceSnapshotUUID"`
	SourceSnapshotName    string                  `json:"sourceSnapshotName"`
	PlacementRestrictions []*LabelMatchExpression `json:"placementRestrictions"`
	QosPolicyUUID         string                  `json:"qosPolicyUUID,group=qosPolicyID"`
	QosPolicyName         string                  `json:"qosPolicyName,group=qosPolicyID"`
	Labels                []*Label                `json:"labels"`
}

// createVolume: seeds/002 "Create volume". The response is the volume in Creating. It becomes Available, or Failed if
// the cluster has too few nodes for its replicas.
func (s *Service) createVolume(tx *store.Tx, r *api.Request, q *createVolumeRequest) (Volume, error) {
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "create"); err != nil {
		return Volume{}, err
	}
	if err := checkName("volume", q.Name); err != nil {
		return Volume{}, err
	}
	if err := s.checkVolumeNameFree(tx, q.ProjectName, q.Name, ""); err != nil {
		return Volume{}, err
	}
	v, err := s.newVolume(tx, q)
	if err != nil {
		return Volume{}, err
	}
	if q.SourceSnapshotUUID != "" || q.SourceSnapshotName != "" {
		err = s.fromSnapshot(tx, q, &v)
	} else {
		err = s.placeVolume(tx, q, &v)
	}
	if err != nil {
		return Volume{}, err
	}
	return s.insertVolume(tx, v)
}

// newVolume returns the volume of a request, before it has a size, nodes and an identity.
func (s *Service) newVolume(tx *store.Tx, q *createVolumeRequest) (Volume, error) {
	v := Volume{
		Name: q.Name, ProjectName: q.ProjectName, ACL: (*StringList)(q.ACL), IPAcl: q.IPAcl,
		ReplicaCount: q.ReplicaCount,
		SectorSize:   q.SectorSize.bytes(), Statistics: &VolumeStatistics{},
		PlacementRestrictions: q.PlacementRestrictions,
		RebuildProgress:       rebuildNone, CreationTime: tx.Now,
	}
	if !v.ACL.given() { // possible only in a fixture
		return v, refusal.New(refusal.InvalidArgument, "the mandatory argument acl is missing; %s lets no host connect",
			allowNone)
	}
	if err := checkACL(v.ACL); err != nil {
		return v, err
	}
	if !v.IPAcl.given() {
		v.IPAcl = &StringList{Values: []string{allowAny}}
	}
	if err := checkIPAcl(v.IPAcl); err != nil {
		return v, err
	}
	compression, err := parseCompression(q.Compression)
	if err != nil {
		return v, err
	}
	v.Compression = compressionText(compression)
	if v.Labels, err = parseLabels(q.Labels); err != nil {
		return v, err
	}
	policy, err := s.effectivePolicy(tx, q.ProjectName, q.QosPolicyUUID, q.QosPolicyName)
	if err != nil {
		return v, err
	}
	v.QosPolicyUUID, v.QosPolicyName = policy.UUID, policy.Name
	return v, nil
}

// placeVolume sets the size and the nodes of a volume that is not a clone. If there are too few nodes it gets none and
// becomes Failed (facts/lightbits.md 4.1). It returns InvalidArgument for restrictions that no node meets.
func (s *Service) placeVolume(tx *store.Tx, q *createVolumeRequest, v *Volume) error {
	var err error
	if v.Size, err = parseSize(q.Size); err != nil {
		return err
	}
	attached := attachedNodes(tx)
	if most := s.maxReplicas(tx, attached); q.ReplicaCount < 1 || q.ReplicaCount > most {
		return refusal.New(refusal.InvalidArgument, "replica count %d is outside of the valid range 1 to %d",
			q.ReplicaCount, most)
	}
	v.NodeList, err = s.place(tx, attached, v.Size, v.ReplicaCount, v.PlacementRestrictions)
	var few *physics.TooFewError
	var restriction *physics.RestrictionError
	switch {
	case errors.As(err, &restriction), errors.As(err, &few) && len(v.PlacementRestrictions) > 0:
		return refusal.New(refusal.InvalidArgument, "%s", err.Error()).Because(unplaceable(err))
	case errors.As(err, &few):
		v.NodeList = nil
		return nil
	}
	return err
}

// insertVolume gives a volume its identity and stores it in the state Creating.
func (s *Service) insertVolume(tx *store.Tx, v Volume) (Volume, error) {
	nsid, err := s.nextNsid(tx)
	if err != nil {
		return v, err
	}
	v.UUID, v.Nsid, v.ClusterID = tx.NewUUID().String(), nsid, s.clusterUUID(tx)
	if len(v.NodeList) > 0 {
		v.PrimaryNodeUUID, v.PgUUID = v.NodeList[0], s.protectionGroup(tx, v.NodeList)
	}
	if err := s.chargeVolume(tx, &v, 1); err != nil {
		return v, err
	}
	if v.SourceSnapshotUUID != "" {
		snap, err := s.snapshots.Get(tx, scopedKey(v.ProjectName, v.SourceSnapshotUUID))
		if err != nil {
			return v, err
		}
		if err := s.cloneBlocks(tx, &snap.Body, &v); err != nil {
			return v, err
		}
	}
	if err := s.logVolume(tx, events.VolumeCreated, &v); err != nil {
		return v, err
	}
	row, err := s.volumes.Create(tx, v, statemachine.State(VolumeCreating))
	if err != nil {
		return v, err
	}
	return row.Body, s.followDefaultPolicy(tx, &row.Body)
}
