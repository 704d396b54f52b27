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
	return c.Service.CreateCloneTarget(tx, lightbits.CloneTarget{
		Name: t.Name, Project: t.Project, Size: t.Size, Replicas: t.Replicas, SectorSize: t.SectorSize,
		Compression: t.Compression, QosPolicy: t.QosPolicy, Host: lightbits.CopyHost(t.Host),
	})
}

// CheckCopy calls the method of lightbits.Service.
func (c dmsClusters) CheckCopy(source, target *store.Tx, r dms.CopyRange) error {
	return c.Service.CheckCopy(source, target, copyRange(r))
}

// Copy calls the method of lightbits.Service.
func (c dmsClusters) Copy(source, target *store.Tx, r dms.CopyRange) (pass uint64, err error) {
	return c.Service.Copy(source, target, copyRange(r))
}

// VerifyCopy calls the method of lightbits.Service.
func (c dmsClusters) VerifyCopy(source, target *store.Tx, r dms.CopyRange) error {
	return c.Service.VerifyCopy(source, target, copyRange(r))
}

// HostTrusted calls the method of lightbits.Service.
func (c dmsClusters) HostTrusted(tx *store.Tx, project string, h dms.Host) error {
	return c.Service.HostTrusted(tx, project, lightbits.CopyHost(h))
}

// HostTrustedAnywhere calls the method of lightbits.Service.
func (c dmsClusters) HostTrustedAnywhere(tx *store.Tx, h dms.Host) bool {
	return c.Service.HostTrustedAnywhere(tx, lightbits.CopyHost(h))
}

// ConnectCopyHost calls the method of lightbits.Service.
func (c dmsClusters) ConnectCopyHost(tx *store.Tx, project, volumeUUID string, h dms.Host) error {
	return c.Service.ConnectCopyHost(tx, project, volumeUUID, lightbits.CopyHost(h))
}

// Publish calls the method of lightbits.Service.
func (c dmsClusters) Publish(tx *store.Tx, project, volumeUUID string, h dms.Host, acl, ipACL []string) error {
	return c.Service.Publish(tx, project, volumeUUID, lightbits.CopyHost(h), acl, ipACL)
}

func copyRange(r dms.CopyRange) lightbits.CopyRange {
	return lightbits.CopyRange{
		SourceProject: r.SourceProject, Snapshot: r.Snapshot, TargetProject: r.TargetProject, Volume: r.Volume,
		Start: r.Start, End: r.End, Pass: r.Pass, Host: lightbits.CopyHost(r.Host),
	}
}
