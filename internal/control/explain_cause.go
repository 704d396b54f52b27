package control

import (
	"encoding/json"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
)

// theFixture is the author of every row that has not changed since the start of its world.
const theFixture = "fixture"

// refusalCause is the cause of a refusal as data. The kind determines the members: those of causeMembers, and others
// that a vendor adds.
type refusalCause map[string]any

// causeMembers are the members that causes share. Kind is always set.
type causeMembers struct {
	Kind      refusal.CauseKind    `json:"kind"`
	Machine   string               `json:"machine,omitempty"`
	ID        string               `json:"id,omitempty"`
	Operation string               `json:"operation,omitempty"`
	State     statemachine.State   `json:"state,omitempty"`
	Since     time.Time            `json:"since,omitzero"`
	By        string               `json:"by,omitempty"`
	Takes     []statemachine.Event `json:"takes,omitempty"`
	Expected  string               `json:"expected,omitempty"`
	Current   string               `json:"current,omitempty"`
	ChangedBy string               `json:"changedBy,omitempty"`
	// BegunBy is the client's request that led to the change of a timer: the last one before it for the resource.
	BegunBy string `json:"begunBy,omitempty"`
	// Byte is the position of a syntax error in the body, counted from 1.
	Byte    int64         `json:"byte,omitempty"`
	Rule    string        `json:"rule,omitempty"`
	Member  string        `json:"member,omitempty"`
	Members []string      `json:"members,omitempty"`
	Names   []string      `json:"names,omitempty"`
	There   []string      `json:"there,omitempty"`
	Kinds   []string      `json:"kinds,omitempty"`
	Thing   *api.Standing `json:"thing,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Valid   []string      `json:"valid,omitempty"`
	Rules   []string      `json:"rules,omitempty"`
	Effects []string      `json:"effects,omitempty"`
	Method  string        `json:"method,omitempty"`
	Path    string        `json:"path,omitempty"`
	Vendor  string        `json:"vendor,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	World   string        `json:"world,omitempty"`
	Cluster string        `json:"cluster,omitempty"`
}

// Members returns the struct that the OpenAPI document describes.
func (refusalCause) Members() any { return causeMembers{} }

// causeOf returns the cause of a refusal: its kind, and the members of the cause that the handler gave or, without one,
// of the cause that the server found. If the kind has an author and none is recorded, the author is theFixture.
func causeOf(x *api.Exchange) refusalCause {
	cause := map[string]any{}
	switch {
	case x.Cause != nil:
		cause = object(x.Cause)
	case x.CauseKind == refusal.Rule:
		cause = ruleCause(x)
	case x.CauseKind == refusal.Route:
		at, _, _ := strings.Cut(x.URL, "?")
		cause = map[string]any{"method": x.Method, "path": at, "vendor": x.Vendor}
		if x.Hint != "" {
			cause["hint"] = x.Hint
		}
	}
	if f := x.About; f != nil {
		for name, value := range object(f) {
			if _, given := cause[name]; !given && name != "kind" {
				cause[name] = value
			}
		}
	}
	cause["kind"] = x.CauseKind
	switch x.CauseKind {
	case refusal.Guard:
		attribute(cause, "by")
	case refusal.ETag:
		attribute(cause, "changedBy")
	default:
	}
	if thing, ok := cause["thing"].(map[string]any); ok {
		attribute(thing, "by")
	}
	return cause
}

// ruleCause returns the rules that fired and the effect of each.
func ruleCause(x *api.Exchange) map[string]any {
	var effects []string
	for _, v := range x.Faults {
		if v.Fired {
			effects = append(effects, v.Why)
		}
	}
	return map[string]any{"rules": strings.Split(x.Fault, ","), "effects": effects}
}

// attribute sets an empty author to theFixture.
func attribute(cause map[string]any, member string) {
	if who, _ := cause[member].(string); who == "" {
		cause[member] = theFixture
	}
}

// object returns the JSON members of a cause.
func object(v any) map[string]any {
	members := map[string]any{}
	if text, err := json.Marshal(v); err == nil {
		_ = json.Unmarshal(text, &members) // every cause is an object
	}
	return members
}
