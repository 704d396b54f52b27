package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fault"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// verifyMatch selects exchanges. An absent member matches all. Resource, project and header are as in a fault rule. The
// operation and the status apply to the count only, since an order names its operations.
type verifyMatch struct {
	Operation string            `json:"operation"`
	Status    string            `json:"status"`
	Kind      string            `json:"kind" doc:"Kind of the resource that the path is about."`
	Resource  string            `json:"resource" doc:"ID or name of the resource that the request names, or a glob."`
	Project   string            `json:"project"`
	Header    map[string]string `json:"header" doc:"Globs of header values, by header."`
	Query     map[string]string `json:"query" doc:"Globs of query parameters, by name."`
	Body      map[string]any    `json:"body" doc:"Values of members of the request body, by path, such as acl.values[0]; texts are globs."`
}

func (c *Control) checkVerifyMatch(m *verifyMatch) error {
	if _, _, err := statusRange(m.Status); err != nil {
		return err
	}
	if err := c.checkKind(m.Kind); err != nil {
		return strict.Below("match.kind", err)
	}
	for at := range m.Body {
		if _, err := pathOf(at); err != nil {
			return &strict.Error{Path: "match.body", Detail: fmt.Sprintf("%.80q is not the path of a member, such as %s", at,
				"acl.values[0]")}
		}
	}
	_, err := fault.Select(m.fault())
	var invalid *fault.InvalidError
	if errors.As(err, &invalid) {
		return &strict.Error{Path: invalid.Path, Detail: invalid.Detail, Valid: invalid.Valid}
	}
	return err
}

// fault returns the part that fault rules have too.
func (m *verifyMatch) fault() fault.Match {
	return fault.Match{Resource: m.Resource, Project: m.Project, Header: m.Header}
}

// count returns how many exchanges have the operation and the status. An open exchange has no status yet.
func (m *verifyMatch) count(selected []api.Exchange) (n int) {
	low, high, _ := statusRange(m.Status) // checked before
	for i := range selected {
		if isOperation(&selected[i], m.Operation) && selected[i].Status >= low && selected[i].Status <= high {
			n++
		}
	}
	return n
}

// selected returns the exchanges that match everything but the operation and the status.
func (c *Control) selected(seen []api.Exchange, m *verifyMatch) ([]api.Exchange, error) {
	if m.Kind == "" && m.Resource == "" && m.Project == "" && m.Header == nil && m.Query == nil && m.Body == nil {
		return seen, nil
	}
	selection, err := fault.Select(m.fault())
	if err != nil {
		return nil, err
	}
	kinds := c.Engine.Kinds()
	known := map[string][]fault.Resource{} // by world
	var list []api.Exchange
	for i := range seen {
		x := &seen[i]
		subject, about := c.subjectOf(x, kinds)
		if subject == nil || m.Kind != "" && !slices.Contains(about, m.Kind) || !m.matchesQuery(x) || !m.matchesBody(x) {
			continue
		}
		if _, ok := known[x.World]; !ok && m.Resource != "" {
			if known[x.World], err = c.namedResources(x.World, seen); err != nil {
				return nil, err
			}
		}
		for _, r := range known[x.World] {
			if slices.Contains(subject.Names, r.ID) || r.Name != "" && slices.Contains(subject.Names, r.Name) {
				subject.Names = append(subject.Names, r.ID, r.Name)
			}
		}
		if selection.Matches(x.Host, x.Header, subject) {
			list = append(list, *x)
		}
	}
	return list, nil
}

func (c *Control) subjectOf(x *api.Exchange, kinds []string) (*fault.Subject, []string) {
	for i := range c.Vendors {
		if subject, about := c.Vendors[i].Service.SubjectOf(x, kinds); subject != nil {
			return subject, about
		}
	}
	return nil, nil
}

// namedResources returns the ids and names of the world's resources, so that a request by id matches a name and the
// reverse: of those that exist, and of those in the world's responses among the exchanges, which may be gone.
func (c *Control) namedResources(world string, seen []api.Exchange) (list []fault.Resource, err error) {
	err = c.Engine.View(world, "control", func(tx *store.Tx) error {
		for _, kind := range c.Engine.Kinds() {
			err := c.Engine.Resources(tx, kind, statemachine.Partitions(tx), func(r statemachine.Resource) bool {
				list = append(list, fault.Resource{ID: r.ID, Name: r.Name})
				return true
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrNoWorld) {
		err = nil // the world is gone, its exchanges are not
	}
	for i := range seen {
		if seen[i].World != world {
			continue
		}
		answer := seen[i].Answer
		if seen[i].Lost != nil {
			answer = seen[i].Lost.Answer
		}
		var body struct {
			UUID, ID, Name string
			Data           struct{ UUID, ID, Name string }
		}
		if seen[i].Method == "GET" || json.Unmarshal([]byte(answer), &body) != nil {
			continue
		}
		for _, r := range []fault.Resource{
			{ID: body.UUID, Name: body.Name}, {ID: body.ID, Name: body.Name},
			{ID: body.Data.UUID, Name: body.Data.Name}, {ID: body.Data.ID, Name: body.Data.Name},
		} {
			if r.ID != "" && r.Name != "" {
				list = append(list, r)
			}
		}
	}
	return list, err
}

func (m *verifyMatch) matchesQuery(x *api.Exchange) bool {
	if m.Query == nil {
		return true
	}
	_, query, _ := strings.Cut(x.URL, "?")
	values, _ := url.ParseQuery(query) // the parameters before a malformed one
	for name, pattern := range m.Query {
		if !slices.ContainsFunc(values[name], func(v string) bool { return fault.Glob(pattern, v) }) {
			return false
		}
	}
	return true
}

func (m *verifyMatch) matchesBody(x *api.Exchange) bool {
	if m.Body == nil {
		return true
	}
	var document any
	if json.Unmarshal([]byte(x.Body), &document) != nil {
		return false // also a body of which the journal has only the beginning
	}
	for at, want := range m.Body {
		steps, _ := pathOf(at) // checked before
		have, ok := memberAt(document, steps)
		if text, is := have.(string); is && ok {
			pattern, is := want.(string)
			if !is || !fault.Glob(pattern, text) {
				return false
			}
			continue
		}
		if !ok || !reflect.DeepEqual(have, want) {
			return false
		}
	}
	return true
}

// pathOf splits the path of a member: names are strings, indices of lists are ints.
func pathOf(text string) (steps []any, err error) {
	for name := range strings.SplitSeq(text, ".") {
		name, rest, _ := strings.Cut(name, "[")
		if name == "" && (len(steps) > 0 || rest == "") {
			return nil, strconv.ErrSyntax
		}
		if name != "" {
			steps = append(steps, name)
		}
		for rest != "" {
			digits, more, closed := strings.Cut(rest, "]")
			index, err := strconv.Atoi(digits)
			if err != nil || !closed || index < 0 || more != "" && more[0] != '[' {
				return nil, strconv.ErrSyntax
			}
			steps = append(steps, index)
			rest = strings.TrimPrefix(more, "[")
		}
	}
	return steps, nil
}

// memberAt returns the part of a decoded document at a path.
func memberAt(document any, steps []any) (any, bool) {
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			object, _ := document.(map[string]any)
			member, ok := object[step]
			if !ok {
				return nil, false
			}
			document = member
		case int:
			list, _ := document.([]any)
			if step >= len(list) {
				return nil, false
			}
			document = list[step]
		}
	}
	return document, true
}
