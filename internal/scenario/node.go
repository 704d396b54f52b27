package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a value of a document and where it stands. YAML and JSON are read into the same.
type node struct {
	line    int
	members []member // of a mapping, in order
	list    []*node  // of a sequence
	kind    kind
	value   any // of a scalar: string, bool, json.Number or nil
}

type kind int

const (
	scalar kind = iota
	mapping
	sequence
)

type member struct {
	name  string
	line  int
	value *node
}

func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

// plain is the value as encoding/json would decode it, numbers as they are written.
func (n *node) plain() any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.members))
		for i := range n.members {
			m[n.members[i].name] = n.members[i].value.plain()
		}
		return m
	case sequence:
		list := make([]any, len(n.list))
		for i := range n.list {
			list[i] = n.list[i].plain()
		}
		return list
	default:
		return n.value
	}
}

// words calls a value what it is.
func (n *node) words() string {
	switch {
	case n.kind == mapping:
		return "an object"
	case n.kind == sequence:
		return "an array"
	case n.value == nil:
		return "nothing"
	}
	switch n.value.(type) {
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	}
	return "a string"
}

// parse reads one document of YAML, or of JSON where it is that.
func parse(text []byte) (*node, *Problem) {
	switch {
	case len(text) > MaxBytes:
		return nil, &Problem{Line: 1, Detail: fmt.Sprintf("the document is larger than %d bytes", MaxBytes)}
	case len(bytes.TrimSpace(text)) == 0:
		return nil, &Problem{Line: 1, Detail: "the document is empty"}
	}
	if json.Valid(text) {
		// YAML would refuse tabs, and surrogate pairs in escapes.
		r := jsonReader{text: text, dec: json.NewDecoder(bytes.NewReader(text))}
		r.dec.UseNumber()
		return r.read(0)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	if err := dec.Decode(&document); err != nil {
		return nil, yamlProblem(err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Problem{Line: max(more.Line, 1), Detail: "there is more than one document"}
	}
	return fromYAML(&document, 0)
}

// yamlProblem reads the library's "yaml: line 3: words".
func yamlProblem(err error) *Problem {
	p := &Problem{Line: 1, Detail: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var line int
	if _, scanErr := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); scanErr == nil && line > 0 {
		p.Line = line
		_, words, _ := strings.Cut(err.Error(), fmt.Sprintf("line %d: ", line))
		p.Detail = "is not YAML: " + words
	}
	return p
}

func tooDeep(line int) *Problem {
	return &Problem{Line: line, Detail: fmt.Sprintf("nests deeper than %d", maxDepth)}
}

// fromYAML refuses what JSON does not have: aliases, tags of one's own, keys that are no strings.
func fromYAML(y *yaml.Node, depth int) (*node, *Problem) {
	n := &node{line: max(y.Line, 1)}
	switch {
	case depth > maxDepth:
		return nil, tooDeep(n.line)
	case y.Kind == yaml.DocumentNode:
		return fromYAML(y.Content[0], depth)
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		return nil, &Problem{Line: n.line, Detail: "anchors and aliases are not taken"}
	case y.Kind == yaml.ScalarNode:
		value, problem := scalarValue(y)
		n.value = value
		return n, problem
	case y.Kind == yaml.SequenceNode:
		n.kind = sequence
		for _, element := range y.Content {
			value, problem := fromYAML(element, depth+1)
			if problem != nil {
				return nil, problem
			}
			n.list = append(n.list, value)
		}
		return n, nil
	}
	n.kind = mapping
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, &Problem{Line: max(key.Line, 1), Detail: "a member's name must be a string"}
		}
		value, problem := fromYAML(y.Content[i+1], depth+1)
		if problem != nil {
			return nil, problem
		}
		n.members = append(n.members, member{name: key.Value, line: max(key.Line, 1), value: value})
	}
	return n, nil
}

func scalarValue(y *yaml.Node) (any, *Problem) {
	tag := y.ShortTag()
	switch tag {
	case "!!str", "!!timestamp":
		return y.Value, nil
	case "!!null":
		return nil, nil
	}
	var value any
	if slices.Contains([]string{"!!bool", "!!int", "!!float"}, tag) && y.Decode(&value) == nil {
		if b, ok := value.(bool); ok {
			return b, nil
		}
		if json.Valid([]byte(y.Value)) {
			return json.Number(y.Value), nil
		}
		if text, err := json.Marshal(value); err == nil { // infinity is no number of JSON
			return json.Number(text), nil
		}
	}
	return nil, &Problem{Line: max(y.Line, 1), Detail: fmt.Sprintf("%.80q is no value of JSON; quote it if it is a string", y.Value)}
}

// jsonReader makes nodes of a document that is known to be JSON.
type jsonReader struct {
	text []byte
	dec  *json.Decoder
	line int
	seen int64 // bytes whose lines were counted
}

// at is the line of what was read last.
func (r *jsonReader) at() int {
	to := r.dec.InputOffset()
	r.line += bytes.Count(r.text[r.seen:to], []byte("\n"))
	r.seen = to
	return r.line + 1
}

func (r *jsonReader) read(depth int) (*node, *Problem) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, &Problem{Line: r.at(), Detail: "is not JSON: " + err.Error()}
	}
	n := &node{line: r.at()}
	if depth > maxDepth {
		return nil, tooDeep(n.line)
	}
	switch token {
	case json.Delim('{'):
		n.kind = mapping
		for r.dec.More() {
			name, err := r.dec.Token()
			if err != nil {
				return nil, &Problem{Line: r.at(), Detail: "is not JSON: " + err.Error()}
			}
			m := member{name: name.(string), line: r.at()}
			var problem *Problem
			if m.value, problem = r.read(depth + 1); problem != nil {
				return nil, problem
			}
			n.members = append(n.members, m)
		}
	case json.Delim('['):
		n.kind = sequence
		for r.dec.More() {
			value, problem := r.read(depth + 1)
			if problem != nil {
				return nil, problem
			}
			n.list = append(n.list, value)
		}
	default:
		n.value = token
		return n, nil
	}
	_, _ = r.dec.Token() // the closing bracket of a valid document
	return n, nil
}
