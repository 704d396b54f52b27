package dms

import (
	"net/http"
	"regexp"
	"strconv"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// thickCloneOperations returns the only operations that document 429, for too many running workflows.
func (s *Service) thickCloneOperations() []api.Operation {
	return []api.Operation{
		{Name: "CreateThickCloneSnapshot", Method: http.MethodPost, Path: "/api/v1/snapshots/thickclone",
			Statuses: []int{200, 400, 401, 429, 500}, Needs: token, Endpoint: api.Handle(s.createThickCloneSnapshot)},
		{Name: "CreateThickCloneVolume", Method: http.MethodPost, Path: "/api/v1/volumes/thickclone",
			Statuses: []int{200, 400, 401, 429, 500}, Needs: token, Endpoint: api.Handle(s.createThickCloneVolume)},
	}
}

// cloneSource names the snapshot that is copied.
type cloneSource struct {
	SnapID      string `json:"snapId,snake" required:""`
	ProjectName string `json:"projectName,snake" required:""`
	ClusterID   string `json:"clusterId,snake" required:""`
}

// cloneTarget describes the copy. An absent member is inherited from the source.
type cloneTarget struct {
	Name          string  `json:"name" required:""`
	ProjectName   *string `json:"projectName,oneof,snake"`
	ClusterID     string  `json:"clusterId,snake" required:""`
	Size          *uint64 `json:"size,oneof"` // bytes
	Replica       *int32  `json:"replica,oneof"`
	QosPolicyName *string `json:"qosPolicyName,oneof,snake"`
	SectorSize    *uint32 `json:"sectorSize,oneof,snake"`
	Compression   *bool   `json:"compression,oneof"`
}

type thickCloneVolumeRequest struct {
	Src         *cloneSource `json:"src" required:"src: the source snapshot is missing"`
	Dst         *cloneTarget `json:"dst" required:"dst: the destination is missing"`
	VerifyClone bool         `json:"verifyClone,snake"`
}

type snapshotCloneTarget struct {
	cloneTarget

	Description *string `json:"description,oneof"`
}

type snapshotCloneRequest struct {
	Src         *cloneSource         `json:"src" required:"src: the source snapshot is missing"`
	Dst         *snapshotCloneTarget `json:"dst" required:"dst: the destination is missing"`
	VerifyClone bool                 `json:"verifyClone,snake"`
}

// createThickCloneVolume implements seeds/003 "Create a thick clone volume".
func (s *Service) createThickCloneVolume(
	tx *store.Tx, _ *api.Request, q *thickCloneVolumeRequest,
) (workflowIDResponse, error) {
	c, err := s.newClone(tx, q.Src, q.Dst, q.VerifyClone)
	if err != nil {
		return workflowIDResponse{}, err
	}
	id, err := s.newWorkflow(tx, Workflow{Type: TypeThickCloneVolume, ThickCloneVolumeRequest: q}, run{Clone: c})
	return workflowIDResponse{WorkflowID: id}, err
}

// maxDescription is in bytes: the page says "limited to up to 256 characters", and the page of the cluster that stores
// the description "up to 256B" (assumption 144).
const maxDescription = 256

// createThickCloneSnapshot implements seeds/003 "Create a thick clone snapshot".
func (s *Service) createThickCloneSnapshot(
	tx *store.Tx, _ *api.Request, q *snapshotCloneRequest,
) (workflowIDResponse, error) {
	description := ""
	if q.Dst.Description != nil {
		description = *q.Dst.Description
	}
	if n := len(description); n > maxDescription {
		return workflowIDResponse{}, refusal.New(refusal.InvalidArgument,
			"dst.description: must have at most %d bytes, not %d", maxDescription, n)
	}
	c, err := s.newClone(tx, q.Src, &q.Dst.cloneTarget, q.VerifyClone)
	if err != nil {
		return workflowIDResponse{}, err
	}
	c.OfSnapshot, c.Description = true, description
	id, err := s.newWorkflow(tx, Workflow{Type: TypeThickCloneSnapshot, SnapshotCloneRequest: q}, run{Clone: c})
	return workflowIDResponse{WorkflowID: id}, err
}

// Crowded is the cause of a 429: the limit of running workflows is reached.
type Crowded struct {
	MaxRunning int      `json:"maxRunningWorkflows"`
	Running    int      `json:"running"`
	Workflows  []string `json:"workflows"` // the ids of the running ones
}

// CauseKind returns refusal.Limit.
func (Crowded) CauseKind() refusal.CauseKind { return refusal.Limit }

// WouldWork returns the advice of explain.
func (c Crowded) WouldWork() string {
	return "the same request when fewer than " + strconv.Itoa(c.MaxRunning) +
		" workflows are running; GET /_sim/timers lists their next steps"
}

// newClone checks what needs no call to a cluster, and refuses with InvalidArgument; the workflow checks the rest
// (assumption 121). Last, it refuses with ResourceExhausted if too many workflows are running.
func (s *Service) newClone(tx *store.Tx, src *cloneSource, dst *cloneTarget, verify bool) (*clone, error) {
	if err := checkClone(src, dst); err != nil {
		return nil, err
	}
	if _, err := attached(tx, "src.clusterId", src.ClusterID); err != nil {
		return nil, err
	}
	if _, err := attached(tx, "dst.clusterId", dst.ClusterID); err != nil {
		return nil, err
	}
	running := s.running(tx)
	if c := (Crowded{s.settings(tx).MaxRunning, len(running), running}); c.Running >= c.MaxRunning {
		s.runningObserved(tx)
		return nil, refusal.New(refusal.ResourceExhausted, "the maximum number of running workflows (%d) "+
			"has been reached, please retry after some workflows complete", c.MaxRunning).Because(c)
	}
	return &clone{Source: *src, Target: *dst, Verify: verify}, nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,256}$`)

func checkNaming(member, text string) error {
	if nameForm.MatchString(text) {
		return nil
	}
	return refusal.New(refusal.InvalidArgument,
		"%s: %q must be 1 to 256 letters, digits, hyphens, underscores or periods", member, text)
}

// checkClone refuses values that the page does not allow. It converts UUIDs to lower case.
func checkClone(src *cloneSource, dst *cloneTarget) error {
	for _, id := range [...]struct {
		member string
		text   *string
	}{
		{"src.snapId", &src.SnapID}, {"src.clusterId", &src.ClusterID}, {"dst.clusterId", &dst.ClusterID},
	} {
		if err := checkUUID(id.member, id.text); err != nil {
			return err
		}
	}
	if err := checkNaming("src.projectName", src.ProjectName); err != nil {
		return err
	}
	if err := checkNaming("dst.name", dst.Name); err != nil {
		return err
	}
	for _, given := range [...]struct {
		member string
		text   *string
	}{{"dst.projectName", dst.ProjectName}, {"dst.qosPolicyName", dst.QosPolicyName}} {
		if given.text == nil || *given.text == "" {
			continue
		}
		if err := checkNaming(given.member, *given.text); err != nil {
			return err
		}
	}
	switch {
	case dst.Size != nil && *dst.Size == 0:
		return refusal.New(refusal.InvalidArgument, "dst.size: must be at least the size of the snapshot, not 0")
	case dst.Replica != nil && (*dst.Replica < 1 || *dst.Replica > 3):
		return refusal.New(refusal.InvalidArgument, "dst.replica: %d must be between 1 and 3", *dst.Replica)
	case dst.SectorSize != nil && *dst.SectorSize != 512 && *dst.SectorSize != 4096:
		return refusal.New(refusal.InvalidArgument, "dst.sectorSize: %d must be either 512 or 4096", *dst.SectorSize)
	}
	return nil
}
