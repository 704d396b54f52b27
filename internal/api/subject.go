package api

import (
	"encoding/json"
	"slices"
	"strings"

	"storagesim/internal/fault"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// subject returns what the request is about, for comparison with the resource and the project of a fault rule. Its
// names are the values of the path parameters, the last one first, and of the members UUID, uuid, id and name of the
// query and the body. Its resource is the one that one of the names identifies. Its project is the path parameter
// whose name begins with project, otherwise the member projectName (assumption 104).
func (s *Server) subject(tx *store.Tx, r *Request) *fault.Subject {
	subject := &fault.Subject{}
	body := map[string]json.RawMessage{}
	if len(r.body) > 0 {
		_ = json.Unmarshal(r.body, &body) // a body that is not an object has no names
	}
	query := r.Query()
	member := func(name string) string {
		if text := query.Get(name); text != "" {
			return text
		}
		var text string
		_ = json.Unmarshal(body[name], &text) // only strings are names
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
	subject.Resource = func() *fault.Resource {
		resource, ok := s.named(tx, r, subject.Names)
		if !ok {
			return nil
		}
		return &fault.Resource{ID: resource.ID, Name: resource.Name, State: string(resource.State)}
	}
	return subject
}

// named returns the resource that one of names identifies, of the kinds that the request is about.
func (s *Server) named(tx *store.Tx, r *Request, names []string) (statemachine.Resource, bool) {
	for _, kind := range s.kinds(r) {
		for _, name := range names {
			resource, err := s.engine.Find(tx, kind, []string{tx.Partition()}, name)
			if err == nil {
				return resource, true
			}
		}
	}
	return statemachine.Resource{}, false
}

// kinds returns the kinds that the path is about, for example lightbits.volume for a path with /volumes/, or all kinds
// of the vendor if the path is about none.
func (s *Server) kinds(r *Request) []string {
	var all, inPath []string
	for _, kind := range s.engine.Kinds() {
		noun, ok := strings.CutPrefix(kind, r.Operation.Vendor+".")
		if !ok {
			continue
		}
		all = append(all, kind)
		for segment := range strings.SplitSeq(r.Operation.Path, "/") {
			segment = strings.ToLower(strings.ReplaceAll(segment, "-", ""))
			if noun = strings.ToLower(noun); segment == noun+"s" || segment == strings.TrimSuffix(noun, "y")+"ies" {
				inPath = append(inPath, kind)
			}
		}
	}
	if inPath != nil {
		return inPath
	}
	return all
}
