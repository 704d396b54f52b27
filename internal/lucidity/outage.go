package lucidity

import (
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// switches are what is the matter with the service itself.
type switches struct {
	InternalServerAway bool `json:"internalServerAway"`
	GCPMaintenance     bool `json:"gcpMaintenance"`
}

const switchesKey = "switches"

var switchTable = store.NewTable("lucidity.switches", func(*switches) string { return switchesKey }, store.JSON[switches]())

// switchesOf answers the switches; the zero ones where none was ever set.
func switchesOf(tx *store.Tx) switches {
	sw, err := switchTable.Get(tx, switchesKey)
	if err != nil {
		return switches{}
	}
	return sw
}

func setSwitch(tx *store.Tx, set func(*switches)) error {
	sw := switchesOf(tx)
	set(&sw)
	return switchTable.Put(tx, &sw)
}

// SwitchCause is the switch behind a refusal.
type SwitchCause struct {
	Action string `json:"action"` // what turns it back
}

// CauseKind is refusal.Unreachable.
func (SwitchCause) CauseKind() refusal.CauseKind { return refusal.Unreachable }

// reachInternalServer refuses while the internal server is away. The kind is Unavailable, or Internal for the tenant API,
// whose codes know no 503 (assumption 187).
func reachInternalServer(tx *store.Tx, kind refusal.Kind) error {
	if !switchesOf(tx).InternalServerAway {
		return nil
	}
	return refusal.New(kind, "Unable to contact internal server").Because(SwitchCause{Action: `lucidity/internal-server {"available":true}`})
}

// underMaintenance refuses requests about GCP instances while the maintenance that the pages speak of is on (assumption
// 188).
func underMaintenance(tx *store.Tx, provider string) error {
	if provider != providerGCP || !switchesOf(tx).GCPMaintenance {
		return nil
	}
	return refusal.New(refusal.Unavailable, "API support for GCP instances is currently undergoing maintenance").
		Because(SwitchCause{Action: `lucidity/gcp-maintenance {"enabled":false}`})
}

// WouldWork is what explain says.
func (c SwitchCause) WouldWork() string { return "the same request after the action " + c.Action }
