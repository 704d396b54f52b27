package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"storagesim/internal/nearest"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// maxListed is the number of existing names that an error lists, the most similar ones.
const maxListed = 5

// absent turns store.ErrNotFound for a thing with this name into a 404 that says which things exist.
func absent(err error, thing, name string, exist []string) error {
	if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrNoCheckpoint) {
		return err
	}
	near := nearest.To(name, exist)
	detail := fmt.Sprintf("there is no %s %q; ", thing, name)
	switch n := len(exist); {
	case n == 0:
		detail += "there are none"
	case n <= maxListed:
		detail += "there is " + strings.Join(near, ", ")
	default:
		detail += fmt.Sprintf("there are %d, for example %s", n, strings.Join(near, ", "))
	}
	return &Problem{Status: http.StatusNotFound, Detail: detail, Valid: near}
}

// maxScanned bounds the resources among which a similar name is looked for.
const maxScanned = 1000

// noResource turns an error about the resource in the path into a 404 that says which resources exist.
func (c *Control) noResource(tx *store.Tx, r *call, clusters []string, err error) error {
	var kind *statemachine.UnknownKindError
	if errors.As(err, &kind) {
		p := unknownKind(kind)
		p.Status = http.StatusNotFound
		return p
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var exist []string
	_ = c.Engine.Resources(tx, r.param("kind"), clusters, func(thing statemachine.Resource) bool {
		name := thing.Name
		if name == "" {
			name = thing.ID
		}
		exist = append(exist, name)
		return len(exist) < maxScanned
	}) // the kind is known
	slices.Sort(exist)
	return absent(err, r.param("kind"), r.param("id"), slices.Compact(exist))
}

// unknownKind returns the problem for a kind that no state machine has.
func unknownKind(err *statemachine.UnknownKindError) *Problem {
	return &Problem{Status: http.StatusBadRequest, Valid: nearest.To(err.Kind, err.Valid),
		Detail: err.Error() + nearest.Hint(err.Kind, err.Valid) + "; GET /_sim/machines lists all"}
}
