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

// CutOff is the cause of a 503 of a cluster that cannot be reached.
type CutOff struct {
	Cluster string `json:"cluster"`
	Action  string `json:"action"` // that made the cluster unreachable
}

// CauseKind returns refusal.Unreachable.
func (CutOff) CauseKind() refusal.CauseKind { return refusal.Unreachable }

// WouldWork returns what explain suggests.
func (c CutOff) WouldWork() string {
	return fmt.Sprintf(`the same request after the action %s {"cluster":%q,"unreachable":false}`, c.Action, c.Cluster)
}

// AtRisk is the cause of a refusal to remove nodes that volumes need. The request can insist.
type AtRisk struct {
	Server  string `json:"server,omitempty"` // its UUID
	Node    string `json:"node,omitempty"`   // its UUID
	Volumes int64  `json:"volumes"`          // that could no longer be read or written
	Member  string `json:"member"`           // of the request with which it can insist
}

// CauseKind returns refusal.Condition.
func (AtRisk) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns what explain suggests.
func (a AtRisk) WouldWork() string {
	return fmt.Sprintf("the same request with %s, or once the %d volumes have other nodes that are up", a.Member,
		a.Volumes)
}

// Busy is the cause of a refusal by a server that has an operation of a user in progress.
type Busy struct {
	Server    string `json:"server"`    // its UUID
	Operation string `json:"operation"` // in progress
}

// CauseKind returns refusal.Condition.
func (Busy) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns what explain suggests.
func (b Busy) WouldWork() string {
	return "the same request once the operation is complete; GET /_sim/timers lists what is in progress"
}

// NameTaken is the cause of a refusal of a name that is in use in the project.
type NameTaken struct {
	Name    string             `json:"name"`
	Project string             `json:"project"`
	State   statemachine.State `json:"state"` // of the resource that has the name
}

// CauseKind returns refusal.Exists.
func (NameTaken) CauseKind() refusal.CauseKind { return refusal.Exists }

// WouldWork returns what explain suggests.
func (n NameTaken) WouldWork() string {
	return fmt.Sprintf("another name, or this one once the resource that has it in project %s is deleted", n.Project)
}

// Unplaceable is the cause of a refusal to place replicas.
type Unplaceable struct {
	Problem string `json:"problem"`
	// If there are too few nodes: the failure domains with a node that can take a replica, and why other nodes cannot.
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

// CauseKind returns refusal.Condition if the cluster has too few nodes, and refusal.Value if no node could ever match.
func (u Unplaceable) CauseKind() refusal.CauseKind {
	if u.Replicas > 0 {
		return refusal.Condition
	}
	return refusal.Value
}

// WouldWork returns what explain suggests.
func (u Unplaceable) WouldWork() string {
	if u.Replicas > 0 {
		return "fewer replicas, a smaller volume or other placementRestrictions, " +
			"or the same request once the refused nodes can take a replica"
	}
	return "other placementRestrictions, or none"
}

// Unprotected is the cause of a refusal to change a volume that is ReadOnly or NotAvailable.
type Unprotected struct {
	Volume string          `json:"volume"` // its UUID
	State  ProtectionState `json:"protectionState"`
	Nodes  []string        `json:"nodes"` // the UUIDs of the nodes with its replicas
}

// CauseKind returns refusal.Condition.
func (Unprotected) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns what explain suggests.
func (u Unprotected) WouldWork() string {
	return "the same request once the nodes are up and in sync; the action lightbits/recover-node recovers one"
}

// Crowded is the cause of a 429.
type Crowded struct {
	Max     int `json:"limit"`
	Running int `json:"running"`
}

// CauseKind returns refusal.Limit.
func (Crowded) CauseKind() refusal.CauseKind { return refusal.Limit }

// WouldWork returns what explain suggests.
func (c Crowded) WouldWork() string {
	return fmt.Sprintf("the same request once fewer than %d are in progress; GET /_sim/timers lists them", c.Max)
}

// Unset is the cause of a refusal because of a setting that must have another value.
type Unset struct {
	Setting string `json:"setting"`
	Of      string `json:"of,omitempty"` // the UUID of the resource with the setting; empty for the cluster
	Value   string `json:"value"`
	Needs   string `json:"needs"`
}

// CauseKind returns refusal.Condition.
func (Unset) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns what explain suggests.
func (u Unset) WouldWork() string {
	return fmt.Sprintf("the same request once %s is %s", u.Setting, u.Needs)
}

// InTheWay is the cause of a refusal of an operation that needs an empty cluster.
type InTheWay struct {
	Kinds []string `json:"kinds"` // of the resources in the cluster: GET /_sim/resources?kind=… lists them
}

// CauseKind returns refusal.Condition.
func (InTheWay) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns what explain suggests.
func (w InTheWay) WouldWork() string {
	return "the same request once GET /_sim/resources?kind=" + strings.Join(w.Kinds, ",") + " lists nothing"
}

// TooEarly is the cause of a refusal to repeat an operation so soon.
type TooEarly struct {
	Last time.Time `json:"last"`
	From time.Time `json:"from"` // when the request is accepted, by the world's clock
}

// CauseKind returns refusal.Condition.
func (TooEarly) CauseKind() refusal.CauseKind { return refusal.Condition }

// WouldWork returns what explain suggests.
func (t TooEarly) WouldWork() string {
	return "the same request from " + rfc3339(t.From) + " on the world's clock; POST /_sim/clock/advance moves it"
}
