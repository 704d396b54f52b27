package lucidity

import (
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// outages are the present outages of the service.
type outages struct {
	InternalServerAway bool `json:"internalServerAway"`
	GCPMaintenance     bool `json:"gcpMaintenance"`
}

const outagesKey = "switches"

var outageTable = store.NewTable("lucidity.switches",
	func(*outages) string { return outagesKey }, store.JSON[outages]())

// outagesOf returns the world's outages.
func outagesOf(tx *store.Tx) outages {
	sw, err := outageTable.Get(tx, outagesKey)
	if err != nil {
		return outages{}
	}
	return sw
}

func setOutage(tx *store.Tx, set func(*outages)) error {
	sw := outagesOf(tx)
	set(&sw)
	return outageTable.Put(tx, &sw)
}

// OutageCause is the outage that caused a refusal.
type OutageCause struct {
	Action string `json:"action"` // ends the outage
}

// CauseKind returns refusal.Unreachable.
func (OutageCause) CauseKind() refusal.CauseKind { return refusal.Unreachable }

// reachInternalServer refuses with the kind while the internal server is down. The tenant API uses Internal, because
// its codes have no 503; the other APIs use Unavailable (assumption 187).
func reachInternalServer(tx *store.Tx, kind refusal.Kind) error {
	if !outagesOf(tx).InternalServerAway {
		return nil
	}
	return refusal.New(kind, "Unable to contact internal server").
		Because(OutageCause{Action: `lucidity/internal-server {"available":true}`})
}

// underMaintenance refuses requests about GCP instances during the maintenance that the pages mention (assumption 188).
func underMaintenance(tx *store.Tx, provider string) error {
	if provider != providerGCP || !outagesOf(tx).GCPMaintenance {
		return nil
	}
	return refusal.New(refusal.Unavailable, "API support for GCP instances is currently undergoing maintenance").
		Because(OutageCause{Action: `lucidity/gcp-maintenance {"enabled":false}`})
}

// WouldWork returns the advice of explain.
func (c OutageCause) WouldWork() string { return "the same request after the action " + c.Action }
