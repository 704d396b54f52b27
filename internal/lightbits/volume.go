package lightbits

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/lightbits/events"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

func (s *Service) volumeOperations() []api.Operation {
	return []api.Operation{
		{Name: "ListVolumes", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/volumes",
			Also:     []string{"/api/v2/volumes"},
			Statuses: []int{200, 400, 401, 403, 500}, Needs: can("volumes",
				"list"), Endpoint: api.HandleAs[volumeList](s.listVolumes)},
		{Name: "CreateVolume", Method: http.MethodPost, Path: "/api/v2/projects/{projectName}/volumes",
			Also:     []string{"/api/v2/volumes"},
			Statuses: []int{200, 400, 401, 403, 409, 500}, Needs: can("volumes",
				"create"), Endpoint: api.Handle(s.createVolume)},
		{Name: "GetVolume", Method: http.MethodGet, Path: "/api/v2/projects/{projectName}/volumes/{UUID}",
			Also:     []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 500}, Needs: can("volumes",
				"get"), Endpoint: api.HandleAs[Volume](s.getVolume)},
		{Name: "DeleteVolume", Method: http.MethodDelete, Path: "/api/v2/projects/{projectName}/volumes/{UUID}",
			Also:     []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 503}, Needs: can("volumes",
				"delete"), Endpoint: api.Handle(s.deleteVolume)},
		{Name: "UpdateVolume", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/volumes/{UUID}",
			Also:     []string{"/api/v2/volumes/{UUID}"},
			Statuses: []int{200, 400, 401, 403, 404, 409, 412, 500, 501, 503}, Needs: can("volumes",
				"update"), Endpoint: api.Handle(s.updateVolume)},
		{Name: "RollbackVolume", Method: http.MethodPut, Path: "/api/v2/projects/{projectName}/volumes/{UUID}/rollback",
			Statuses: []int{200, 400, 401, 403, 404, 500, 503}, Needs: can("volumes",
				"rollback"), Endpoint: api.Handle(s.rollbackVolume)},
	}
}

// Volume is a volume as the API returns it (facts/lightbits.md 4.1). Its UUID is also that of the NVMe namespace.
type Volume struct {
	State                 VolumeState             `json:"state"`
	ProtectionState       ProtectionState         `json:"protectionState"`
	ReplicaCount          uint32                  `json:"replicaCount"`
	NodeList              []string                `json:"nodeList"`
	UUID                  string                  `json:"UUID"`
	Nsid                  uint32                  `json:"nsid"`
	ACL                   *StringList             `json:"acl"`
	Compression           string                  `json:"compression"` // "true" or "false"
	Size                  uint64                  `json:"size"`        // bytes
	Name                  string                  `json:"name"`
	RebuildProgress       string                  `json:"rebuildProgress"`
	Statistics            *VolumeStatistics       `json:"statistics"`
	IPAcl                 *StringList             `json:"IPAcl"`
	ETag                  string                  `json:"ETag"`
	ConnectedHosts        []string                `json:"connectedHosts"`
	SectorSize            uint32                  `json:"sectorSize"`
	ProjectName           string                  `json:"projectName"`
	SourceSnapshotUUID    string                  `json:"sourceSnapshotUUID"`
	SourceSnapshotName    string                  `json:"sourceSnapshotName"`
	PlacementRestrictions []*LabelMatchExpression `json:"placementRestrictions"`
	QosPolicyUUID         string                  `json:"qosPolicyUUID"`
	QosPolicyName         string                  `json:"qosPolicyName"`
	PrimaryNodeUUID       string                  `json:"primaryNodeUUID"`
	CreationTime          time.Time               `json:"creationTime"`
	Labels                []*Label                `json:"labels"`
	ClusterID             string                  `json:"clusterId"`
	PgUUID                string                  `json:"pgUUID"`
}

// StringList is a list in a message of its own, so that it can be absent.
type StringList struct {
	Values []string `json:"values"`
}

// rebuildNone is the rebuildProgress of a volume that is not being rebuilt (facts/lightbits.md 4.1).
const rebuildNone = "None"

// Indexes of volumes.
const (
	// Project and name: not unique, since Deleting and Failed volumes do not hold their names
	volumesByName     = "name"
	volumesByNode     = "node"     // each node of nodeList
	volumesBySnapshot = "snapshot" // the snapshot that a clone was made from
)

func volumeKey(v *Volume) string { return scopedKey(v.ProjectName, v.UUID) }

// volumeRef names a volume in a request: by UUID or, if that is empty, by name.
type volumeRef struct {
	UUID string `json:"UUID"`
	Name string `json:"name"`
}

// findVolume returns the volume that a request names; of several with one name, the live one. It returns NotFound, or
// InvalidArgument if the reference is empty.
func (s *Service) findVolume(tx *store.Tx, project string, ref volumeRef) (statemachine.Row[Volume], error) {
	var none statemachine.Row[Volume]
	switch {
	case ref.UUID != "":
		row, err := s.volumes.Get(tx, scopedKey(project, ref.UUID))
		if errors.Is(err, store.ErrNotFound) {
			return none, refusal.New(refusal.NotFound, "volume %s was not found in project %s", ref.UUID, project)
		}
		return row, err
	case ref.Name != "":
		row, found := s.volumeByName(tx, project, ref.Name)
		if !found {
			return none, refusal.New(refusal.NotFound, "volume %q was not found in project %s", ref.Name, project)
		}
		return row, nil
	}
	return none, refusal.New(refusal.InvalidArgument, "either the UUID or the name of the volume must be given")
}

func (s *Service) logVolume(tx *store.Tx, name events.Name, v *Volume) error {
	return s.logEvent(tx, name, events.AboutVolume(v.ProjectName, v.UUID, v.Name))
}

// volumeAnywhere returns the volume of that UUID or name in the project. With an empty project it searches all of them,
// and a name must be unique.
func (s *Service) volumeAnywhere(tx *store.Tx, project, id string) (statemachine.Row[Volume], error) {
	var none statemachine.Row[Volume]
	if id == "" {
		return none, &strict.Error{Path: "volume", Detail: "must be the UUID or the name of a volume"}
	}
	projects, where := []string{project}, "project "+project
	if project == "" {
		projects, where = s.projectNames(tx), "any project"
	}
	var found []statemachine.Row[Volume]
	var in []string
	for _, name := range projects {
		row, err := s.volumes.Get(tx, scopedKey(name, id))
		if err == nil {
			return row, nil
		}
		if ignoreNotFound(err) != nil {
			return none, err
		}
		if row, ok := s.volumeByName(tx, name, id); ok {
			found, in = append(found, row), append(in, name)
		}
	}
	switch len(found) {
	case 0:
		return none, refusal.New(refusal.NotFound, "volume %q was not found in %s", id, where)
	case 1:
		return found[0], nil
	}
	return none, &strict.Error{Path: "project",
		Detail: fmt.Sprintf("several projects have a volume named %q; name one of them", id), Valid: in}
}

// parseCompression parses the spellings that clients use (facts/lightbits.md 4.1); "" is false.
func parseCompression(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "", "false", "disable", "disabled":
		return false, nil
	case "true", "enable", "enabled":
		return true, nil
	}
	return false, refusal.New(refusal.InvalidArgument, `compression %q must be "true" or "false"`, text)
}

func compressionText(on bool) string {
	if on {
		return "true"
	}
	return "false"
}
