package dms

import (
	"fmt"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// clone is the part of a thick clone's workflow that no response shows: the request, and the progress of the copy.
type clone struct {
	Source      cloneSource `json:"source"`
	Target      cloneTarget `json:"target"`
	Verify      bool        `json:"verify,omitempty"`
	OfSnapshot  bool        `json:"ofSnapshot,omitempty"`
	Description string      `json:"description,omitempty"`

	Size     uint64   `json:"size,omitempty"`     // bytes of the source
	Copied   uint64   `json:"copied,omitempty"`   // bytes
	Verified uint64   `json:"verified,omitempty"` // bytes
	Pass     uint64   `json:"pass,omitempty"`
	Volume   string   `json:"volume,omitempty"`   // UUID of the destination volume
	Snapshot string   `json:"snapshot,omitempty"` // UUID of the destination snapshot
	ACL      []string `json:"acl,omitempty"`      // of the source, for the complete copy
	IPACL    []string `json:"ipAcl,omitempty"`
}

// project returns the destination's project: the requested one, else the source's.
func (c *clone) project() string {
	if c.Target.ProjectName != nil && *c.Target.ProjectName != "" {
		return *c.Target.ProjectName
	}
	return c.Source.ProjectName
}

// about returns the part of a message that names the clusters and objects.
func (c *clone) about() string {
	what := "volume"
	if c.OfSnapshot {
		what = "snapshot"
	}
	return fmt.Sprintf("{source cluster: %s, source snapshot: %s, cluster: %s, project: %s, %s: %s}",
		c.Source.ClusterID, c.Source.SnapID, c.Target.ClusterID, c.project(), what, c.Target.Name)
}

// volumeName returns the name of the destination volume. The clone of a snapshot has a volume of its own, which stays
// (assumption 129).
func (c *clone) volumeName(w *Workflow) string {
	if c.OfSnapshot {
		return "dms-" + w.ID
	}
	return c.Target.Name
}

// copySteps is the number of steps of a copy of any size.
const copySteps = 8

const blockSize = 4096 // bytes; Lightbits accounts in blocks of this size

// stepEnd returns the end of the step that begins at the byte start.
func (c *clone) stepEnd(start uint64) uint64 {
	step := (c.Size/copySteps + blockSize - 1) / blockSize * blockSize
	return min(start+max(step, blockSize), c.Size)
}

// step returns the range of the step that begins at the byte start.
func (c *clone) step(start uint64) CopyRange {
	return CopyRange{
		SourceProject: c.Source.ProjectName, Snapshot: c.Source.SnapID, TargetProject: c.project(), Volume: c.Volume,
		Start: start, End: c.stepEnd(start), Pass: c.Pass,
	}
}

// percent returns the share of the bytes that are copied and, if requested, verified. Only a completed workflow has
// 100.
func (c *clone) percent() int32 {
	done, all := c.Copied, c.Size
	if c.Verify {
		done, all = c.Copied+c.Verified, 2*c.Size
	}
	return int32(min(done*100/max(all, 1), 99))
}

// sides returns the two clusters of a clone. Neither can be detached while the clone runs.
func sides(tx *store.Tx, c *clone) (source, target attachedCluster, err error) {
	if source, err = attached(tx, "src.clusterId", c.Source.ClusterID); err == nil {
		target, err = attached(tx, "dst.clusterId", c.Target.ClusterID)
	}
	return source, target, err
}

// prepare reads the source and begins to create the destination volume.
func (s *Service) prepare(tx *store.Tx, r *workflowRow) error {
	r.Body.StartedAt = tx.Now
	return s.updateRun(tx, r, func(run *run) error {
		c := run.Clone
		source, target, err := sides(tx, c)
		if err != nil {
			return run.noteFailure(err, refusal.InvalidArgument, "failed to prepare thick clone", c.about())
		}
		for _, side := range []*attachedCluster{&source, &target} {
			if err := s.access(tx, side); err != nil {
				doing := "failed to connect to cluster " + side.Cluster.ID
				return run.noteFailure(err, refusal.Of(err).Kind, doing, c.about())
			}
		}
		from, err := s.clusters.CloneSource(source.in(tx), c.Source.ProjectName, c.Source.SnapID)
		if err != nil {
			return run.noteFailure(err, refusal.Internal, "failed to get source snapshot", c.about())
		}
		c.Size, c.ACL, c.IPACL = from.Size, from.ACL, from.IPACL
		volume, err := c.target(r, from)
		if err == nil && c.OfSnapshot {
			err = s.clusters.CheckSnapshotName(target.in(tx), c.project(), c.Target.Name)
		}
		if err == nil {
			volume.HostNQN = hostNQN(s.settings(tx))
			c.Volume, err = s.clusters.CreateCloneTarget(target.in(tx), volume)
		}
		if err != nil {
			return run.noteFailure(err, refusal.Internal, "failed to create destination volume", c.about())
		}
		return nil
	})
}

// target describes the destination volume: as requested, else as the source.
func (c *clone) target(r *workflowRow, from Source) (Target, error) {
	t := Target{
		Name: c.volumeName(&r.Body), Project: c.project(), Size: from.Size, Replicas: from.Replicas,
		SectorSize: from.SectorSize, Compression: from.Compression,
	}
	q := &c.Target
	if q.Size != nil {
		t.Size = *q.Size
	}
	if t.Size < from.Size {
		return t, refusal.New(refusal.InvalidArgument,
			"size %d is smaller than the %d bytes of snapshot %s", t.Size, from.Size, from.Name)
	}
	if q.Replica != nil {
		t.Replicas = uint32(*q.Replica)
	}
	if q.SectorSize != nil {
		t.SectorSize = *q.SectorSize
	}
	if q.Compression != nil {
		t.Compression = *q.Compression
	}
	if q.QosPolicyName != nil {
		t.QosPolicy = *q.QosPolicyName
	}
	return t, nil
}

// unlessUnprepared returns wait until the destination volume is available, and fail if it never will be.
func (s *Service) unlessUnprepared(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		_, target, err := sides(tx, run.Clone)
		if err != nil {
			return "", err
		}
		ready, err := s.clusters.CloneTargetReady(target.in(tx), run.Clone.project(), run.Clone.Volume)
		return s.pollAgain(run, ready, err, "failed to create destination volume")
	})
}

// pollAgain returns wait while a result is not ready and may become so. It notes the failure otherwise.
func (s *Service) pollAgain(run *run, ready bool, err error, doing string) (statemachine.Event, error) {
	switch {
	case err == nil && ready:
		return "", nil
	case err == nil && run.Waits < maxWaits:
		return "wait", nil
	case err == nil:
		err = refusal.New(refusal.DeadlineExceeded, "it is not available after %d attempts", run.Waits+1)
	}
	return "", run.noteFailure(err, refusal.Internal, doing, run.Clone.about())
}

// copySeconds returns the duration of the next step at the service's rate.
func (s *Service) copySeconds(tx *store.Tx, r *workflowRow) float64 {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil || one.Clone == nil {
		return 1
	}
	c, start := one.Clone, one.Clone.Copied
	if r.Life.State == stageVerify {
		start = c.Verified
	}
	return float64(c.stepEnd(start)-start) / float64(s.settings(tx).CopyRate)
}

// unlessCopied checks the next step of a copy. It returns fail if the step cannot be read or written (assumptions 132
// and 133), and the next stage if the step is the last one.
func (s *Service) unlessCopied(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		if err := s.checkStep(tx, c, c.Copied, s.clusters.CheckCopy); err != nil {
			return "", run.noteFailure(err, refusal.Internal, "failed to copy data", c.about())
		}
		switch {
		case c.stepEnd(c.Copied) < c.Size:
			return "", nil
		case c.Verify:
			return "verify", nil
		}
		return "finish", nil
	})
}

// unlessVerified verifies the next step of a copy. It returns fail if the step cannot be read back or differs, and
// finish if the step is the last one.
func (s *Service) unlessVerified(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		if err := s.checkStep(tx, c, c.Verified, s.clusters.VerifyCopy); err != nil {
			return "", run.noteFailure(err, refusal.Internal, "failed to verify clone", c.about())
		}
		if c.stepEnd(c.Verified) < c.Size {
			return "", nil
		}
		return "finish", nil
	})
}

// checkStep refuses if a data connection is down, or if the check of the clusters refuses the step that begins at the
// byte start.
func (s *Service) checkStep(
	tx *store.Tx, c *clone, start uint64, check func(source, target *store.Tx, r CopyRange) error,
) error {
	source, target, err := sides(tx, c)
	if err != nil {
		return err
	}
	if err := s.data(tx, &source); err != nil {
		return err
	}
	if err := s.data(tx, &target); err != nil {
		return err
	}
	return check(source.in(tx), target.in(tx), c.step(start))
}

// copied writes the next step, which unlessCopied has checked.
func (s *Service) copied(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		c := run.Clone
		source, target, err := sides(tx, c)
		if err == nil {
			c.Pass, err = s.clusters.Copy(source.in(tx), target.in(tx), c.step(c.Copied))
		}
		if err != nil {
			return run.noteFailure(err, refusal.Internal, "failed to copy data", c.about())
		}
		c.Copied = c.stepEnd(c.Copied)
		r.Body.Progress.Percent = c.percent()
		return nil
	})
}

// verified counts the step that unlessVerified has verified.
func (s *Service) verified(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		run.Clone.Verified = run.Clone.stepEnd(run.Clone.Verified)
		r.Body.Progress.Percent = run.Clone.percent()
		return nil
	})
}

// finish publishes the volume (assumption 131), and begins to create the snapshot of a clone of a snapshot.
func (s *Service) finish(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		c := run.Clone
		run.Waits = 0
		_, target, err := sides(tx, c)
		if err == nil {
			err = s.access(tx, &target)
		}
		if err == nil {
			err = s.clusters.Publish(target.in(tx), c.project(), c.Volume, c.ACL, c.IPACL)
		}
		if err == nil && c.OfSnapshot {
			c.Snapshot, err = s.clusters.SnapshotTarget(
				target.in(tx), c.project(), c.Volume, c.Target.Name, c.Description)
		}
		if err != nil {
			return run.noteFailure(err, refusal.Internal, "failed to finish thick clone", c.about())
		}
		return nil
	})
}

// unlessUnfinished returns wait until the result is available, and fail if it never will be.
func (s *Service) unlessUnfinished(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		_, target, err := sides(tx, c)
		if err != nil {
			return "", err
		}
		if !c.OfSnapshot {
			ready, err := s.clusters.CloneTargetReady(target.in(tx), c.project(), c.Volume)
			return s.pollAgain(run, ready, err, "failed to finish thick clone")
		}
		ready, err := s.clusters.SnapshotReady(target.in(tx), c.project(), c.Snapshot)
		return s.pollAgain(run, ready, err, "failed to create destination snapshot")
	})
}

// discard removes the unfinished results of a clone.
func (s *Service) discard(tx *store.Tx, c *clone) error {
	if c.Volume == "" {
		return nil
	}
	target, err := attached(tx, "dst.clusterId", c.Target.ClusterID)
	if err != nil {
		return err
	}
	return s.clusters.Discard(target.in(tx), c.project(), c.Volume, c.Snapshot)
}
