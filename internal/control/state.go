package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/fixture"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

const (
	typeJSON = "application/json"
	typeYAML = "application/yaml"
)

// yamlTypes are the media types of YAML in use; RFC 9512 defines the first.
var yamlTypes = [...]string{typeYAML, "application/x-yaml", "text/yaml", "text/x-yaml"}

func getState(c *Control, r *call) (reply[map[string]any], error) {
	contentType, err := stateType(r.http.Header.Values("Accept"))
	if err != nil {
		return reply[map[string]any]{}, err
	}
	leave, err := c.enterLoading(r)
	if err != nil {
		return reply[map[string]any]{}, err
	}
	defer leave()
	var text []byte
	err = c.Engine.View(r.world(), r.by(), func(tx *store.Tx) (err error) {
		text, err = c.States.Export(tx)
		return err
	})
	var unknown *fixture.UnknownTableError
	if errors.As(err, &unknown) {
		err = &Problem{Status: http.StatusConflict, Detail: unknown.Error()}
	}
	if err == nil && contentType == typeYAML {
		text, err = fixture.YAML(text)
	}
	return reply[map[string]any]{value: plain{contentType: contentType, text: text}}, err
}

// maxLoading is how many documents are parsed or made at a time, so that one world does not wait for another's.
const maxLoading = 2

// enterLoading waits until a document may be parsed or made. The caller must call leave after that.
func (c *Control) enterLoading(r *call) (leave func(), err error) {
	select {
	case c.loading <- struct{}{}:
		return func() { <-c.loading }, nil
	case <-r.http.Context().Done():
		return nil, r.http.Context().Err()
	}
}

// stateType chooses the media type by the Accept header: JSON unless the client prefers YAML.
func stateType(accept []string) (string, error) {
	best, chosen, given := 0.0, "", false
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		given = true
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		form := ""
		switch {
		case slices.Contains(yamlTypes[:], name):
			form = typeYAML
		case name == typeJSON || name == "*/*" || name == "application/*":
			form = typeJSON
		case name == "text/*":
			form = typeYAML
		}
		if form != "" && q > best {
			best, chosen = q, form
		}
	}
	switch {
	case chosen != "":
		return chosen, nil
	case !given:
		return typeJSON, nil
	}
	return "", &Problem{Status: http.StatusNotAcceptable, Valid: append([]string{typeJSON}, yamlTypes[:]...),
		Detail: "a world is exported as JSON or YAML; Accept allows neither"}
}

type putStateAnswer struct {
	World string `json:"world"`
	Now   string `json:"now"`
}

func putState(c *Control, r *call) (putStateAnswer, error) {
	w, err := c.DB.World(r.world()) // an unknown world is an error before the body is read
	if err != nil {
		return putStateAnswer{}, err
	}
	text, err := r.bodyOf(fixture.MaxSize)
	if err != nil {
		return putStateAnswer{}, err
	}
	if len(strings.TrimSpace(string(text))) == 0 {
		return putStateAnswer{}, &strict.Error{Detail: "the body is empty; send a fixture, such as the response of " +
			"GET /_sim/state, or {} for an empty world"}
	}
	leave, err := c.enterLoading(r)
	if err != nil {
		return putStateAnswer{}, err
	}
	defer leave()
	document, err := fixture.Parse(text)
	if err != nil {
		return putStateAnswer{}, unreadable(document, err)
	}
	meta, err := metaOf(w.Meta)
	if err != nil {
		return putStateAnswer{}, err
	}
	if err := c.replaceWorld(r, w.Name, &meta, document); err != nil {
		return putStateAnswer{}, flaws(document, err)
	}
	now, err := c.Engine.Now(w.Name)
	return putStateAnswer{World: w.Name, Now: instant(now)}, err
}

// replaceWorld loads the document into the world. Unless the world is the default one or the document is an exported
// world, it mints new tokens.
func (c *Control) replaceWorld(r *call, world string, meta *worldMeta, document *fixture.Document) error {
	meta.Cluster = ""
	load := c.loader(meta, document, fromState)
	if document.Exact() || world == api.DefaultWorld {
		return c.Engine.Replace(world, r.by(), load, nil)
	}
	return c.Engine.Replace(world, r.by(), load, func(tx *store.Tx) error {
		_, err := c.mint(tx, meta, true)
		return err
	})
}

// loader returns the function that loads the document into an empty world and returns the world's meta, with the origin
// and the seed.
func (c *Control) loader(
	meta *worldMeta, document *fixture.Document, from string,
) func(*store.Tx) (json.RawMessage, error) {
	return func(tx *store.Tx) (json.RawMessage, error) {
		tx.SetSeed(meta.Seed)
		if err := c.States.Load(tx, document); err != nil {
			return nil, err
		}
		meta.From, meta.Parent, meta.Seed = from, "", tx.Seed()
		return mustJSON(meta), nil
	}
}

// fromState is the origin, in listings, of a world that PutState has replaced.
const fromState = "PUT " + Prefix + "/state"

// unreadable returns the problem for a document that is neither JSON nor YAML, or not a fixture.
func unreadable(document *fixture.Document, err error) error {
	if errors.As(err, new(*fixture.Errors)) {
		return flaws(document, err)
	}
	return &Problem{Status: http.StatusBadRequest, Detail: "the document is invalid: " + err.Error()}
}

// flaws returns the problem for a document, with all its errors. Without the document they have no lines.
func flaws(document *fixture.Document, err error) error {
	var wrong *fixture.Errors
	if !errors.As(err, &wrong) {
		return err
	}
	p := &Problem{Status: http.StatusBadRequest, Detail: wrong.Error(), Valid: wrong.List[0].Valid}
	for _, one := range wrong.List {
		found := flaw{Path: one.Path, Detail: one.Detail, Valid: one.Valid}
		if document != nil {
			found.Line = document.Line(one.Path)
		}
		p.Errors = append(p.Errors, found)
	}
	if wrong.More > 0 {
		p.Errors = append(p.Errors, flaw{Detail: fmt.Sprintf("%d more errors are not listed", wrong.More)})
	}
	return p
}
