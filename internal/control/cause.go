package control

import (
	"encoding/json"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
)

// theFixture is who put a thing there that nobody has touched since its world began.
const theFixture = "fixture"

// causeOf is the cause of a refusal as data: its kind; the members of the cause that the handler gave, or else what the
// server found out by itself; and who did it, where the kind tells that and nobody has.
func causeOf(x *api.Exchange) map[string]any {
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
	if f := x.Finding; f != nil {
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
