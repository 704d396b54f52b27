// Package apitest is the conformance suite of the vendors. It checks that each operation behaves as its documents
// define, for any request.
//
// TestSpec compares the copies in testdata with their origin, and rewrites them with -update. A vendor's test passes
// Run a server and what the rows do not define: the form of a refusal, the response to an unknown path, how a caller
// authenticates.
package apitest

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/openapi"
	"storagesim/internal/openapi/openapitest"
	"storagesim/internal/refusal"
)

// Target is a server with one vendor.
type Target struct {
	Handler http.Handler // the vendor's paths, and the control surface's
	Service api.Service
	// State returns a digest of everything that a client can change. A failed request must not change it.
	State func(testing.TB) string
	// Keep saves the state of the world. Back restores it, any number of times.
	Keep, Back func(testing.TB)
}

// Response is a response of the server.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Options describe what the operations do not.
type Options struct {
	// Authenticate adds a valid token to a request. It is nil for a vendor that checks none.
	Authenticate func(*http.Request)
	// Refusal fails the test unless the response is a refusal in the vendor's form.
	Refusal func(tb testing.TB, a Response)
	// NoRoute and NoMethod fail the test unless the response is the vendor's for an unknown path and for a wrong method.
	NoRoute, NoMethod func(tb testing.TB, a Response)
	// UnknownPaths are paths that belong to the vendor and to no row.
	UnknownPaths []string
	// Good are requests that succeed on rows that need more than {}, in an order in which each finds what it needs.
	Good []Good
	// Unknown holds the statuses with which rows refuse an unknown ID, by the operation's name, besides 404 and a
	// documented 400: for example a list in a project that does not exist.
	Unknown map[string]int
	// FirstValue means that the vendor's gateway reads the first JSON value of a body and not what follows it.
	FirstValue bool
	// Either holds, by the operation's name, a member of one of the forms that a body may have, if none of its members is
	// required by itself.
	Either map[string]string
}

// Good is a request body that an operation accepts.
type Good struct{ Operation, Body string }

// suite is one run over one vendor.
type suite struct {
	Options

	target   Target
	document *openapitest.Checker
	spec     map[string]SpecRow         // by the row's own method and path with names erased
	kinds    map[refusal.CauseKind]bool // of the causes of all refusals
}

// Run runs the suite. Each part has its own server.
func Run(t *testing.T, newServer func(testing.TB) Target, o Options) {
	t.Helper()
	seen := map[refusal.CauseKind]bool{}
	for _, part := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"contract", (*suite).contract},
		{"routes", (*suite).routes},
		{"worlds", (*suite).worlds},
		{"authentication", (*suite).authentication},
		{"faults", (*suite).faults},
		{"hostile bodies", (*suite).hostileBodies},
		{"unknown ids", (*suite).unknownIDs},
		{"not emulated", (*suite).notEmulated},
		{"members", (*suite).members},
		{"required members", (*suite).required},
	} {
		t.Run(part.name, func(t *testing.T) {
			s := newSuite(t, newServer(t), o)
			part.run(s, t)
			maps.Copy(seen, s.kinds)
		})
	}
	for _, kind := range always {
		require.True(t, seen[kind], "no refusal had a cause of the kind %s, only %v", kind, slices.Sorted(maps.Keys(seen)))
	}
}

// always are the kinds of causes that the suite provokes for every vendor.
var always = [...]refusal.CauseKind{refusal.Credential, refusal.Value, refusal.Limit, refusal.Route, refusal.World,
	refusal.Rule, refusal.InvalidFault}

func newSuite(tb testing.TB, target Target, o Options) *suite {
	tb.Helper()
	s := &suite{Options: o, target: target, spec: map[string]SpecRow{}, kinds: map[refusal.CauseKind]bool{}}
	text, err := openapi.Vendor(&s.target.Service, "test")
	require.NoError(tb, err)
	s.document, err = openapitest.Read(text)
	require.NoError(tb, err)
	for _, row := range Spec() {
		s.spec[row.Route()] = row
	}
	return s
}

// each runs fn as a subtest for every row that wanted selects, once for each of its paths.
func (s *suite) each(t *testing.T, wanted func(*api.Operation) bool,
	fn func(t *testing.T, op *api.Operation, path string)) {
	t.Helper()
	for i := range s.target.Service.Operations {
		op := &s.target.Service.Operations[i]
		if !wanted(op) {
			continue
		}
		for k, path := range op.Paths() {
			name := op.Name
			if k > 0 {
				name += " " + path
			}
			t.Run(name, func(t *testing.T) { fn(t, op, path) })
		}
	}
}

func all(*api.Operation) bool { return true }

// takesBody reports whether the operation documents a request body.
func (s *suite) takesBody(op *api.Operation) bool {
	return s.row(op).HasBody
}

// row is the documented row of the operation; it is empty for an Extra operation.
func (s *suite) row(op *api.Operation) SpecRow {
	for _, path := range op.Paths() {
		if row, ok := s.spec[op.Method+" "+erase(path)]; ok {
			return row
		}
	}
	return SpecRow{}
}

// body returns a good request body for the row, or an empty one if none is known.
func (s *suite) body(op *api.Operation) string {
	if at := s.good(op); at >= 0 {
		return s.Good[at].Body
	}
	if s.takesBody(op) {
		return "{}"
	}
	return ""
}

// good returns the index of the operation in Options.Good, or -1.
func (s *suite) good(op *api.Operation) int {
	return slices.IndexFunc(s.Good, func(g Good) bool { return g.Operation == op.Name })
}

// refused fails the test unless the response has that status and is a refusal in the vendor's form.
func (s *suite) refused(t *testing.T, status int, a Response) {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a.Body)
	s.Refusal(t, a)
}

// Start is the first instant of the frozen clock of a world made by Serve.
var Start = time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC)
