package dms

import (
	"time"

	"storagesim/internal/store"
)

// step is the next part of a copy, or of its verification.
type step struct {
	Bytes   uint64    `json:"bytes"`
	Rate    uint64    `json:"rate"` // bytes a second
	Planned time.Time `json:"planned"`
}

// A copy advances in steps of a hundredth, so that its percentage grows by one each time, but a step lasts for at least
// a second, and is never larger than an eighth.
const (
	fineSteps   = 100
	coarseSteps = 8
)

const blockSize = 4096 // bytes; Lightbits accounts in blocks of this size

// plan sets the next step and its rate: the service's own, or less if the QoS policy of the destination volume allows
// less for writing, or for reading if the step is verified. A policy that is changed during a step takes effect with
// the next one. After a step that took no time, as in the profile instant, the next one is coarse.
func (s *Service) plan(tx *store.Tx, c *clone, verify bool) {
	rate := s.settings(tx).CopyRate
	if _, target, err := sides(tx, c); err == nil {
		read, write, err := s.clusters.QoSRates(target.in(tx), c.project(), c.Volume)
		if verify {
			write = read
		}
		if err == nil && write > 0 { // the check of the step reports an error
			rate = min(rate, write)
		}
	}
	size := c.Size / coarseSteps
	if !c.Step.Planned.Equal(tx.Now) {
		size = min(size, max(c.Size/fineSteps, rate))
	}
	c.Step = step{Bytes: size, Rate: rate, Planned: tx.Now}
}

// stepEnd returns the end of the step that begins at the byte start. A run that an earlier version of the program
// stored has no step yet.
func (c *clone) stepEnd(start uint64) uint64 {
	size := c.Step.Bytes
	if c.Step.Rate == 0 {
		size = c.Size / coarseSteps
	}
	size = (size + blockSize - 1) / blockSize * blockSize
	return min(start+max(size, blockSize), c.Size)
}

// stepFrom returns the range of the step that begins at the byte start.
func (c *clone) stepFrom(start uint64, h Host) CopyRange {
	return CopyRange{
		SourceProject: c.Source.ProjectName, Snapshot: c.Source.SnapID, TargetProject: c.project(), Volume: c.Volume,
		Start: start, End: c.stepEnd(start), Pass: c.Pass, Host: h,
	}
}

// copySeconds returns the duration of the next step at its rate.
func (s *Service) copySeconds(tx *store.Tx, r *workflowRow) float64 {
	one, err := runs.Get(tx, r.Body.ID)
	if err != nil || one.Clone == nil {
		return 1
	}
	c, start := one.Clone, one.Clone.Copied
	if r.Life.State == stageVerify {
		start = c.Verified
	}
	rate := c.Step.Rate
	if rate == 0 {
		rate = s.settings(tx).CopyRate
	}
	return float64(c.stepEnd(start)-start) / float64(rate)
}
