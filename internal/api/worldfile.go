package api

import (
	"encoding/json"
	"strings"
)

// Reference says that rows of one kind name rows of another in the same cluster, so that a world's file in which one of
// them is missing is refused. Kinds are those of machines, else names of tables.
type Reference struct {
	From   string
	Member string // "body.nodeList": the path of a string, or of a list of strings; "" names nothing
	To     string // by id, for a table by key
}

// IDs answers what a row of From, as a world's file has it, names. A document that is wrong names nothing.
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
	_ = json.Unmarshal(doc, &many) // what is no list of strings is refused where it is decoded
	return many
}
