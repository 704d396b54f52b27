package dms

import (
	"fmt"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// clone is what a thick clone's workflow keeps to itself: what was asked for, and how far it is.
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
	Volume   string   `json:"volume,omitempty"`   // UUID of the volume that is being filled
	Snapshot string   `json:"snapshot,omitempty"` // UUID of the snapshot of it
	ACL      []string `json:"acl,omitempty"`      // of the source; the result gets it when it is filled
	IPACL    []string `json:"ipAcl,omitempty"`
}

// project is where the result lies: in the source's project unless another one is named.
func (c *clone) project() string {
	if c.Target.ProjectName != nil && *c.Target.ProjectName != "" {
		return *c.Target.ProjectName
	}
	return c.Source.ProjectName
}

// about names the clusters and things in messages.
func (c *clone) about() string {
	what := "volume"
	if c.OfSnapshot {
		what = "snapshot"
	}
	return fmt.Sprintf("{source cluster: %s, source snapshot: %s, cluster: %s, project: %s, %s: %s}",
		c.Source.ClusterID, c.Source.SnapID, c.Target.ClusterID, c.project(), what, c.Target.Name)
}

// volumeName is that of the volume which is filled. A clone of a snapshot has a volume of its own behind it, which
// stays (assumption 129).
func (c *clone) volumeName(w *Workflow) string {
	if c.OfSnapshot {
		return "dms-" + w.ID
	}
	return c.Target.Name
}

// copySteps is in how many steps a copy gets on, whatever its size.
const copySteps = 8

const block = 4096 // bytes, of Lightbits' bookkeeping

// until is where the step ends that begins at a byte.
func (c *clone) until(from uint64) uint64 {
	step := (c.Size/copySteps + block - 1) / block * block
	return min(from+max(step, block), c.Size)
}

func (c *clone) part(from uint64) CopyRange {
	return CopyRange{
		SourceProject: c.Source.ProjectName, Snapshot: c.Source.SnapID, TargetProject: c.project(), Volume: c.Volume,
		Start: from, End: c.until(from), Pass: c.Pass,
	}
}

// percent counts what is copied and, where that is asked for, read back. 100 is for what is completed.
func (c *clone) percent() int32 {
	done, all := c.Copied, c.Size
	if c.Verify {
		done, all = c.Copied+c.Verified, 2*c.Size
	}
	return int32(min(done*100/max(all, 1), 99))
}

// sides answers the two clusters of a clone; neither can be detached while it runs.
func sides(tx *store.Tx, c *clone) (source, target attachedCluster, err error) {
	if source, err = attached(tx, "src.clusterId", c.Source.ClusterID); err == nil {
		target, err = attached(tx, "dst.clusterId", c.Target.ClusterID)
	}
	return source, target, err
}

// prepare looks at the source and makes the volume at the destination.
func (s *Service) prepare(tx *store.Tx, r *workflowRow) error {
	r.Body.StartedAt = tx.Now
	return s.with(tx, r, func(run *run) error {
		c := run.Clone
		source, target, err := sides(tx, c)
		if err != nil {
			return run.fail(err, refusal.InvalidArgument, "failed to prepare thick clone", c.about())
		}
		for _, side := range []*attachedCluster{&source, &target} {
			if err := s.access(tx, side); err != nil {
				return run.fail(err, refusal.Of(err).Kind, "failed to connect to cluster "+side.Cluster.ID, c.about())
			}
		}
		from, err := s.clusters.CloneSource(source.in(tx), c.Source.ProjectName, c.Source.SnapID)
		if err != nil {
			return run.fail(err, refusal.Internal, "failed to get source snapshot", c.about())
		}
		c.Size, c.ACL, c.IPACL = from.Size, from.ACL, from.IPACL
		wanted, err := c.wanted(r, from)
		if err == nil && c.OfSnapshot {
			err = s.clusters.CheckSnapshotName(target.in(tx), c.project(), c.Target.Name)
		}
		if err == nil {
			wanted.HostNQN = hostNQN(s.settings(tx))
			c.Volume, err = s.clusters.CreateCloneTarget(target.in(tx), wanted)
		}
		if err != nil {
			return run.fail(err, refusal.Internal, "failed to create destination volume", c.about())
		}
		return nil
	})
}

// wanted is the volume to be made: what the request says, else what the source has.
func (c *clone) wanted(r *workflowRow, from Source) (Target, error) {
	t := Target{
		Name: c.volumeName(&r.Body), Project: c.project(), Size: from.Size, Replicas: from.Replicas,
		SectorSize: from.SectorSize, Compression: from.Compression,
	}
	q := &c.Target
	if q.Size != nil {
		t.Size = *q.Size
	}
	if t.Size < from.Size {
		return t, refusal.New(refusal.InvalidArgument, "size %d is smaller than the %d bytes of snapshot %s", t.Size, from.Size, from.Name)
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

// unlessUnprepared: the destination's volume is not there yet, or never will be.
func (s *Service) unlessUnprepared(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		_, target, err := sides(tx, run.Clone)
		if err != nil {
			return "", err
		}
		ready, err := s.clusters.CloneTargetReady(target.in(tx), run.Clone.project(), run.Clone.Volume)
		return s.unlessReady(run, ready, err, "failed to create destination volume")
	})
}

// unlessReady decides whether to ask again.
func (s *Service) unlessReady(run *run, ready bool, err error, doing string) (statemachine.Event, error) {
	switch {
	case err == nil && ready:
		return "", nil
	case err == nil && run.Waits < maxWaits:
		return "wait", nil
	case err == nil:
		err = refusal.New(refusal.DeadlineExceeded, "it is not available after %d attempts", run.Waits+1)
	}
	return "", run.fail(err, refusal.Internal, doing, run.Clone.about())
}

// copySeconds is how long the next step takes at the service's rate.
func (s *Service) copySeconds(tx *store.Tx, r *workflowRow) float64 {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil || one.Clone == nil {
		return 1
	}
	c, from := one.Clone, one.Clone.Copied
	if r.Life.State == stageVerify {
		from = c.Verified
	}
	return float64(c.until(from)-from) / float64(s.settings(tx).CopyRate)
}

// unlessCopied: the next part cannot be read or written any more (assumptions 132 and 133), or it was the last one.
func (s *Service) unlessCopied(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		if err := s.transfer(tx, c, c.Copied, s.clusters.CheckCopy); err != nil {
			return "", run.fail(err, refusal.Internal, "failed to copy data", c.about())
		}
		switch {
		case c.until(c.Copied) < c.Size:
			return "", nil
		case c.Verify:
			return "verify", nil
		}
		return "finish", nil
	})
}

// unlessVerified: what was written cannot be read back, differs, or was the last part.
func (s *Service) unlessVerified(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		if err := s.transfer(tx, c, c.Verified, s.clusters.VerifyCopy); err != nil {
			return "", run.fail(err, refusal.Internal, "failed to verify clone", c.about())
		}
		if c.until(c.Verified) < c.Size {
			return "", nil
		}
		return "finish", nil
	})
}

// transfer does something with a part over the data connections to both clusters.
func (s *Service) transfer(tx *store.Tx, c *clone, from uint64, do func(source, target *store.Tx, r CopyRange) error) error {
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
	return do(source.in(tx), target.in(tx), c.part(from))
}

// copied writes the part whose time has passed.
func (s *Service) copied(tx *store.Tx, r *workflowRow) error {
	return s.with(tx, r, func(run *run) error {
		c := run.Clone
		err := s.transfer(tx, c, c.Copied, func(source, target *store.Tx, part CopyRange) (err error) {
			c.Pass, err = s.clusters.Copy(source, target, part)
			return err
		})
		if err != nil {
			return run.fail(err, refusal.Internal, "failed to copy data", c.about())
		}
		c.Copied = c.until(c.Copied)
		r.Body.Progress.Percent = c.percent()
		return nil
	})
}

func (s *Service) verified(tx *store.Tx, r *workflowRow) error {
	return s.with(tx, r, func(run *run) error {
		run.Clone.Verified = run.Clone.until(run.Clone.Verified)
		r.Body.Progress.Percent = run.Clone.percent()
		return nil
	})
}

// finish hands the volume over (assumption 131), and cuts the snapshot that was asked for.
func (s *Service) finish(tx *store.Tx, r *workflowRow) error {
	return s.with(tx, r, func(run *run) error {
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
			c.Snapshot, err = s.clusters.SnapshotTarget(target.in(tx), c.project(), c.Volume, c.Target.Name, c.Description)
		}
		if err != nil {
			return run.fail(err, refusal.Internal, "failed to finish thick clone", c.about())
		}
		return nil
	})
}

// unlessUnfinished: the snapshot is not there yet, or never will be.
func (s *Service) unlessUnfinished(tx *store.Tx, r *workflowRow) statemachine.Event {
	return s.check(tx, r, func(run *run) (statemachine.Event, error) {
		c := run.Clone
		_, target, err := sides(tx, c)
		if err != nil {
			return "", err
		}
		if !c.OfSnapshot {
			ready, err := s.clusters.CloneTargetReady(target.in(tx), c.project(), c.Volume)
			return s.unlessReady(run, ready, err, "failed to finish thick clone")
		}
		ready, err := s.clusters.SnapshotReady(target.in(tx), c.project(), c.Snapshot)
		return s.unlessReady(run, ready, err, "failed to create destination snapshot")
	})
}

// discard removes what a clone has made that did not come to its end.
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
