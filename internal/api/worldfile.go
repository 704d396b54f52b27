package api

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Reference declares that rows of one kind refer to rows of another kind in the same cluster, or in the world if they
// are there. A world file in which the row referred to is missing is refused. From and To are kinds of state machines
// or names of tables. A member that may name a row that was deleted, such as the source of a snapshot, is no Reference.
type Reference struct {
	From string
	// Member is the path of a string in a row, for example "body.nodeList". It means each element of a list on the way.
	Member string
	To     string // referred to by id or by key
	Or     string // another kind that the row referred to may be of; may be empty
}

// Referred is a value of a reference.
type Referred struct {
	Path string // in the row, such as body.nodeList[1]
	ID   string
}

// IDs returns what doc, a row of From in a world file, refers to. An empty string refers to nothing. IDs returns nil if
// doc is not valid: decoding the row reports that.
func (r *Reference) IDs(doc []byte) []Referred {
	return referred(doc, "", strings.Split(r.Member, "."), nil)
}

// referred appends the strings below doc, which is at the path.
func referred(doc []byte, path string, members []string, list []Referred) []Referred {
	if len(doc) == 0 {
		return list
	}
	switch doc[0] {
	case '[':
		var elements []json.RawMessage
		_ = json.Unmarshal(doc, &elements) // decoding the row reports invalid values
		for i, element := range elements {
			list = referred(element, fmt.Sprintf("%s[%d]", path, i), members, list)
		}
	case '{':
		var object map[string]json.RawMessage
		if len(members) == 0 || json.Unmarshal(doc, &object) != nil {
			return list
		}
		if path != "" {
			path += "."
		}
		list = referred(object[members[0]], path+members[0], members[1:], list)
	case '"':
		var id string
		if len(members) == 0 && json.Unmarshal(doc, &id) == nil && id != "" {
			list = append(list, Referred{Path: path, ID: id})
		}
	}
	return list
}
