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
	"storagesim/internal/api"
	"storagesim/internal/control"
	"storagesim/internal/fixture"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// catalog holds the fixtures that worlds can start from: the built-in ones, and the file that the user chose.
type catalog struct {
	db     *store.DB
	engine *statemachine.Engine
	worlds *fixture.Worlds
	file   string // the path of the user's file, or empty
	own    string // the name of the default fixture; for a file, its base name without extension
	text   []byte

	mu    sync.Mutex
	bases []madeBase // those in the store, the last used first
}

// madeBase is the state of a fixture in the store, and its seed.
type madeBase struct {
	key  string // the fixture and the requested seed
	name string
	seed uint64
}

// keptBases is how many bases stay in the store. A world keeps its state when its base is deleted; only the next world
// from the same fixture and seed takes longer to create.
const keptBases = 8

// openCatalog returns a catalog whose default fixture is the given one: the name of a built-in fixture, or the path of
// a file.
func openCatalog(name string) (*catalog, error) {
	c := &catalog{}
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
	if i := slices.IndexFunc(c.bases, func(b madeBase) bool { return b.key == key }); i >= 0 {
		made := c.bases[i]
		c.bases = slices.Insert(slices.Delete(c.bases, i, i+1), 0, made)
		return made.name, made.seed, nil
	}
	document, version, where, err := c.read(name)
	if err != nil {
		return "", 0, explain(where, document, err)
	}
	made := madeBase{key: key, name: fmt.Sprintf("%s@%s#%d", name, version, seed), seed: seed}
	if document.Exact() {
		made = madeBase{key: key, name: fmt.Sprintf("%s@%s", name, version), seed: document.Seed()}
	}
	err = c.engine.Base(made.name, seed, fixture.Epoch, func(tx *store.Tx) error { return c.worlds.Load(tx, document) })
	if err != nil {
		return "", 0, explain(where, document, err)
	}
	c.bases = slices.Insert(c.bases, 0, made)
	return made.name, made.seed, c.collect()
}

// collect deletes the bases that were not used lately, and those of earlier runs of the program.
func (c *catalog) collect() error {
	c.bases = c.bases[:min(len(c.bases), keptBases)]
	stored, err := c.db.Bases()
	if err != nil {
		return err
	}
	unused := slices.DeleteFunc(stored, func(name string) bool {
		return slices.ContainsFunc(c.bases, func(b madeBase) bool { return b.name == name })
	})
	if len(unused) == 0 {
		return nil
	}
	return c.db.DeleteBases(unused...)
}

// read returns a fixture, the version of its text, and the name of its file.
func (c *catalog) read(name string) (document *fixture.Document, version, file string, err error) {
	if c.file != "" && name == c.own {
		document, err = fixture.Parse(c.text)
		return document, versionOf(c.text), c.file, err
	}
	file = name + ".yaml"
	if known, ok := parsed.Load(name); ok {
		builtIn := known.(*parsedFixture)
		return builtIn.document, builtIn.version, file, nil
	}
	text, err := fixtures.Read(name)
	if err != nil {
		return nil, "", file, err
	}
	document, err = fixture.Parse(text)
	if err == nil {
		parsed.Store(name, &parsedFixture{document, versionOf(text)})
	}
	return document, versionOf(text), file, err
}

// parsed holds the built-in fixtures by name, once a simulator of this process has parsed them. They take milliseconds
// to parse, and never change.
var parsed sync.Map //nolint:gochecknoglobals // a cache of constants

type parsedFixture struct {
	document *fixture.Document
	version  string
}

// versionOf returns a part of the text's checksum.
func versionOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
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

// sum returns the checksum of the user's file, or "" without one.
func (c *catalog) sum() string {
	if c.file == "" {
		return ""
	}
	sum := sha256.Sum256(c.text)
	return hex.EncodeToString(sum[:6])
}

// matchData compares the fixture and the seed of the configuration with those that the data was made from. A value that
// the user chose must be the same; otherwise the data's value is used, so that new worlds start as the default one did.
func (s *Simulator) matchData(c *catalog) error {
	world, err := s.db.World(api.DefaultWorld)
	if errors.Is(err, store.ErrNoWorld) {
		return nil // the data is new
	}
	if err != nil {
		return err
	}
	made, err := control.OriginOf(world.Meta)
	if err != nil {
		return err
	}
	given := &s.config
	switch {
	case given.SeedGiven && made.Seed != given.Seed, given.FixtureGiven && made.Fixture != c.own:
		return fmt.Errorf("data: %s was made with --fixture %s --seed %d, not with --fixture %s --seed %d; use the flags "+
			"that it was made with, leave them out, or use another directory", s.dir, made.Fixture, made.Seed, c.own, given.Seed)
	case given.FixtureGiven && made.Sum != "" && c.sum() != made.Sum:
		return fmt.Errorf("data: %s was made from another version of the fixture %s; leave --fixture out to keep the "+
			"data, or use another directory", s.dir, c.file)
	}
	given.Seed, s.made = made.Seed, made
	if !given.FixtureGiven && c.file == "" && slices.Contains(fixtures.Names(), made.Fixture) {
		c.own = made.Fixture
	}
	return nil
}

// Origin returns the fixture and the seed that the data was made from.
func (s *Simulator) Origin() (fixture string, seed uint64) {
	if s.made.Fixture != "" {
		return s.made.Fixture, s.made.Seed
	}
	return s.config.Fixture, s.config.Seed
}
