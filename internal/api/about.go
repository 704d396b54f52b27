package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// About describes the resources that a refused request was about, as they were when it was refused. The server collects
// it in addition to the cause that the handler gave. It is not part of the response; the journal keeps it and explain
// shows it.
type About struct {
	Kind  string   `json:"kind"`            // the refusal's kind, as gRPC names it
	Rule  string   `json:"rule"`            // the refusal's message
	Names []string `json:"names,omitempty"` // the names and ids in the request
	// Thing is the resource that one of Names identifies, nil if there is none.
	Thing *Standing `json:"thing,omitempty"`
	// Kinds lists the kinds of resources that the path is about. There lists the names of some that exist, sorted.
	Kinds []string `json:"kinds,omitempty"`
	There []string `json:"there,omitempty"`
	// Member is the member of the request that the refusal is about. Members lists all members that the operation accepts.
	Member  string   `json:"member,omitempty"`
	Members []string `json:"members,omitempty"`
	// Byte is the position of the syntax error in the body, counted from 1. Member is then body.
	Byte  int64  `json:"byte,omitempty"`
	Token string `json:"token,omitempty"` // a description of the token in the request, without any part of it
}

// Standing is the state of a resource when a request was refused.
type Standing struct {
	Kind  string               `json:"kind"`
	ID    string               `json:"id"`
	Name  string               `json:"name,omitempty"`
	State statemachine.State   `json:"state"`
	Since string               `json:"since"`
	By    string               `json:"by,omitempty"`
	Takes []statemachine.Event `json:"takes"`
	Next  *statemachine.Event  `json:"next,omitempty"` // the event of the next pending timer
	Due   *time.Time           `json:"due,omitempty"`
}

// maxThere is the largest number of names in About.There.
const maxThere = 5

// describe returns what a refused request was about. It returns nil if the cause of the refusal already contains that,
// as the cause of a guard or an ETag does.
func (s *Server) describe(r *Request, e *refusal.Error) *About {
	switch e.CauseKind() {
	case refusal.Guard, refusal.ETag, refusal.World, refusal.Cluster:
		return nil
	default:
	}
	about := &About{Kind: e.Kind.String(), Rule: e.Message}
	switch e.Kind {
	case refusal.Unauthenticated, refusal.PermissionDenied:
		about.Token = describeToken(r.HTTP.Header.Get("Authorization"))
		return about
	case refusal.InvalidArgument, refusal.OutOfRange:
		if about.Byte = brokenAt(r.body, e.Message); about.Byte > 0 {
			about.Member = "body"
			return about
		}
		about.findMember(r, e.Message)
	case refusal.ResourceExhausted:
		return about // it is about no resource by name
	default:
	}
	err := s.engine.View(r.World, r.ID, func(tx *store.Tx) error {
		if r.Cluster != "" {
			tx = tx.In(r.Cluster)
		}
		s.findResource(tx, r, about)
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNoWorld) {
		s.log.Error().Err(err).Str("request_id", r.ID).Msg("looking up the subject of a refusal failed")
	}
	return about
}

// findResource sets the resource that the request names or, if there is none, the names of those that exist.
func (s *Server) findResource(tx *store.Tx, r *Request, about *About) {
	about.Names, about.Thing, about.There = s.subject(tx, r).Names, nil, nil
	if len(about.Names) == 0 {
		about.Names = r.mentioned(about.Rule)
	}
	if about.Member == "" {
		about.Member = r.emptyParam()
	}
	if resource, ok := s.named(tx, r, about.Names); ok {
		about.Thing = standingOf(&resource)
		return
	}
	if about.Kinds = s.kinds(r); len(about.Kinds) > maxThere {
		about.Kinds = nil // all kinds of the vendor: the path is about none of them
	}
	for _, kind := range about.Kinds {
		_ = s.engine.Resources(tx, kind, []string{tx.Partition()}, func(resource statemachine.Resource) bool {
			if resource.Name == "" {
				resource.Name = resource.ID
			}
			about.There = append(about.There, resource.Name)
			return len(about.There) < maxThere
		}) // it fails only for a kind that the engine does not have
	}
	slices.Sort(about.There)
}

func standingOf(resource *statemachine.Resource) *Standing {
	st := &Standing{
		Kind: resource.Kind, ID: resource.ID, Name: resource.Name, State: resource.State, Since: resource.Since,
		By: resource.By, Takes: resource.Events,
	}
	if len(resource.Timers) > 0 {
		next := resource.Timers[0]
		if st.Next = &next.Event; !next.Due.IsZero() {
			st.Due = &next.Due
		}
	}
	return st
}

// mentioned returns the values in the request that also occur in message, longest first: of parameters of the path and
// the query, and the strings, numbers and member names of the body.
func (r *Request) mentioned(message string) []string {
	var names []string
	add := func(value string) {
		if value != "" && strings.Contains(message, value) && !slices.Contains(names, value) {
			names = append(names, value)
		}
	}
	r.EachParam(func(_, value string) { add(value) })
	for _, values := range r.Query() {
		for _, value := range values {
			add(value)
		}
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	for token, err := dec.Token(); err == nil; token, err = dec.Token() { // up to the first syntax error
		switch value := token.(type) {
		case string:
			add(value)
		case json.Number:
			add(value.String())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return names
}

// findMember sets Members to the members that the operation accepts, and Member to the longest one that occurs in
// message.
func (a *About) findMember(r *Request, message string) {
	if !r.Operation.handled() {
		return
	}
	t := strict.Pointed(reflect.TypeOf(r.Operation.Endpoint.newRequest()))
	if t.Kind() != reflect.Struct {
		return
	}
	for _, m := range strict.Members(t) {
		a.Members = append(a.Members, m.Name)
	}
	message = strings.ToLower(message)
	for _, text := range []string{message, strings.ReplaceAll(message, " ", "")} { // "replica count" means replicaCount
		for _, name := range a.Members {
			if len(name) > len(a.Member) && strings.Contains(text, strings.ToLower(name)) {
				a.Member = name
			}
		}
		if a.Member != "" {
			break
		}
	}
	if a.Members == nil && len(r.body) > 0 {
		a.Member = "body" // the operation accepts no members
	}
}

// emptyParam returns the name of the path's last parameter if the request leaves it empty, otherwise "".
func (r *Request) emptyParam() string {
	if !r.Operation.EmptyLast || !strings.HasSuffix(r.HTTP.URL.Path, "/") {
		return ""
	}
	return strings.Trim(r.Operation.Path[lastSlash(r.Operation.Path)+1:], "{}")
}

// brokenAt returns the position, counted from 1, of the syntax error in a JSON body: that of its last byte if the body
// ends too early. It returns 0 if the body is valid, or if the refusal is not about JSON.
func brokenAt(body []byte, message string) int64 {
	var whole json.RawMessage
	var invalid *json.SyntaxError
	if !strings.Contains(message, "JSON") || len(body) == 0 || !errors.As(json.Unmarshal(body, &whole), &invalid) {
		return 0
	}
	return min(max(invalid.Offset, 1), int64(len(body)))
}

// describeToken describes the header Authorization without repeating any part of the token.
func describeToken(authorization string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(authorization), " ")
	switch {
	case authorization == "":
		return "the header Authorization is missing"
	case !ok:
		rest, scheme = scheme, "no scheme"
	}
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return "Basic: a user name and a password"
	case strings.HasPrefix(rest, OpaquePrefix):
		return scheme + ": a token of the simulator for the world " + tokenWorld(authorization)
	case strings.Count(rest, ".") == 2:
		return scheme + ": a JWT"
	}
	return scheme + ": an opaque token"
}
