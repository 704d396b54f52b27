package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"storagesim/fixtures"
	"storagesim/internal/fixture"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// catalog holds the fixtures that worlds can start from: the built-in ones, and the file that the user chose.
type catalog struct {
	engine *statemachine.Engine
	worlds *fixture.Worlds
	file   string // the path of the user's file, or empty
	own    string // the name of the default fixture; for a file, its base name without extension
	text   []byte

	mu    sync.Mutex
	bases map[string]madeBase // bases that exist in the store, by fixture and seed
}

// madeBase is the state of a fixture in the store, and its seed.
type madeBase struct {
	name string
	seed uint64
}

// openCatalog returns a catalog whose default fixture is the given one: the name of a built-in fixture, or the path of
// a file.
func openCatalog(name string) (*catalog, error) {
	c := &catalog{bases: map[string]madeBase{}}
	if slices.Contains(fixtures.Names(), name) {
		c.own = name
		return c, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("fixture %q is neither a file nor one of %s", name, strings.Join(fixtures.Names(), ", "))
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

// base creates the state of a fixture in the store if it does not exist yet. It returns its name in the store and its
// seed: the given seed, or the fixture's own if the fixture is an exported world (assumption 322).
func (c *catalog) base(name string, seed uint64) (base string, actual uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%s#%d", name, seed)
	if made, ok := c.bases[key]; ok {
		return made.name, made.seed, nil
	}
	text, where := c.text, c.file
	if c.file == "" || name != c.own {
		if text, err = fixtures.Read(name); err != nil {
			return "", 0, fmt.Errorf("fixture %q: %w", name, err)
		}
		where = name + ".yaml"
	}
	document, err := fixture.Parse(text)
	if err != nil {
		return "", 0, explain(where, document, err)
	}
	sum := sha256.Sum256(text)
	made := madeBase{name: fmt.Sprintf("%s@%s#%d", name, hex.EncodeToString(sum[:6]), seed), seed: seed}
	if document.Exact() {
		made = madeBase{name: fmt.Sprintf("%s@%s", name, hex.EncodeToString(sum[:6])), seed: document.Seed()}
	}
	err = c.engine.Base(made.name, seed, fixture.Epoch, func(tx *store.Tx) error { return c.worlds.Load(tx, document) })
	if err != nil {
		return "", 0, explain(where, document, err)
	}
	c.bases[key] = made
	return made.name, made.seed, nil
}

// explain adds line numbers and valid values to the errors of a fixture.
func explain(where string, document *fixture.Document, err error) error {
	var wrong *fixture.Errors
	if !errors.As(err, &wrong) {
		return fmt.Errorf("fixture %s: %w", where, err)
	}
	words := make([]string, 0, len(wrong.List))
	for _, one := range wrong.List {
		text := one.Error()
		if line := document.Line(one.Path); line > 0 {
			text = fmt.Sprintf("line %d: %s", line, text)
		}
		if len(one.Valid) > 0 {
			text += "; valid: " + strings.Join(one.Valid, ", ")
		}
		words = append(words, text)
	}
	if wrong.More > 0 {
		words = append(words, fmt.Sprintf("and %d more", wrong.More))
	}
	return &strict.Error{Detail: fmt.Sprintf("fixture %s: %s", where, strings.Join(words, "; "))}
}
