package statemachine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"storagesim/internal/nearest"
	"storagesim/internal/store"
)

// UnknownDelayError is the error of a delay name that no machine has. Valid lists the most similar names.
type UnknownDelayError struct {
	Name  string
	Valid []string
}

func (err *UnknownDelayError) Error() string {
	return fmt.Sprintf("there is no delay called %q", err.Name)
}

// Delays returns the effective values of all named delays in the transaction's world.
func (e *Engine) Delays(tx *store.Tx) (map[string]Delay, error) {
	all := maps.Clone(e.defaults)
	for name := range all {
		d, err := e.delayOf(tx, name)
		if err != nil {
			return nil, err
		}
		all[name] = d
	}
	return all, nil
}

// SetDelays sets the given delays and leaves the others as they are. A nil delay is reset to its default. For an
// unknown name SetDelays returns an *UnknownDelayError, and the caller must roll back. Pending transitions keep their
// due times.
func (e *Engine) SetDelays(tx *store.Tx, set map[string]*Delay) error {
	root := tx.In("")
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if _, ok := e.defaults[name]; !ok {
			return &UnknownDelayError{Name: name, Valid: nearest.To(name, slices.Collect(maps.Keys(e.defaults)))}
		}
		if d := set[name]; d != nil {
			if err := delayOverrides.Put(root, &delayOverride{Name: name, Delay: *d}); err != nil {
				return err
			}
		} else if err := delayOverrides.Delete(root, name); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}
