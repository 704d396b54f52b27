package lightbits

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
)

// CutOff is the cause of a 503 of a cluster that nobody reaches.
type CutOff struct {
	Cluster string `json:"cluster"`
	Action  string `json:"action"` // what cut it off
}

// CauseKind is refusal.Unreachable.
func (CutOff) CauseKind() refusal.CauseKind { return refusal.Unreachable }

// WouldWork is what explain says.
func (c CutOff) WouldWork() string {
	return fmt.Sprintf(`the same request after the action %s {"cluster":%q,"unreachable":false}`, c.Action, c.Cluster)
}

// AtRisk is the cause of a refusal to take away what volumes still need; the request can insist.
type AtRisk struct {
	Server  string `json:"server,omitempty"` // its UUID
	Node    string `json:"node,omitempty"`   // its UUID
	Volumes int64  `json:"volumes"`          // that would no longer take reads or writes
	Member  string `json:"member"`           // of the request, which insists
}

// CauseKind is refusal.Condition.
func (AtRisk) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (a AtRisk) WouldWork() string {
	return fmt.Sprintf("the same request with %s, or once the %d volumes have other nodes that are up", a.Member, a.Volumes)
}

// Busy is the cause of a refusal by a server on which an operation of a user is under way.
type Busy struct {
	Server    string `json:"server"`    // its UUID
	Operation string `json:"operation"` // in words
}

// CauseKind is refusal.Condition.
func (Busy) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (b Busy) WouldWork() string {
	return "the same request once that is over; GET /_sim/timers lists what is under way"
}

// NameTaken is the cause of a refusal of a name that a live thing of the project has.
type NameTaken struct {
	Name    string             `json:"name"`
	Project string             `json:"project"`
	State   statemachine.State `json:"state"` // of the thing that has it
}

// CauseKind is refusal.Exists.
func (NameTaken) CauseKind() refusal.CauseKind { return refusal.Exists }

// WouldWork is what explain says.
func (n NameTaken) WouldWork() string {
	return fmt.Sprintf("another name, or this one once what has it in the project %s is deleted", n.Project)
}

// Unplaceable is the cause of a refusal to place replicas.
type Unplaceable struct {
	Problem string `json:"problem"`
	// Of nodes that are missing: the failure domains that have one that could take a replica, and why the others cannot.
	Replicas int      `json:"replicas,omitempty"`
	Size     uint64   `json:"size,omitempty"` // bytes of the volume
	Usable   []string `json:"usable,omitempty"`
	Refused  []string `json:"refused,omitempty"`
}

func unplaceable(err error) Unplaceable {
	u := Unplaceable{Problem: err.Error()}
	if few := (*physics.TooFewError)(nil); errors.As(err, &few) {
		u.Replicas, u.Size, u.Usable, u.Refused = few.Replicas, few.Size, few.Usable, few.Refused
	}
	return u
}

// CauseKind is refusal.Condition where the cluster lacks nodes, refusal.Value where none could ever do.
func (u Unplaceable) CauseKind() refusal.CauseKind {
	if u.Replicas > 0 {
		return refusal.Condition
	}
	return refusal.Value
}

// WouldWork is what explain says.
func (u Unplaceable) WouldWork() string {
	if u.Replicas > 0 {
		return "fewer replicas, a smaller volume or other placementRestrictions, or the same once the nodes that were refused can take a replica"
	}
	return "other placementRestrictions, or none"
}

// Unprotected is the cause of a refusal to change a volume whose data is not safe.
type Unprotected struct {
	Volume string          `json:"volume"` // its UUID
	State  ProtectionState `json:"protectionState"`
	Nodes  []string        `json:"nodes"` // the UUIDs of those that hold its replicas
}

// CauseKind is refusal.Condition.
func (Unprotected) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (u Unprotected) WouldWork() string {
	return "the same request once the nodes are up and in sync again; the action lightbits/recover-node brings one back"
}

// Crowded is the cause of a 429.
type Crowded struct {
	Max     int `json:"limit"`
	Running int `json:"running"`
}

// CauseKind is refusal.Limit.
func (Crowded) CauseKind() refusal.CauseKind { return refusal.Limit }

// WouldWork is what explain says.
func (c Crowded) WouldWork() string {
	return fmt.Sprintf("the same request once fewer than %d are under way; GET /_sim/timers lists them", c.Max)
}

// Unset is the cause of a refusal by a setting that has to be another one first.
type Unset struct {
	Setting string `json:"setting"`
	Of      string `json:"of,omitempty"` // the UUID of what has it; the cluster where it is empty
	Value   string `json:"value"`
	Needs   string `json:"needs"`
}

// CauseKind is refusal.Condition.
func (Unset) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (u Unset) WouldWork() string {
	return fmt.Sprintf("the same request once %s is %s", u.Setting, u.Needs)
}

// InTheWay is the cause of a refusal to do what wants an empty cluster.
type InTheWay struct {
	Kinds []string `json:"kinds"` // of what is there: GET /_sim/resources?kind=… lists it
}

// CauseKind is refusal.Condition.
func (InTheWay) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (w InTheWay) WouldWork() string {
	return "the same request once nothing is left of GET /_sim/resources?kind=" + strings.Join(w.Kinds, ",")
}

// TooEarly is the cause of a refusal to do again what was done a short while ago.
type TooEarly struct {
	Last time.Time `json:"last"`
	From time.Time `json:"from"` // of the world's clock, from when it is taken
}

// CauseKind is refusal.Condition.
func (TooEarly) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork is what explain says.
func (t TooEarly) WouldWork() string {
	return "the same request from " + rfc3339(t.From) + " of the world's clock on; POST /_sim/clock/advance moves it there"
}
