// Package openapitest checks, in tests, that responses match the OpenAPI documents. The conformance suite and every
// simulator that a test starts pass it all their responses.
package openapitest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Checker checks responses against one document. Make one with Read.
type Checker struct {
	doc   any
	paths []pathItem

	mu       sync.Mutex // guards the fields below
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

type pathItem struct {
	name  string
	parts []string
}

const resource = "openapi.json"

// checkers caches the documents by the checksum of their bytes, because tests start many simulators with the same ones.
var checkers = struct { //nolint:gochecknoglobals // a cache of what follows from the bytes alone
	sync.Mutex

	byContent map[[sha256.Size]byte]*Checker
}{byContent: map[[sha256.Size]byte]*Checker{}}

// Read reads a document.
func Read(text []byte) (*Checker, error) {
	checkers.Lock()
	defer checkers.Unlock()
	sum := sha256.Sum256(text)
	if c := checkers.byContent[sum]; c != nil {
		return c, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := &Checker{doc: doc, compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	c.compiler.AssertFormat()
	c.compiler.AssertContent()
	if err := c.compiler.AddResource(resource, doc); err != nil {
		return nil, err
	}
	paths, _ := at(doc, "paths").(map[string]any)
	for name := range paths {
		c.paths = append(c.paths, pathItem{name: name, parts: strings.Split(name, "/")})
	}
	checkers.byContent[sum] = c
	return c, nil
}

// Answer is a response as a client receives it.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// marker is the header of an injected response, which may be malformed on purpose.
const marker = "X-Sim-Fault"

// Check returns how a response differs from what the document says about the operation. known is false if the document
// has no such operation. path is the escaped path of the request.
func (c *Checker) Check(method, path string, a Answer) (known bool, err error) {
	item, found := c.find(path)
	op := at(c.doc, "paths", item, strings.ToLower(method))
	if !found || op == nil {
		return false, nil
	}
	where := pointer("paths", item, strings.ToLower(method), "responses")
	responses := at(op, "responses")
	key := strconv.Itoa(a.Status)
	if at(responses, key) == nil {
		key = "default"
	}
	response := at(responses, key)
	if response == nil {
		return true, fmt.Errorf("%s %s answers %d, which the document does not have", method, item, a.Status)
	}
	where += pointer(key)
	if ref, is := at(response, "$ref").(string); is {
		where = strings.TrimPrefix(ref, "#")
		response = at(c.doc, strings.Split(strings.TrimPrefix(where, "/"), "/")...)
	}
	if err := c.body(response, where, a); err != nil {
		return true, fmt.Errorf("%s %s answers %d not as the document says: %w", method, item, a.Status, err)
	}
	return true, nil
}

func (c *Checker) body(response any, where string, a Answer) error {
	content, _ := at(response, "content").(map[string]any)
	if len(a.Body) == 0 {
		if len(content) > 0 && a.Header.Get(marker) == "" {
			return errors.New("there is no body")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if content[media] == nil {
		return fmt.Errorf("its type is %s", media)
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Body))
	if err != nil {
		if a.Header.Get(marker) != "" {
			return nil
		}
		return err
	}
	schema, err := c.schema(where + pointer("content", media, "schema"))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func (c *Checker) schema(where string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.compiled[where]; s != nil {
		return s, nil
	}
	s, err := c.compiler.Compile(resource + "#" + strings.ReplaceAll(strings.ReplaceAll(where, "{", "%7B"), "}", "%7D"))
	if err == nil {
		c.compiled[where] = s
	}
	return s, err
}

// Examples checks every example of the document against its schema, and returns the number of examples.
func (c *Checker) Examples() (checked int, err error) {
	err = c.examples(c.doc, "", &checked)
	return checked, err
}

func (c *Checker) examples(v any, where string, checked *int) error {
	o, is := v.(map[string]any)
	if !is {
		return nil
	}
	if example, has := o["example"]; has && o["schema"] != nil {
		schema, err := c.schema(where + pointer("schema"))
		if err != nil {
			return err
		}
		if err := schema.Validate(example); err != nil {
			return fmt.Errorf("the example of %s: %w", where, err)
		}
		*checked++
		return nil
	}
	for name, member := range o {
		if err := c.examples(member, where+pointer(name), checked); err != nil {
			return err
		}
	}
	return nil
}

// find returns the document's path for a request: the one with the most literal segments if several match.
func (c *Checker) find(path string) (item string, found bool) {
	parts := strings.Split(path, "/")
	best := -1
	for _, candidate := range c.paths {
		if literal, fits := fit(candidate.parts, parts); fits && literal > best {
			item, found, best = candidate.name, true, literal
		}
	}
	return item, found
}

func fit(template, parts []string) (literal int, fits bool) {
	if len(template) != len(parts) {
		return 0, false
	}
	for i, part := range template {
		before, rest, param := strings.Cut(part, "{")
		_, after, _ := strings.Cut(rest, "}")
		switch {
		case !param && part == parts[i]:
			literal++
		case !param, len(parts[i]) <= len(before)+len(after):
			return 0, false
		case !strings.HasPrefix(parts[i], before) || !strings.HasSuffix(parts[i], after):
			return 0, false
		}
	}
	return literal, true
}

// at returns the value to which the names lead through objects, or nil if there is none.
func at(v any, names ...string) any {
	for _, name := range names {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

// pointer returns the JSON Pointer (RFC 6901) of the names.
func pointer(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// Event returns how the data of a server-sent event differ from what the document says about the events of the stream
// that the operation returns with status 200.
func (c *Checker) Event(method, path, kind string, data []byte) error {
	item, _ := c.find(path)
	where := []string{"paths", item, strings.ToLower(method), "responses", "200", "content", "text/event-stream",
		"x-events", kind}
	if at(c.doc, where...) == nil {
		return fmt.Errorf("the document has no event of the type %s", kind)
	}
	schema, err := c.schema(pointer(where...))
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// Missing lists the statuses that the document does not have for an operation.
func (c *Checker) Missing(method, path string, statuses []any) []string {
	item, _ := c.find(path)
	responses, _ := at(c.doc, "paths", item, strings.ToLower(method), "responses").(map[string]any)
	var missing []string
	for _, status := range statuses {
		if key := fmt.Sprint(status); responses[key] == nil {
			missing = append(missing, key)
		}
	}
	return missing
}
