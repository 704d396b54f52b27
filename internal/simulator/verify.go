package simulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Verify checks a data directory that no simulator has open: the pages of the file, the layers of every world, and
// every index of every table. It writes only what opening a database writes. It returns all differences in one error.
func Verify(config Config) error {
	file := filepath.Join(config.Data, fileName)
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	db, err := store.Open(file, store.Options{Log: config.Log})
	if err != nil {
		return err
	}
	var machines []statemachine.Lifecycle
	var tables []store.Verifier
	for _, v := range vendors(config) {
		machines = append(machines, v.Machines...)
		tables = append(tables, v.Tables...)
	}
	engine, err := statemachine.New(db, config.Delays, config.Log, machines...)
	if err == nil {
		err = db.Verify(append(engine.Verifiers(), tables...)...)
	}
	return errors.Join(err, db.Close())
}
