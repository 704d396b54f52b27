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

	Size      uint64   `json:"size,omitempty"`     // bytes of the source
	Copied    uint64   `json:"copied,omitempty"`   // bytes
	Verified  uint64   `json:"verified,omitempty"` // bytes
	Step      step     `json:"step,omitzero"`      // the next one
	Pass      uint64   `json:"pass,omitempty"`
	Volume    string   `json:"volume,omitempty"`   // UUID of the destination volume
	Snapshot  string   `json:"snapshot,omitempty"` // UUID of the destination snapshot
	ACL       []string `json:"acl,omitempty"`      // of the source, for the complete copy
	IPACL     []string `json:"ipAcl,omitempty"`
	Published bool     `json:"published,omitempty"` // the destination has its access lists and its snapshot
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
			volume.Host = copyHost(s.settings(tx))
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

// unlessUnprepared returns wait until the destination volume is available, and fail if it never will be or if a cluster
// does not admit the service's host.
func (s *Service) unlessUnprepared(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		source, target, err := sides(tx, c)
		if err != nil {
			return "", err
		}
		ready, err := s.clusters.CloneTargetReady(target.in(tx), c.project(), c.Volume)
		if err != nil || !ready {
			return s.pollAgain(run, ready, err, "failed to create destination volume")
		}
		for _, side := range []struct {
			cluster attachedCluster
			project string
		}{{source, c.Source.ProjectName}, {target, c.project()}} {
			if err := s.clusters.HostTrusted(side.cluster.in(tx), side.project, copyHost(s.settings(tx))); err != nil {
				doing := "failed to connect to the volumes of cluster " + side.cluster.Cluster.ID
				return "", run.noteFailure(err, refusal.PermissionDenied, doing, c.about())
			}
		}
		return "", nil
	})
}

// prepared connects the service's host to the destination volume.
func (s *Service) prepared(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		c := run.Clone
		_, target, err := sides(tx, c)
		if err == nil {
			err = s.clusters.ConnectCopyHost(target.in(tx), c.project(), c.Volume, copyHost(s.settings(tx)))
		}
		if err != nil {
			return run.noteFailure(err, refusal.Internal, "failed to connect to destination volume", c.about())
		}
		s.plan(tx, c, false)
		return nil
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
	return check(source.in(tx), target.in(tx), c.stepFrom(start, copyHost(s.settings(tx))))
}

// copied writes the next step, which unlessCopied has checked.
func (s *Service) copied(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		c := run.Clone
		source, target, err := sides(tx, c)
		if err == nil {
			next := c.stepFrom(c.Copied, copyHost(s.settings(tx)))
			c.Pass, err = s.clusters.Copy(source.in(tx), target.in(tx), next)
		}
		if err != nil {
			return run.noteFailure(err, refusal.Internal, "failed to copy data", c.about())
		}
		c.Copied = c.stepEnd(c.Copied)
		r.Body.Progress.Percent = c.percent()
		s.plan(tx, c, r.Life.State == stageVerify)
		return nil
	})
}

// verified counts the step that unlessVerified has verified.
func (s *Service) verified(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		run.Clone.Verified = run.Clone.stepEnd(run.Clone.Verified)
		r.Body.Progress.Percent = run.Clone.percent()
		s.plan(tx, run.Clone, true)
		return nil
	})
}

// finish publishes the volume (assumption 131), and begins to create the snapshot of a clone of a snapshot.
func (s *Service) finish(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		run.Waits = 0
		return s.publish(tx, run)
	})
}

// publish does what finish says, or leaves it undone while the volume is in a temporary state, such as an update by
// somebody else.
func (s *Service) publish(tx *store.Tx, run *run) error {
	c := run.Clone
	const doing = "failed to finish thick clone"
	_, target, err := sides(tx, c)
	if err == nil {
		err = s.access(tx, &target)
	}
	if err != nil {
		return run.noteFailure(err, refusal.Internal, doing, c.about())
	}
	err = s.clusters.Publish(target.in(tx), c.project(), c.Volume, copyHost(s.settings(tx)), c.ACL, c.IPACL)
	if err == nil && c.OfSnapshot {
		c.Snapshot, err = s.clusters.SnapshotTarget(target.in(tx), c.project(), c.Volume, c.Target.Name, c.Description)
	}
	switch {
	case err == nil:
		c.Published = true
		return nil
	case refusal.Is(err, refusal.Unavailable), refusal.Is(err, refusal.Aborted):
		return nil
	}
	return run.noteFailure(err, refusal.Internal, doing, c.about())
}

// waitToFinish counts a poll without success, and publishes the volume if finish could not.
func (s *Service) waitToFinish(tx *store.Tx, r *workflowRow) error {
	return s.updateRun(tx, r, func(run *run) error {
		run.Waits++
		if run.Clone.unpublished() {
			return s.publish(tx, run)
		}
		return nil
	})
}

// unpublished reports whether publish must be called again. A run that an earlier version of the program stored has no
// Published.
func (c *clone) unpublished() bool { return !c.Published && c.Snapshot == "" }

// unlessUnfinished returns wait until the result is available, and fail if it never will be.
func (s *Service) unlessUnfinished(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		_, target, err := sides(tx, c)
		if err != nil {
			return "", err
		}
		if c.unpublished() {
			return s.pollAgain(run, false, nil, "failed to finish thick clone")
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
