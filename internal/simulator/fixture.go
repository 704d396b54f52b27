package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"storagesim/fixtures"
	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// fixtureTime is when everything in a fixture happened, so that the same seed gives the same bytes.
var fixtureTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// catalog is the worlds to start from: those that come with the program, and the file that the user named.
type catalog struct {
	engine  *statemachine.Engine
	vendors []api.Vendor
	file    string // the path of the user's file, or empty
	own     string // the name under which the file is known
	text    []byte

	mu    sync.Mutex
	bases map[string]string // what was made or found in this process, by fixture and seed
}

// openCatalog finds the fixture that the user named: a name, else a file.
func openCatalog(name string) (*catalog, error) {
	c := &catalog{bases: map[string]string{}}
	if slices.Contains(fixtures.Names(), name) {
		c.own = name
		return c, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("fixture %q: neither a file nor one of %s", name, strings.Join(fixtures.Names(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("fixture: %w", err)
	}
	c.file, c.text = name, text
	c.own = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	return c, nil
}

func (c *catalog) names() []string {
	names := fixtures.Names()
	if !slices.Contains(names, c.own) {
		names = append(names, c.own)
	}
	return names
}

// base makes the state of a fixture with a seed where it is not there yet, and answers its name in the store.
func (c *catalog) base(name string, seed uint64) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%s#%d", name, seed)
	if base, ok := c.bases[key]; ok {
		return base, nil
	}
	text, where := c.text, c.file
	if c.file == "" || name != c.own {
		var err error
		if text, err = fixtures.Read(name); err != nil {
			return "", fmt.Errorf("fixture %q: %w", name, err)
		}
		where = name + ".yaml"
	}
	sum := sha256.Sum256(text)
	base := fmt.Sprintf("%s@%s#%d", name, hex.EncodeToString(sum[:6]), seed)
	err := c.engine.Base(base, seed, fixtureTime, func(tx *store.Tx) error { return c.seed(tx, where, text) })
	if err == nil {
		c.bases[key] = base
	}
	return base, err
}

// seed fills the transaction with what the document says.
func (c *catalog) seed(tx *store.Tx, where string, text []byte) error {
	document, err := parseDocument(text)
	if err != nil {
		return fmt.Errorf("fixture %s: %w", where, err)
	}
	for _, section := range slices.Sorted(maps.Keys(document.sections)) {
		if !slices.ContainsFunc(c.vendors, func(v api.Vendor) bool { return v.Service.Vendor == section && v.Seed != nil }) {
			return document.wrong(where, &api.InputError{Path: section, Detail: "is no vendor that takes a section", Valid: c.sections()})
		}
	}
	for i := range c.vendors {
		v := &c.vendors[i]
		if v.Seed == nil {
			continue
		}
		err := v.Seed(tx, document.sections[v.Service.Vendor])
		var input *api.InputError
		if errors.As(err, &input) {
			inside := *input
			inside.Path = strings.Trim(v.Service.Vendor+"."+input.Path, ".")
			return document.wrong(where, &inside)
		}
		if err != nil {
			return fmt.Errorf("fixture %s: %s: %w", where, v.Service.Vendor, err)
		}
	}
	return nil
}

func (c *catalog) sections() []string {
	var names []string
	for i := range c.vendors {
		if c.vendors[i].Seed != nil {
			names = append(names, c.vendors[i].Service.Vendor)
		}
	}
	return names
}

// document is a fixture that was read.
type document struct {
	sections map[string]json.RawMessage
	root     ast.Node
}

func parseDocument(text []byte) (*document, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, yamlError(err)
	}
	d := &document{sections: map[string]json.RawMessage{}}
	if len(file.Docs) > 1 {
		return nil, errors.New("more than one document in the file")
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return d, nil
	}
	d.root = file.Docs[0].Body
	var members map[string]any
	if err := yaml.NodeToValue(d.root, &members); err != nil {
		return nil, yamlError(err)
	}
	for name, section := range members {
		if d.sections[name], err = json.Marshal(section); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return d, nil
}

// yamlError says an error of the YAML library in one line.
func yamlError(err error) error {
	var detailed yaml.Error
	if errors.As(err, &detailed) && detailed.GetToken() != nil {
		return fmt.Errorf("line %d: %s", detailed.GetToken().Position.Line, detailed.GetMessage())
	}
	return err
}

// wrong says what is wrong with the document, and in which line.
func (d *document) wrong(where string, e *api.InputError) error {
	words := e.Error()
	if len(e.Valid) > 0 {
		words += "; valid: " + strings.Join(e.Valid, ", ")
	}
	return &api.InputError{Detail: fmt.Sprintf("fixture %s: line %d: %s", where, d.line(e.Path), words)}
}

// line finds the line of a path as InputError spells it, or of the last part of it that the document has.
func (d *document) line(path string) int {
	line, node := 1, d.root
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		next, at := child(node, step)
		if next == nil {
			return line
		}
		line, node = at, next
	}
	return line
}

// child is a member or an element of a node, and the line where it begins.
func child(node ast.Node, step string) (ast.Node, int) {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if found, at := child(v, step); found != nil {
				return found, at
			}
		}
	case *ast.MappingValueNode:
		if n.Key.GetToken().Value == step {
			return n.Value, n.Key.GetToken().Position.Line
		}
	case *ast.SequenceNode:
		for i, v := range n.Values {
			if fmt.Sprint(i) == step {
				return v, v.GetToken().Position.Line
			}
		}
	}
	return nil, 0
}
