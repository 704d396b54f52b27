package fault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"storagesim/internal/store"
)

// While a world has a rule with the effect stale, each successful change by a client is kept as a hidden checkpoint.
// Version 0 is the world at the creation of the rule.

const (
	versionPrefix = store.Hidden + "past-"
	// maxVersions is the number of versions of a world that are kept. It exceeds maxStale because not every change of
	// the world changes a given response.
	maxVersions = 64
)

// versions lists the numbers of the kept versions of a world, oldest first.
func (in *Injector) versions(world string) ([]uint64, error) {
	names, err := in.db.HiddenCheckpoints(world)
	var list []uint64
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, versionPrefix); ok {
			n, err := strconv.ParseUint(digits, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("fault: hidden checkpoint %q of world %q: %w", name, world, err)
			}
			list = append(list, n)
		}
	}
	return list, err
}

func versionName(n uint64) string { return fmt.Sprintf("%s%020d", versionPrefix, n) }

// KeepVersion keeps the world's present state as its newest version, and deletes the oldest one if there are more than
// maxVersions.
func (in *Injector) KeepVersion(world string) error {
	in.keeping.Lock()
	defer in.keeping.Unlock()
	known, err := in.versions(world)
	if err != nil {
		return err
	}
	next := uint64(0)
	if len(known) > 0 {
		next = known[len(known)-1] + 1
	}
	if err := in.db.Checkpoint(world, versionName(next), nil); err != nil {
		return err
	}
	for ; len(known) >= maxVersions; known = known[1:] {
		if err := in.db.DeleteCheckpoint(world, versionName(known[0])); err != nil {
			return err
		}
	}
	return nil
}

// Versions returns the names of the checkpoints that hold a world's kept versions, newest first.
func (in *Injector) Versions(world string) ([]string, error) {
	known, err := in.versions(world)
	names := make([]string, 0, len(known))
	for i := len(known) - 1; i >= 0; i-- {
		names = append(names, versionName(known[i]))
	}
	return names, err
}

// SyncVersions starts or stops keeping a world's versions, depending on its rules. Callers must call it after a change
// of the rules.
func (in *Injector) SyncVersions(world string) error {
	known, err := in.versions(world)
	if err != nil {
		return err
	}
	wanted := in.Armed(world).WantsVersions()
	switch {
	case wanted && len(known) == 0:
		return in.KeepVersion(world)
	case !wanted && len(known) > 0:
		return in.deleteVersions(world, known)
	}
	return nil
}

func (in *Injector) deleteVersions(world string, known []uint64) error {
	in.keeping.Lock()
	defer in.keeping.Unlock()
	for _, n := range known {
		if err := in.db.DeleteCheckpoint(world, versionName(n)); err != nil && !errors.Is(err, store.ErrNoCheckpoint) {
			return err
		}
	}
	return nil
}

// restartVersions deletes the versions of a world whose state was replaced, and keeps new ones if its rules need them.
func (in *Injector) restartVersions(world string) {
	known, err := in.versions(world)
	if err == nil && len(known) > 0 {
		err = in.deleteVersions(world, known)
	}
	if err == nil {
		err = in.SyncVersions(world)
	}
	if err != nil && !errors.Is(err, store.ErrNoWorld) {
		in.log.Error().Err(err).Str("world", world).Msg("earlier versions of a world could not be kept")
	}
}
