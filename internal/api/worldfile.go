package api

import (
	"encoding/json"
	"strings"
)

// Reference declares that rows of one kind refer to rows of another kind in the same cluster. A world file in which the
// row referred to is missing is refused. From and To are kinds of state machines or names of tables.
type Reference struct {
	From   string
	Member string // the path of a string or of a list of strings, for example "body.nodeList"
	To     string // referred to by id, or by key if it is a table
}

// IDs returns the ids that doc, a row of From in a world file, refers to. An empty string refers to nothing. IDs
// returns nil if doc is not valid: decoding the row reports that.
func (r *Reference) IDs(doc []byte) []string {
	for name := range strings.SplitSeq(r.Member, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(doc, &members) != nil {
			return nil
		}
		doc = members[name]
	}
	var one string
	if json.Unmarshal(doc, &one) == nil {
		if one == "" {
			return nil
		}
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(doc, &many) // decoding the row reports a value of another type
	return many
}
