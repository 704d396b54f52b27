package simulator

import (
	"storagesim/internal/dms"
	"storagesim/internal/lightbits"
	"storagesim/internal/store"
)

// dmsClusters implements dms.Clusters with the Lightbits service. Neither package imports the other, so dmsClusters
// converts between their types.
type dmsClusters struct{ *lightbits.Service }

// Facts calls the method of lightbits.Service.
func (c dmsClusters) Facts(tx *store.Tx) (dms.Facts, error) {
	f, err := c.Service.Facts(tx)
	return dms.Facts(f), err
}

// CloneSource calls the method of lightbits.Service.
func (c dmsClusters) CloneSource(tx *store.Tx, project, snapshotUUID string) (dms.Source, error) {
	source, err := c.Service.CloneSource(tx, project, snapshotUUID)
	return dms.Source(source), err
}

// CreateCloneTarget calls the method of lightbits.Service.
func (c dmsClusters) CreateCloneTarget(tx *store.Tx, t dms.Target) (volumeUUID string, err error) {
	return c.Service.CreateCloneTarget(tx, lightbits.CloneTarget(t))
}

// CheckCopy calls the method of lightbits.Service.
func (c dmsClusters) CheckCopy(source, target *store.Tx, r dms.CopyRange) error {
	return c.Service.CheckCopy(source, target, lightbits.CopyRange(r))
}

// Copy calls the method of lightbits.Service.
func (c dmsClusters) Copy(source, target *store.Tx, r dms.CopyRange) (pass uint64, err error) {
	return c.Service.Copy(source, target, lightbits.CopyRange(r))
}

// VerifyCopy calls the method of lightbits.Service.
func (c dmsClusters) VerifyCopy(source, target *store.Tx, r dms.CopyRange) error {
	return c.Service.VerifyCopy(source, target, lightbits.CopyRange(r))
}
