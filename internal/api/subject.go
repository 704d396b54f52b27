package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"storagesim/internal/fault"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// subject returns what the request is about, for comparison with the resource and the project of a fault rule. Its
// names are the values of the path parameters, the last one first, and of the members UUID, uuid, id and name of the
// query and the body. Its resource is the one that one of the names identifies. Its project is the path parameter
// whose name begins with project, otherwise the member projectName (assumption 104).
func (s *Server) subject(tx *store.Tx, r *Request) *fault.Subject {
	subject := namesIn(r.EachParam, r.Query(), r.body)
	member := memberOf(r.Query(), r.body)
	subject.Client = clientOf(r)
	subject.Resource = func() *fault.Resource { return s.resourceOf(tx, s.kinds(r), subject.Names) }
	subject.Source = func() *fault.Resource {
		for _, source := range sourcesOf(r.Operation, s.engine.Kinds()) {
			if found := s.resourceOf(tx, []string{source.kind}, []string{member(source.member)}); found != nil {
				return found
			}
		}
		return nil
	}
	return subject
}

// namesIn returns a subject with the names and the project of a request with these path parameters, query and body.
func namesIn(eachParam func(fn func(name, value string)), query url.Values, body []byte) *fault.Subject {
	subject := &fault.Subject{}
	member := memberOf(query, body)
	subject.Project = member("projectName")
	eachParam(func(name, value string) {
		if strings.HasPrefix(name, "project") {
			subject.Project = value
			return
		}
		subject.Names = append([]string{value}, subject.Names...)
	})
	for _, name := range nameMembers {
		if text := member(name); text != "" && !slices.Contains(subject.Names, text) {
			subject.Names = append(subject.Names, text)
		}
	}
	return subject
}

// memberOf returns a function that returns a text in the query or, without it, in the body.
func memberOf(query url.Values, body []byte) func(name string) string {
	members := map[string]json.RawMessage{}
	if len(body) > 0 {
		_ = json.Unmarshal(body, &members) // a body that is not an object has no names
	}
	return func(name string) string {
		if text := query.Get(name); text != "" {
			return text
		}
		var text string
		_ = json.Unmarshal(members[name], &text) // only strings are names
		return text
	}
}

// nameMembers are the members of the query and the body that name the resource of a request.
var nameMembers = [...]string{"UUID", "uuid", "id", "name"}

// clientOf returns what tells a client from others: a checksum of the header Authorization, otherwise the address.
func clientOf(r *Request) string {
	if token := first(r.HTTP.Header, "Authorization"); token != "" {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:8])
	}
	host, _, _ := net.SplitHostPort(r.HTTP.RemoteAddr)
	return host
}

// source is a member of a request that names the resource that another one is made from, such as sourceVolumeName.
type source struct{ member, kind string }

func sourcesOf(op *Operation, kinds []string) []source {
	var list []source
	for _, m := range membersOf(op) {
		noun, is := strings.CutPrefix(m, "source")
		noun = strings.TrimSuffix(strings.TrimSuffix(noun, "UUID"), "Name")
		if kind := op.Vendor + "." + strings.ToLower(noun); is && slices.Contains(kinds, kind) {
			list = append(list, source{m, kind})
		}
	}
	return list
}

// membersOf returns the members of an operation's request, sorted. It returns none if the request has no fixed members.
func membersOf(op *Operation) []string {
	t := op.RequestType()
	if t == nil {
		return nil
	}
	members, _ := strict.MembersOf(t)
	return slices.Sorted(maps.Keys(members))
}

// namesOf reports whether the requests of an operation can name a resource and a project.
func namesOf(op *Operation) (resource, project bool) {
	members := membersOf(op)
	for _, segment := range strings.Split(op.Path, "{")[1:] {
		inProject := strings.HasPrefix(segment, "project")
		project, resource = project || inProject, resource || !inProject
	}
	for _, m := range members {
		resource = resource || slices.Contains(nameMembers[:], m) || strings.HasPrefix(m, "source")
		project = project || m == "projectName"
	}
	free := members == nil && op.Method != http.MethodGet // a body without fixed members may have any
	return resource || free, project || free
}

// subjectKinds returns the kinds of the resources that requests of the operation can name.
func subjectKinds(op *Operation, kinds []string) []string {
	list := kindsOf(op, kinds)
	for _, source := range sourcesOf(op, kinds) {
		list = append(list, source.kind)
	}
	return list
}

func (s *Server) resourceOf(tx *store.Tx, kinds, names []string) *fault.Resource {
	thing, ok := s.find(tx, kinds, names)
	if !ok {
		return nil
	}
	return &fault.Resource{ID: thing.ID, Name: thing.Name, State: string(thing.State)}
}

// named returns the resource that one of names identifies, of the kinds that the request is about.
func (s *Server) named(tx *store.Tx, r *Request, names []string) (statemachine.Resource, bool) {
	return s.find(tx, s.kinds(r), names)
}

func (s *Server) find(tx *store.Tx, kinds, names []string) (statemachine.Resource, bool) {
	for _, kind := range kinds {
		for _, name := range names {
			if name == "" {
				continue
			}
			resource, err := s.engine.Find(tx, kind, []string{tx.Partition()}, name)
			if err == nil {
				return resource, true
			}
		}
	}
	return statemachine.Resource{}, false
}

func (s *Server) kinds(r *Request) []string { return kindsOf(r.Operation, s.engine.Kinds()) }

// kindsOf returns the kinds that the path is about, for example lightbits.volume for a path with /volumes/, or all
// kinds of the vendor if the path is about none.
func kindsOf(op *Operation, kinds []string) []string {
	var all, inPath []string
	for _, kind := range kinds {
		noun, ok := strings.CutPrefix(kind, op.Vendor+".")
		if !ok {
			continue
		}
		all = append(all, kind)
		for segment := range strings.SplitSeq(op.Path, "/") {
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
