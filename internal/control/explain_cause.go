package control

import (
	"encoding/json"
	"strings"
	"time"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
)

// theFixture is who put a thing there that nobody has touched since its world began.
const theFixture = "fixture"

// refusalCause is a cause as data. Its members follow from its kind; those that the surface knows have the types of
// causeMembers, vendors have further ones.
type refusalCause map[string]any

// causeMembers are members that causes have in common. Kind is always there.
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
	Rule      string               `json:"rule,omitempty"`
	Member    string               `json:"member,omitempty"`
	Members   []string             `json:"members,omitempty"`
	Names     []string             `json:"names,omitempty"`
	There     []string             `json:"there,omitempty"`
	Kinds     []string             `json:"kinds,omitempty"`
	Thing     *api.Standing        `json:"thing,omitempty"`
	Detail    string               `json:"detail,omitempty"`
	Valid     []string             `json:"valid,omitempty"`
	Rules     []string             `json:"rules,omitempty"`
	Effects   []string             `json:"effects,omitempty"`
	Method    string               `json:"method,omitempty"`
	Path      string               `json:"path,omitempty"`
	Vendor    string               `json:"vendor,omitempty"`
	Hint      string               `json:"hint,omitempty"`
	World     string               `json:"world,omitempty"`
	Cluster   string               `json:"cluster,omitempty"`
}

// Members is what the OpenAPI document says of it.
func (refusalCause) Members() any { return causeMembers{} }

// causeOf is the cause of a refusal as data: its kind; the members of the cause that the handler gave, or else what the
// server found out by itself; and who did it, where the kind tells that and nobody has.
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
			if _, said := cause[name]; !said && name != "kind" {
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

// ruleCause tells what was done on purpose: by which rules, and what each did.
func ruleCause(x *api.Exchange) map[string]any {
	var effects []string
	for _, v := range x.Faults {
		if v.Fired {
			effects = append(effects, v.Why)
		}
	}
	return map[string]any{"rules": strings.Split(x.Fault, ","), "effects": effects}
}

// attribute says who did it, where nobody has since the world began.
func attribute(cause map[string]any, member string) {
	if who, _ := cause[member].(string); who == "" {
		cause[member] = theFixture
	}
}

// object is a cause's JSON as members.
func object(v any) map[string]any {
	members := map[string]any{}
	if text, err := json.Marshal(v); err == nil {
		_ = json.Unmarshal(text, &members) // causes are objects; one that were none would have no members
	}
	return members
}
