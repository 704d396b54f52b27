package simulator

import (
	"storagesim/internal/dms"
	"storagesim/internal/lightbits"
	"storagesim/internal/store"
)

// dmsClusters is what DMS sees of the Lightbits clusters of its world. The two packages do not know each other, so what
// passes between them is converted here.
type dmsClusters struct{ *lightbits.Service }

// Facts is as of the service itself.
func (c dmsClusters) Facts(tx *store.Tx) (dms.Facts, error) {
	f, err := c.Service.Facts(tx)
	return dms.Facts(f), err
}

// CloneSource is as of the service itself.
func (c dmsClusters) CloneSource(tx *store.Tx, project, snapshotUUID string) (dms.Source, error) {
	source, err := c.Service.CloneSource(tx, project, snapshotUUID)
	return dms.Source(source), err
}

// CreateCloneTarget is as of the service itself.
func (c dmsClusters) CreateCloneTarget(tx *store.Tx, t dms.Target) (volumeUUID string, err error) {
	return c.Service.CreateCloneTarget(tx, lightbits.CloneTarget(t))
}

// CheckCopy is as of the service itself.
func (c dmsClusters) CheckCopy(source, target *store.Tx, r dms.CopyRange) error {
	return c.Service.CheckCopy(source, target, lightbits.CopyRange(r))
}

// Copy is as of the service itself.
func (c dmsClusters) Copy(source, target *store.Tx, r dms.CopyRange) (pass uint64, err error) {
	return c.Service.Copy(source, target, lightbits.CopyRange(r))
}

// VerifyCopy is as of the service itself.
func (c dmsClusters) VerifyCopy(source, target *store.Tx, r dms.CopyRange) error {
	return c.Service.VerifyCopy(source, target, lightbits.CopyRange(r))
}
