package lightbits

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// volumeSeed describes one volume by its name, or count volumes by the prefix of their names: vol-00000 and so on.
type volumeSeed struct {
	Name         string   `json:"name"`
	NamePrefix   string   `json:"namePrefix"`
	Count        *int     `json:"count"`
	Project      string   `json:"project"`
	Size         string   `json:"size"`
	ReplicaCount *uint32  `json:"replicaCount"`
	Compression  string   `json:"compression"`
	ACL          []string `json:"acl"`
	IPAcl        []string `json:"IPAcl"`
	Labels       []*Label `json:"labels"`
}

func (c *clusterSeed) checkVolumes() error {
	if len(c.Volumes) == 0 || string(c.Volumes) == "null" {
		return nil
	}
	list, err := decodeMany[volumeSeed](c.Volumes)
	if err != nil {
		return strict.Below("volumes", err)
	}
	projects := []string{defaultProject, systemProject}
	for _, p := range c.Projects {
		projects = append(projects, p.Name)
	}
	total := 0
	taken := map[string]bool{}
	for i := range list {
		at := "volumes"
		if strings.HasPrefix(strings.TrimSpace(string(c.Volumes)), "[") {
			at = fmt.Sprintf("volumes[%d]", i)
		}
		v := &list[i]
		if err := v.check(*c.MaxReplicas, projects); err != nil {
			return strict.Below(at, err)
		}
		if total += v.count(); total > maxSeededVolumes {
			return inputError(at, "more than %d volumes in the cluster", maxSeededVolumes)
		}
		for k := range v.count() {
			key := scopedKey(v.Project, v.name(k))
			if taken[key] {
				return inputError(at, "another volume of project %s is named %q", v.Project, v.name(k))
			}
			taken[key] = true
		}
	}
	c.volumes = list
	return nil
}

// count returns the number of volumes.
func (v *volumeSeed) count() int {
	if v.Count == nil {
		return 1
	}
	return *v.Count
}

// name returns the name of the k-th volume, from 0.
func (v *volumeSeed) name(k int) string {
	if v.Count == nil {
		return v.Name
	}
	return fmt.Sprintf("%s-%05d", v.NamePrefix, k)
}

func (v *volumeSeed) check(maxReplicas uint32, projects []string) error {
	setDefault(&v.Project, defaultProject)
	setDefault(&v.Size, "1GiB")
	if v.ReplicaCount == nil {
		v.ReplicaCount = &maxReplicas
	}
	if v.ACL == nil {
		v.ACL = []string{allowNone}
	}
	if v.Count != nil {
		setDefault(&v.NamePrefix, "vol")
	}
	switch {
	case v.Count != nil && v.Name != "":
		return inputError("name", "cannot be combined with count; use namePrefix")
	case v.Count == nil && v.NamePrefix != "":
		return inputError("namePrefix", "needs count; use name for a single volume")
	case v.Count != nil && (*v.Count < 0 || *v.Count > maxSeededVolumes):
		return inputError("count", "%d must be 0 to %d", *v.Count, maxSeededVolumes)
	case !slices.Contains(projects, v.Project):
		wrong := inputError("project", "there is no project %q in the cluster", v.Project)
		wrong.Valid = projects
		return wrong
	case *v.ReplicaCount < 1 || *v.ReplicaCount > maxReplicas:
		return inputError("replicaCount", "%d must be 1 to %d", *v.ReplicaCount, maxReplicas)
	}
	if err := checkName("volume", v.name(0)); err != nil {
		return inputError("name", "%s", err.Error())
	}
	if _, err := parseSize(v.Size); err != nil {
		return inputError("size", "%s", err.Error())
	}
	return nil
}

// addVolumes creates the volumes of a seed, Available at once and without events.
func (s *Service) addVolumes(tx *store.Tx, seed *volumeSeed) error {
	q := createVolumeRequest{
		Size: seed.Size, ACL: &accessList{Values: seed.ACL}, Compression: seed.Compression,
		ReplicaCount: *seed.ReplicaCount,
		ProjectName:  seed.Project, Labels: seed.Labels,
	}
	if seed.IPAcl != nil {
		q.IPAcl = &StringList{Values: seed.IPAcl}
	}
	model, err := s.newVolume(tx, &q)
	if err != nil {
		return err
	}
	model.ClusterID = s.clusterUUID(tx)
	for k := range seed.count() {
		v := model
		v.Name, v.Statistics = seed.name(k), &VolumeStatistics{}
		if err := s.placeVolume(tx, &q, &v); err != nil {
			return err
		}
		if len(v.NodeList) == 0 {
			return refusal.New(refusal.InvalidArgument,
				"volume %s cannot be placed: %d replicas of %d bytes do not fit", v.Name, v.ReplicaCount, v.Size)
		}
		if v.Nsid, err = s.nextNsid(tx); err != nil {
			return err
		}
		v.UUID, v.PrimaryNodeUUID, v.PgUUID = tx.NewUUID().String(), v.NodeList[0], s.protectionGroup(tx, v.NodeList)
		if err := s.chargeVolume(tx, &v, 1); err != nil {
			return err
		}
		s.protect(tx, &v)
		if _, err := s.volumes.Create(tx, v, statemachine.State(VolumeAvailable)); err != nil {
			return err
		}
	}
	return nil
}
