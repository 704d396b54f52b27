// Package openapi generates OpenAPI 3.1 documents from the rows of the operations and the Go types of their requests
// and responses, so that a document cannot differ from the program. The tests of the vendors check every response
// against the documents.
//
// The same program generates the same bytes. The descriptions are our own words, never a vendor's.
package openapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"storagesim/internal/api"
)

// Call is one operation on one path.
type Call struct {
	ID                        string // of this path, unique in the document
	Operation                 string // that the path leads to; several may lead to one
	Summary, Description, Tag string
	Method, Path              string
	// Asks is the type of the body or, if Query is set, of the query; nil if there is none. Members that are parameters of
	// the path are left out.
	Asks  reflect.Type
	Query bool
	// Named lists further parameters of the query, which are strings.
	Named    []string
	Consumes string // "" is application/json
	// Takes lists further media types of the body, which is a string then.
	Takes []string
	// World, Clustered, Faults and IfMatch report which of the common headers the call has.
	World, Clustered, Faults, IfMatch bool
	// Answers is the type of a successful JSON response; nil if there is none. Produces lists the media types of responses
	// that are text or bytes.
	Answers  reflect.Type
	Produces []string
	// Forms holds the types of those media types of Produces that are JSON of another type than Answers.
	Forms map[string]reflect.Type
	// Events holds the types of the data of server-sent events, by event type, if Produces has text/event-stream.
	Events   map[string]reflect.Type
	Other    map[int]reflect.Type // in place of Answers with that status
	Envelope reflect.Type         // around the answer, in the member Inside; nil for none
	Inside   string
	Success  []int
	Refusals []Refusal
	Security [][]api.Credential // one of these
	Example  api.Example        // the zero value has the body made from the schema
}

// Refusal is the response to a request that is refused.
type Refusal struct {
	Status      int // 0 is any other
	ContentType string
	Body        []byte // JSON, as an example
	Problem     bool   // may be a problem document of the simulator as well
}

// Names maps types to the names of their components, for types whose own name is unclear outside of their package.
type Names map[reflect.Type]string

// Builder collects calls into a document. Make one with NewBuilder.
type Builder struct {
	doc     Document
	schemas schemas
	tags    map[string]bool
	calls   []Call
	usual   *Schema // how most of the calls say no
}

// The names of the common parameters. Generators put the names of all components into one namespace, so none of them
// may be a vendor's word.
const (
	paramWorld     = "SimWorld"
	paramCluster   = "SimCluster"
	paramFault     = "SimFault"
	paramFaultPlan = "SimFaultPlan"
	paramPrefer    = "PreferCode"
	paramIfMatch   = "IfMatch"
)

const description = "Generated from the operations and types of storagesim, a simulator of the service. " +
	"Responses have the headers X-Sim-Request-Id and X-Sim-World, and X-Sim-Fault if a fault was injected."

// NewBuilder returns a document without paths. problem is the type of the simulator's own refusals; names may be nil.
func NewBuilder(title, version string, encoding api.Encoding, problem reflect.Type, names Names) *Builder {
	text := func(name, doc string) *Parameter {
		return &Parameter{Name: name, In: "header", Description: doc, Schema: &Schema{Type: "string"}}
	}
	b := &Builder{tags: map[string]bool{}}
	b.schemas = schemas{encoding: encoding, components: map[string]*Schema{}, names: map[schemaKey]string{}, given: names}
	b.doc = Document{
		OpenAPI: "3.1.0",
		Info:    Info{Title: title, Description: description, Version: version, License: License{Name: "Apache-2.0"}},
		Servers: []Server{{URL: "/"}},
		Paths:   map[string]*PathItem{},
		Components: Components{
			Schemas: b.schemas.components,
			Parameters: map[string]*Parameter{
				paramWorld:   text(api.HeaderWorld, "The world that serves the request. Default: default."),
				paramCluster: text(api.HeaderCluster, "The cluster of the world. Default: the world's default cluster."),
				paramFault: text(api.HeaderFault,
					"The fault that is injected into this request: a documented status, any status from 400 to 599 followed by "+
						";force, reset, empty, truncate, stall, dribble or malformed. With the prefix after: the change is committed "+
						"first."),
				paramFaultPlan: text(api.HeaderFaultPlan, "The id of the fault plan that the request follows."),
				paramPrefer: text("Prefer",
					"code= and a documented status: the status of an error that is injected into this request."),
				paramIfMatch: text("If-Match", "The ETag that the resource must have."),
			},
			Headers: map[string]*Header{
				"RequestId": {Description: "The id of the exchange in the journal.", Schema: &Schema{Type: "string"}},
				"World":     {Description: "The world that served the request.", Schema: &Schema{Type: "string"}},
				"Fault":     {Description: "The rules and plans whose faults were injected.", Schema: &Schema{Type: "string"}},
				"RetryAfter": {Schema: &Schema{Type: "string"},
					Description: "How long to wait before the next request, in seconds of the world's clock or as a date."},
			},
			Responses: map[string]*Response{}, SecuritySchemes: map[string]SecurityScheme{},
		},
	}
	plain := schemas{encoding: api.Plain, components: b.schemas.components, names: b.schemas.names, given: names}
	b.schemas.components[problemName] = plain.object(problem, true, problemName, nil)
	return b
}

const (
	problemName = "Problem"
	problemType = "application/problem+json"
	jsonType    = "application/json"
	eventStream = "text/event-stream"
)

// Add adds a call to the document.
func (b *Builder) Add(c Call) { b.calls = append(b.calls, c) }

// JSON returns the document as it is served.
func (b *Builder) JSON() ([]byte, error) {
	b.usual = usualRefusal(b.calls)
	for _, c := range b.calls {
		b.add(c)
	}
	for _, tag := range sortedKeys(b.tags) {
		b.doc.Tags = append(b.doc.Tags, Tag{Name: tag})
	}
	return json.Marshal(b.doc)
}

func (b *Builder) add(c Call) {
	path, renamed := b.path(c.Path)
	op := &Operation{OperationID: c.ID, Summary: c.Summary, Description: c.Description, Tags: []string{c.Tag},
		Responses: map[string]*Response{}, Security: b.security(c.Security)}
	b.tags[c.Tag] = true
	inPath := map[string]bool{}
	for _, name := range pathParams(c.Path) {
		inPath[name] = true
		op.Parameters = append(op.Parameters, &Parameter{Name: renamed[name], In: "path", Required: true,
			Schema: b.pathSchema(c.Asks, name), Example: c.Example.Path[name]})
	}
	if c.Asks != nil && c.Query {
		query := b.query(c.Asks, "", inPath)
		for _, p := range query {
			p.Example = c.Example.Path[p.Name]
		}
		op.Parameters = append(op.Parameters, query...)
	} else if c.Asks != nil {
		op.RequestBody = b.body(c, inPath)
	}
	for _, name := range c.Named {
		op.Parameters = append(op.Parameters, &Parameter{Name: name, In: "query", Schema: &Schema{Type: "string"},
			Example: c.Example.Path[name]})
	}
	op.Parameters = append(op.Parameters, headers(c)...)
	for _, status := range c.Success {
		op.Responses[strconv.Itoa(status)] = b.success(c, status)
	}
	for _, refusal := range c.Refusals {
		key := "default"
		if refusal.Status != 0 {
			key = strconv.Itoa(refusal.Status)
		}
		op.Responses[key] = b.sharedResponse(refusal.Status, b.refusal(c, refusal))
	}
	if b.doc.Paths[path] == nil {
		b.doc.Paths[path] = &PathItem{}
	}
	(*b.doc.Paths[path])[strings.ToLower(c.Method)] = op
}

// body returns the body of the call, or nil if it has none.
func (b *Builder) body(c Call, inPath map[string]bool) *RequestBody {
	var schema *Schema
	required := false
	if c.Asks.Kind() == reflect.Struct {
		o := b.schemas.object(c.Asks, false, upper(c.Operation), func(member string) bool { return inPath[member] })
		if len(o.Properties) == 0 {
			return nil
		}
		required = len(o.Required) > 0
		schema = b.shared(o, upper(c.Operation)+"Request", upper(c.ID)+"Request")
	} else {
		schema = b.schemas.of(c.Asks, false, upper(c.Operation))
	}
	media := c.Consumes
	if media == "" {
		media = jsonType
	}
	var example any = json.RawMessage(c.Example.Body)
	if c.Example.Body == "" {
		example = sampler(b.schemas.components).sample(schema, "", 0)
	}
	body := &RequestBody{Required: required, Content: map[string]*Media{media: {Schema: schema, Example: example}}}
	for _, text := range c.Takes {
		body.Content[text] = &Media{Schema: &Schema{Type: "string"}}
	}
	return body
}

func (b *Builder) success(c Call, status int) *Response {
	r := &Response{Description: http.StatusText(status), Headers: answerHeaders(status)}
	for _, media := range c.Produces {
		media, _, _ = strings.Cut(media, ";")
		schema := &Schema{Type: "string"}
		if form := c.Forms[media]; form != nil {
			schema = b.schemas.of(form, true, upper(c.Operation)+"Form")
		}
		r.add(media, &Media{Schema: schema, Events: b.events(c, media)})
	}
	answers := c.Answers
	if other := c.Other[status]; other != nil {
		answers = other
	}
	if answers == nil || status == http.StatusNoContent {
		return r
	}
	schema := b.schemas.of(answers, true, upper(c.Operation)+"Answer")
	if c.Envelope != nil {
		outer := b.schemas.object(c.Envelope, true, "", nil)
		outer.Properties[c.Inside] = schema
		schema = b.shared(outer, upper(c.Operation)+"Answer")
	}
	r.add(jsonType, &Media{Schema: schema})
	return r
}

// events returns the schemas of a stream's events, or nil for another media type.
func (b *Builder) events(c Call, media string) map[string]*Schema {
	if media != eventStream || len(c.Events) == 0 {
		return nil
	}
	events := map[string]*Schema{}
	for _, kind := range sortedKeys(c.Events) {
		events[kind] = b.schemas.of(c.Events[kind], true, upper(kind)+"Event")
	}
	return events
}

func (r *Response) add(media string, body *Media) {
	if r.Content == nil {
		r.Content = map[string]*Media{}
	}
	r.Content[media] = body
}

func (b *Builder) refusal(c Call, no Refusal) *Response {
	text := "Any other response"
	if no.Status != 0 {
		text = http.StatusText(no.Status)
	}
	r := &Response{Description: text, Headers: answerHeaders(no.Status), Content: map[string]*Media{}}
	if no.Problem {
		r.Content[problemType] = &Media{Schema: reference(problemName)}
	}
	var body any
	if no.ContentType != "" && json.Unmarshal(no.Body, &body) == nil {
		media, _, _ := strings.Cut(no.ContentType, ";")
		if media == problemType {
			r.Content[media] = &Media{Schema: reference(problemName), Example: body}
		} else {
			r.Content[media] = &Media{Schema: b.refusalSchema(c, body), Example: body}
		}
	}
	return r
}

// usualRefusal returns the refusal of most calls.
func usualRefusal(calls []Call) *Schema {
	var usual *Schema
	seen, most := map[string]int{}, 0
	for i := range calls {
		for _, no := range calls[i].Refusals {
			var body any
			if json.Unmarshal(no.Body, &body) != nil {
				continue
			}
			schema := inferred(body)
			key, _ := json.Marshal(schema) // schemas always marshal
			if seen[string(key)]++; seen[string(key)] > most {
				usual, most = schema, seen[string(key)]
			}
		}
	}
	return usual
}

// refusalSchema returns the component Refusal, or a schema of its own for an operation with another refusal.
func (b *Builder) refusalSchema(c Call, body any) *Schema {
	schema := inferred(body)
	if reflect.DeepEqual(schema, b.usual) {
		return b.shared(schema, "Refusal")
	}
	return b.shared(schema, upper(c.Tag)+"Refusal", upper(c.ID)+"Refusal")
}

// shared returns a reference to the first of these components that has the schema, or that is free for it.
func (b *Builder) shared(schema *Schema, names ...string) *Schema {
	for _, name := range names {
		if b.schemas.components[name] == nil {
			b.schemas.components[name] = schema
		}
		if reflect.DeepEqual(b.schemas.components[name], schema) {
			return reference(name)
		}
	}
	return schema
}

// sharedResponse returns a reference to the component of the status if that is the same response.
func (b *Builder) sharedResponse(status int, r *Response) *Response {
	name := "Other"
	if status != 0 {
		name = strings.ReplaceAll(http.StatusText(status), " ", "")
	}
	if b.doc.Components.Responses[name] == nil {
		b.doc.Components.Responses[name] = r
	}
	if reflect.DeepEqual(b.doc.Components.Responses[name], r) {
		return &Response{Ref: "#/components/responses/" + name}
	}
	return r
}

func answerHeaders(status int) map[string]*Header {
	h := map[string]*Header{
		api.HeaderRequestID: {Ref: "#/components/headers/RequestId"},
		api.HeaderWorld:     {Ref: "#/components/headers/World"},
	}
	if status == 0 || status >= http.StatusBadRequest {
		h[api.HeaderFault] = &Header{Ref: "#/components/headers/Fault"}
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h["Retry-After"] = &Header{Ref: "#/components/headers/RetryAfter"}
	}
	return h
}

// security returns what the caller must present, and records the schemes.
func (b *Builder) security(alternatives [][]api.Credential) []map[string][]string {
	list := []map[string][]string{}
	for _, all := range alternatives {
		need := map[string][]string{}
		for _, c := range all {
			need[c.Name] = []string{}
			scheme := SecurityScheme{Type: c.Type, Description: c.Doc, Scheme: c.Scheme}
			switch c.Type {
			case "apiKey":
				scheme.In, scheme.Name = "header", c.Header
			case "oauth2":
				scheme.Flows = &Flows{ClientCredentials: Flow{TokenURL: c.TokenURL, Scopes: map[string]string{}}}
			}
			b.doc.Components.SecuritySchemes[c.Name] = scheme
		}
		list = append(list, need)
	}
	return list
}

// words turns the name of an operation into the beginning of a sentence: "CreateVolume" becomes "Create volume".
func words(name string) string {
	var text strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		begins := i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) &&
			unicode.IsLower(runes[i+1]))
		if !begins {
			text.WriteRune(r)
			continue
		}
		text.WriteByte(' ')
		if i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
			r = unicode.ToLower(r)
		}
		text.WriteRune(r)
	}
	return text.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
