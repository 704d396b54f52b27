package api

import (
	"encoding/json"
	"slices"
	"strings"

	"storagesim/internal/fault"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// subject is what the request is about. Compared with a rule's resource are the values of the path's parameters, and of
// the members UUID, uuid, id and name of the query and of the body; and the id and name of the thing that the last of
// them names. Its project is the parameter or member projectName (assumption 104).
func (s *Server) subject(tx *store.Tx, r *Request) *fault.Subject {
	subject := &fault.Subject{}
	body := map[string]json.RawMessage{}
	if len(r.body) > 0 {
		_ = json.Unmarshal(r.body, &body) // what is no object names nothing
	}
	query := r.Query()
	member := func(name string) string {
		if text := query.Get(name); text != "" {
			return text
		}
		var text string
		_ = json.Unmarshal(body[name], &text) // only texts are names
		return text
	}
	subject.Project = member("projectName")
	r.EachParam(func(name, value string) {
		if strings.HasPrefix(name, "project") {
			subject.Project = value
			return
		}
		subject.Names = append([]string{value}, subject.Names...)
	})
	for _, name := range []string{"UUID", "uuid", "id", "name"} {
		if text := member(name); text != "" && !slices.Contains(subject.Names, text) {
			subject.Names = append(subject.Names, text)
		}
	}
	subject.Thing = func() *fault.Thing {
		thing, ok := s.named(tx, r, subject.Names)
		if !ok {
			return nil
		}
		return &fault.Thing{ID: thing.ID, Name: thing.Name, State: string(thing.State)}
	}
	return subject
}

// named finds the thing that the request names: of the kind that its path speaks of, else of any of the vendor.
func (s *Server) named(tx *store.Tx, r *Request, names []string) (statemachine.Resource, bool) {
	for _, kind := range s.kinds(r) {
		for _, name := range names {
			thing, err := s.engine.Find(tx, kind, []string{tx.Partition()}, name)
			if err == nil {
				return thing, true
			}
		}
	}
	return statemachine.Resource{}, false
}

// kinds lists the kinds that a request may be about: lightbits.volume for a path with /volumes/.
func (s *Server) kinds(r *Request) []string {
	var all, spoken []string
	for _, kind := range s.engine.Kinds() {
		noun, ok := strings.CutPrefix(kind, r.Operation.Vendor+".")
		if !ok {
			continue
		}
		all = append(all, kind)
		for segment := range strings.SplitSeq(r.Operation.Path, "/") {
			segment = strings.ToLower(strings.ReplaceAll(segment, "-", ""))
			if noun = strings.ToLower(noun); segment == noun+"s" || segment == strings.TrimSuffix(noun, "y")+"ies" {
				spoken = append(spoken, kind)
			}
		}
	}
	if spoken != nil {
		return spoken
	}
	return all
}
