package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/simulator/simtest"
)

// Every example of a request in the documents succeeds in a new world on the fixture small, after the steps of before.
func TestDocuments_ExamplesAreAccepted(t *testing.T) {
	s := simtest.New(t)
	operations := map[string]*operation{}
	for _, vendor := range vendors {
		maps.Copy(operations, operationsOf(t, s, vendor))
	}
	for _, id := range slices.Sorted(maps.Keys(operations)) {
		op := operations[id]
		if op.method == http.MethodGet {
			continue
		}
		t.Run(id, func(t *testing.T) {
			if why := unexampled[op.row()]; why != "" {
				t.Skip(why)
			}
			c := newExampleClient(t, s, operations)
			for _, step := range before[op.row()] {
				c.step(op.vendor, step)
			}
			c.send(op)
		})
	}
}

// No request in the documents has a value that was made from the schema.
func TestDocuments_RequestsHaveRealValues(t *testing.T) {
	s := simtest.New(t)
	for _, vendor := range vendors {
		for id, op := range operationsOf(t, s, vendor) {
			_, body := op.body()
			require.NotContains(t, body, `"text"`, id)
			for _, p := range op.Parameters {
				if p.In == "path" && op.method != http.MethodGet {
					require.NotEmpty(t, p.Example, "%s: %s", id, p.Name)
				}
			}
		}
	}
}

var vendors = []string{"control", "lightbits", "dms", "lucidlink", "lucidity"}

// operation is what the tests read of an operation in a document.
type operation struct {
	OperationID string
	Parameters  []struct{ Name, In, Example string }
	RequestBody *struct {
		Content map[string]struct{ Example json.RawMessage }
	}

	vendor, method, path string
}

// row returns the ID of the row that the operation is made from: without the suffixes of its further paths.
func (op *operation) row() string {
	return op.vendor + "." + strings.TrimSuffix(strings.TrimSuffix(op.OperationID, "ByQuery"), "2")
}

// body returns the example of the body and its media type.
func (op *operation) body() (media, text string) {
	if op.RequestBody == nil {
		return "", ""
	}
	for _, media := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
		if example := op.RequestBody.Content[media].Example; example != nil {
			return media, string(example)
		}
	}
	return "", ""
}

// operationsOf returns the operations of a document by vendor and ID, such as "lightbits.CreateVolume2".
func operationsOf(t *testing.T, s *simtest.Server, vendor string) map[string]*operation {
	t.Helper()
	var document struct {
		Paths map[string]map[string]*operation
	}
	s.Must(http.StatusOK, http.MethodGet, "/_sim/openapi/"+vendor+".json", "").Into(&document)
	operations := map[string]*operation{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			op.vendor, op.method, op.path = vendor, strings.ToUpper(method), path
			operations[vendor+"."+op.OperationID] = op
		}
	}
	return operations
}

// exampleClient sends examples to a world of its own.
type exampleClient struct {
	*simtest.Server

	t          *testing.T
	operations map[string]*operation
	tokens     map[string]string           // by vendor
	responses  map[string]simtest.Response // the last one of each operation, by vendor and ID
	values     map[string]string           // of the next example, by the path of a member or by the name of a parameter
}

func newExampleClient(t *testing.T, s *simtest.Server, operations map[string]*operation) *exampleClient {
	t.Helper()
	_, test, _ := strings.Cut(t.Name(), "/")
	name := strings.ToLower(strings.ReplaceAll(test, ".", "-")) // never used again: a scenario may outlive its world
	world := s.Must(http.StatusCreated, http.MethodPost, "/_sim/worlds", `{"from":"small","name":"`+name+`"}`)
	t.Cleanup(func() {
		s.Do(http.MethodDelete, "/_sim/worlds/test-1", "") // the world of the example of CreateWorld
		s.Must(http.StatusOK, http.MethodDelete, "/_sim/worlds/"+name, "")
	})
	c := &exampleClient{
		Server: s.In(name), t: t, operations: operations,
		tokens: map[string]string{}, responses: map[string]simtest.Response{}, values: map[string]string{},
	}
	for _, vendor := range vendors[1:] {
		c.tokens[vendor] = world.Text(".tokens." + vendor)
	}
	c.Must(http.StatusOK, http.MethodPut, "/_sim/clock", `{"mode":"frozen"}`)
	return c
}

// step takes one step of before. An ID without a vendor is one of the vendor's.
func (c *exampleClient) step(vendor, step string) {
	name, value, assigns := strings.Cut(step, "=")
	switch {
	case step == "advance":
		c.Must(http.StatusOK, http.MethodPost, "/_sim/clock/advance", `{"by":"1m"}`)
	case strings.HasPrefix(step, "POST "):
		words := strings.SplitN(step, " ", 3)
		c.Must(http.StatusOK, words[0], words[1], words[2])
	case assigns && strings.HasPrefix(value, "$"):
		id, path, _ := strings.Cut(value[1:], ":")
		a, ok := c.responses[qualified(vendor, id)]
		require.True(c.t, ok, "%s: %s was not sent", step, id)
		c.values[name] = a.Text(path)
	case assigns:
		c.values[name] = value
	default:
		op := c.operations[qualified(vendor, step)]
		require.NotNil(c.t, op, "unknown operation %s", step)
		c.send(op)
	}
}

func qualified(vendor, id string) string {
	if strings.Contains(id, ".") {
		return id
	}
	return vendor + "." + id
}

func (c *exampleClient) send(op *operation) {
	c.t.Helper()
	path, query := op.path, url.Values{}
	for _, p := range op.Parameters {
		value := p.Example
		if assigned, ok := c.values[p.Name]; ok {
			value = assigned
			delete(c.values, p.Name)
		}
		switch {
		case p.In == "path":
			path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(value), 1)
		case p.In == "query" && value != "":
			query.Set(p.Name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	media, body := op.body()
	body = c.encode(media, body)
	a := c.Do(op.method, path, body, append(c.credentials(op), "Content-Type", media)...)
	require.Less(c.t, a.Status, http.StatusBadRequest, "%s %s %s: %s", op.method, path, body, a.Body)
	c.responses[op.vendor+"."+op.OperationID] = a
}

// encode returns the example of a body with the assigned values, as its media type writes it.
func (c *exampleClient) encode(media, body string) string {
	form := media == "application/x-www-form-urlencoded"
	if !form && len(c.values) == 0 {
		return body
	}
	var members map[string]any
	require.NoError(c.t, json.Unmarshal([]byte(body), &members))
	for path, value := range c.values {
		names := strings.Split(path, ".")
		object := members
		for _, name := range names[:len(names)-1] {
			object = object[name].(map[string]any)
		}
		object[names[len(names)-1]] = value
		if value == "true" || value == "false" {
			object[names[len(names)-1]] = value == "true"
		}
	}
	clear(c.values)
	if form {
		values := url.Values{}
		for name, value := range members {
			values.Set(name, fmt.Sprint(value))
		}
		return values.Encode()
	}
	text, err := json.Marshal(members)
	require.NoError(c.t, err)
	return string(text)
}

// credentials returns the headers with which a client of the operation's vendor authenticates.
func (c *exampleClient) credentials(op *operation) []string {
	switch {
	case op.vendor == "control", op.row() == "lucidlink.CreateAccessToken", op.row() == "lucidity.RefreshToken":
		return nil
	case op.row() == "dms.Login":
		return []string{"Authorization", "Basic YWRtaW46bGlnaHQ="} // admin:light
	case op.vendor == "lucidity":
		return []string{"Authorization", c.tokens[op.vendor], "X-Authtype", "lucidity_access_token"}
	}
	return []string{"Authorization", "Bearer " + c.tokens[op.vendor]}
}
