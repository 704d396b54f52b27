package lightbits

import (
	"strings"

	"storagesim/internal/refusal"
)

// Label is a key and a value. Of a key, only what follows its last '-' or '.' is kept.
type Label struct {
	Key   string `json:"key" required:"label is invalid: key and value must have 1 to 253 letters, digits, '-', '_' and '.'"`
	Value string `json:"value" required:"label is invalid: key and value must have 1 to 253 letters, digits, '-', '_' and '.'"`
}

const (
	maxLabels = 16
	maxLabel  = 253 // characters of a key and of a value (facts/lightbits.md 4.1 "labels")
)

// parseLabels checks labels and removes the prefix of each key, up to its last '-' or '.', as the vendor's own plug-in
// observed (facts/lightbits.md 4.1 "labels").
func parseLabels(in []*Label) ([]*Label, error) {
	if len(in) > maxLabels {
		return nil, refusal.New(refusal.InvalidArgument, "%d labels are given, at most %d are allowed", len(in),
			maxLabels)
	}
	out := make([]*Label, 0, len(in))
	seen := make(map[string]bool, len(in))
	for _, l := range in {
		if l == nil || !plainWord(l.Key, maxLabel) || !plainWord(l.Value, maxLabel) {
			return nil, refusal.New(refusal.InvalidArgument,
				"label is invalid: key and value must have 1 to %d letters, digits, '-', '_' and '.'", maxLabel)
		}
		key := l.Key[strings.LastIndexAny(l.Key, "-.")+1:]
		if key == "" || seen[key] {
			return nil, refusal.New(refusal.InvalidArgument,
				"label key %q is empty or used twice once its prefix is removed", l.Key)
		}
		seen[key] = true
		out = append(out, &Label{Key: key, Value: l.Value})
	}
	return out, nil
}
