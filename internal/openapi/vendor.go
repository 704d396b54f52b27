package openapi

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
)

// Vendor returns the document of a vendor.
func Vendor(svc *api.Service, version string) ([]byte, error) {
	title := svc.Contract.Title
	if title == "" {
		title = svc.Vendor
	}
	b := NewBuilder(title, version, svc.Contract.Encoding, reflect.TypeFor[api.ProblemBody](), nil)
	for i := range svc.Operations {
		op := &svc.Operations[i]
		for n, path := range op.Paths() {
			c := call(svc, op, path)
			if n > 0 {
				c.ID += strconv.Itoa(n + 1)
				c.Description = strings.TrimSpace(fmt.Sprintf("%s Another path of %s.", c.Description, op.Name))
			}
			b.Add(c)
			if twin, ok := byQuery(op, c); ok {
				b.Add(twin)
			}
		}
	}
	return b.JSON()
}

// call returns the call of an operation on one of its paths.
func call(svc *api.Service, op *api.Operation, path string) Call {
	c := Call{
		ID: op.Name, Operation: op.Name, Summary: words(op.Name), Tag: tagOf(path), Method: op.Method, Path: path,
		Consumes: op.Consumes, Produces: op.Produces, IfMatch: svc.Contract.IfMatch &&
			op.Documents(http.StatusPreconditionFailed),
		World: true, Faults: true, Clustered: svc.Clustered, Example: exampleOf(svc, op, path),
	}
	if svc.Contract.Credentials != nil {
		if all := svc.Contract.Credentials(op); len(all) > 0 {
			c.Security = [][]api.Credential{all}
		}
	}
	c.Description = about(op)
	asks, answers := op.RequestType(), op.ResponseType()
	if asks != nil && asks != reflect.TypeFor[api.Empty]() {
		c.Asks, c.Query = asks, op.Method == http.MethodGet || op.Method == http.MethodDelete
	}
	if answers != nil && len(op.Produces) == 0 && (answers != reflect.TypeFor[api.Empty]() ||
		svc.Contract.Encoding != api.Plain) {
		c.Answers = answers
		if svc.Contract.Envelope != nil {
			if envelope, member := svc.Contract.Envelope(op); member != "" {
				c.Envelope, c.Inside = reflect.TypeOf(envelope), member
			}
		}
	}
	for _, status := range op.AllStatuses() {
		if status < http.StatusBadRequest {
			c.Success = append(c.Success, status)
			continue
		}
		c.Refusals = append(c.Refusals, refusal(svc, op, status))
	}
	other := refusal(svc, op, http.StatusInternalServerError)
	other.Status, other.Problem = 0, true
	c.Refusals = append(c.Refusals, other)
	return c
}

// exampleOf returns the operation's example for one of its paths. Parameters that only another path has become members
// of the body.
func exampleOf(svc *api.Service, op *api.Operation, path string) api.Example {
	example := svc.Contract.Examples[op.Name]
	for _, name := range sortedKeys(example.Path) {
		if !slices.Contains(pathParams(path), name) && example.Body != "" {
			example.Body = fmt.Sprintf("{%q:%q,%s", name, example.Path[name], example.Body[1:])
		}
	}
	return example
}

func refusal(svc *api.Service, op *api.Operation, status int) Refusal {
	resp := svc.RefusalOf(op, status, http.StatusText(status))
	return Refusal{Status: status, ContentType: resp.ContentType, Body: resp.Body,
		Problem: status == http.StatusBadRequest}
}

// about returns the description of an operation, derived from its row.
func about(op *api.Operation) string {
	var said []string
	if op.Needs != (api.Permission{}) && op.Needs.Resource != op.Vendor {
		said = append(said, fmt.Sprintf("Requires the permission %s on %s.", op.Needs.Action, op.Needs.Resource))
	}
	if !op.Implemented() {
		said = append(said, "Not supported: the response is 501.")
	}
	if op.Extra {
		said = append(said, "The vendor's reference does not list this operation.")
	}
	return strings.Join(said, " ")
}

// byQuery returns the call on the path whose last parameter is empty: the query names the resource.
func byQuery(op *api.Operation, c Call) (Call, bool) {
	params := pathParams(c.Path)
	if !op.EmptyLast || c.Asks == nil || len(params) == 0 {
		return c, false
	}
	last := params[len(params)-1]
	for _, m := range members(c.Asks) {
		if m.name != last && (m.name == "name" || m.name == "UUID") {
			c.Named = append(c.Named, m.name)
		}
	}
	if len(c.Named) == 0 {
		return c, false
	}
	if c.Query {
		c.Named = nil // they are in Asks
	} else {
		c.Named = append(c.Named, last)
	}
	c.ID += "ByQuery"
	c.Description = strings.TrimSpace(c.Description + " The query names the resource.")
	c.Path = c.Path[:strings.LastIndexByte(c.Path, '{')]
	return c, true
}

// tagOf returns the first segment of a path that names a resource.
func tagOf(path string) string {
	var literal []string
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		version := len(part) == 2 && part[0] == 'v'
		if part != "api" && part != "external" && part != "client" && !version {
			literal = append(literal, part)
		}
	}
	if len(literal) > 2 && literal[0] == "projects" {
		literal = literal[2:]
	}
	return literal[0]
}
