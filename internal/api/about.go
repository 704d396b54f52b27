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

// About is what the server finds out by itself about a refusal, beside the cause that the handler gave: what the
// request was about, as it stood when it was refused. It reaches no vendor's wire; explain shows it.
type About struct {
	Kind  string   `json:"kind"`            // gRPC's name of the refusal
	Rule  string   `json:"rule"`            // what was not kept, in the refusal's words
	Names []string `json:"names,omitempty"` // by which the request names things
	// Thing is the one of them that is there, with its state, since when, and who put it there.
	Thing *Standing `json:"thing,omitempty"`
	// Kinds are those that the path speaks of, and There some that are there, the first by name.
	Kinds []string `json:"kinds,omitempty"`
	There []string `json:"there,omitempty"`
	// Member is the one that the refusal speaks of; Members are all that the operation knows.
	Member  string   `json:"member,omitempty"`
	Members []string `json:"members,omitempty"`
	Token   string   `json:"token,omitempty"` // how the caller showed who it is
}

// Standing is a thing as a refusal found it.
type Standing struct {
	Kind  string               `json:"kind"`
	ID    string               `json:"id"`
	Name  string               `json:"name,omitempty"`
	State statemachine.State   `json:"state"`
	Since string               `json:"since"`
	By    string               `json:"by,omitempty"`
	Takes []statemachine.Event `json:"takes"`
	Next  *statemachine.Event  `json:"next,omitempty"` // the transition that is pending
	Due   *time.Time           `json:"due,omitempty"`
}

// maxThere is how many things a finding names.
const maxThere = 5

// find looks at what a request that was refused was about. nil where the cause says it all: a guard with its state, an
// ETag.
func (s *Server) find(r *Request, e *refusal.Error) *About {
	switch e.CauseKind() {
	case refusal.Guard, refusal.ETag, refusal.World, refusal.Cluster:
		return nil
	default:
	}
	f := &About{Kind: e.Kind.String(), Rule: e.Message}
	switch e.Kind {
	case refusal.Unauthenticated, refusal.PermissionDenied:
		f.Token = shownToken(r.HTTP.Header.Get("Authorization"))
		return f
	case refusal.InvalidArgument, refusal.OutOfRange:
		f.member(r, e.Message)
	default:
	}
	err := s.engine.View(r.World, r.ID, func(tx *store.Tx) error {
		if r.Cluster != "" {
			tx = tx.In(r.Cluster)
		}
		s.standing(tx, r, f)
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNoWorld) {
		s.log.Error().Err(err).Str("request_id", r.ID).Msg("what a refusal was about could not be looked at")
	}
	return f
}

// standing fills in the thing, or those that are there in its place.
func (s *Server) standing(tx *store.Tx, r *Request, f *About) {
	f.Names, f.Thing, f.There = s.subject(tx, r).Names, nil, nil
	if len(f.Names) == 0 {
		f.Names = r.spoken(f.Rule)
	}
	if f.Member == "" {
		f.Member = r.nameless()
	}
	if thing, ok := s.named(tx, r, f.Names); ok {
		f.Thing = standingOf(&thing)
		return
	}
	if f.Kinds = s.kinds(r); len(f.Kinds) > maxThere {
		f.Kinds = nil // the path speaks of none
	}
	for _, kind := range f.Kinds {
		_ = s.engine.Resources(tx, kind, []string{tx.Partition()}, func(thing statemachine.Resource) bool {
			if thing.Name == "" {
				thing.Name = thing.ID
			}
			f.There = append(f.There, thing.Name)
			return len(f.There) < maxThere
		}) // the kinds are the engine's own
	}
	slices.Sort(f.There)
}

func standingOf(thing *statemachine.Resource) *Standing {
	st := &Standing{Kind: thing.Kind, ID: thing.ID, Name: thing.Name, State: thing.State, Since: thing.Since, By: thing.By, Takes: thing.Events}
	if len(thing.Timers) > 0 {
		next := thing.Timers[0]
		if st.Next = &next.Event; !next.Due.IsZero() {
			st.Due = &next.Due
		}
	}
	return st
}

// spoken lists the values of the path's and the query's parameters and the texts and numbers of the body, its members'
// names among them, that the words of a refusal repeat, the longest first.
func (r *Request) spoken(words string) []string {
	var names []string
	add := func(value string) {
		if value != "" && strings.Contains(words, value) && !slices.Contains(names, value) {
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
	for token, err := dec.Token(); err == nil; token, err = dec.Token() { // what is no JSON names nothing
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

// member finds the member that the words of a refusal name, among those that the operation knows.
func (f *About) member(r *Request, words string) {
	if !r.Operation.Implemented() {
		return
	}
	t := strict.Pointed(reflect.TypeOf(r.Operation.Endpoint.question()))
	if t.Kind() != reflect.Struct {
		return
	}
	for _, m := range strict.Members(t) {
		f.Members = append(f.Members, m.Name)
	}
	words = strings.ToLower(words)
	for _, said := range []string{words, strings.ReplaceAll(words, " ", "")} { // "replica count" is replicaCount
		for _, name := range f.Members {
			if len(name) > len(f.Member) && strings.Contains(said, strings.ToLower(name)) {
				f.Member = name
			}
		}
		if f.Member != "" {
			break
		}
	}
	if f.Members == nil && len(r.body) > 0 {
		f.Member = "body" // of an operation that knows no members
	}
}

// nameless answers the parameter that the path leaves empty, which only its last one can be; "" where it is not.
func (r *Request) nameless() string {
	if !r.Operation.EmptyLast || !strings.HasSuffix(r.HTTP.URL.Path, "/") {
		return ""
	}
	return strings.Trim(r.Operation.Path[lastSlash(r.Operation.Path)+1:], "{}")
}

// shownToken says what stood in Authorization, without a word of it.
func shownToken(authorization string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(authorization), " ")
	switch {
	case authorization == "":
		return "the header Authorization was missing"
	case !ok:
		rest, scheme = scheme, "no scheme"
	}
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return "Basic: a name and a password"
	case strings.HasPrefix(rest, OpaquePrefix):
		return scheme + ": a token that was minted for the world " + tokenWorld(authorization)
	case strings.Count(rest, ".") == 2:
		return scheme + ": a JWT"
	}
	return scheme + ": an opaque token"
}

// weighCause is about how many bytes the finding and a cause hold in memory.
func weighCause(values ...any) int {
	n := 0
	for _, v := range values {
		text, _ := json.Marshal(v) // one that cannot be shown takes no room worth counting
		n += 2 * len(text)
	}
	return n
}
