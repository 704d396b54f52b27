package fault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"storagesim/internal/store"
)

// While a world has a rule that wants earlier versions of it, each successful change by a client leaves a hidden
// checkpoint behind: version 0 is the world as it was when the rule was made.

const (
	pastPrefix = store.Hidden + "past-"
	// maxPast is how many versions of a world are kept: more than maxStale, since not every change of a world is seen in
	// one list.
	maxPast = 64
)

// versions lists the numbers of the kept versions of a world, oldest first.
func (in *Injector) versions(world string) ([]uint64, error) {
	names, err := in.db.HiddenCheckpoints(world)
	var list []uint64
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, pastPrefix); ok {
			n, err := strconv.ParseUint(digits, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("fault: hidden checkpoint %q of world %q: %w", name, world, err)
			}
			list = append(list, n)
		}
	}
	return list, err
}

func versionName(n uint64) string { return fmt.Sprintf("%s%020d", pastPrefix, n) }

// KeepVersion keeps the world's present as its newest version, and forgets the oldest beyond maxPast.
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
	if err := in.db.Checkpoint(world, versionName(next)); err != nil {
		return err
	}
	for ; len(known) >= maxPast; known = known[1:] {
		if err := in.db.DeleteCheckpoint(world, versionName(known[0])); err != nil {
			return err
		}
	}
	return nil
}

// Versions answers the names of the checkpoints that hold a world's kept versions, newest first.
func (in *Injector) Versions(world string) ([]string, error) {
	known, err := in.versions(world)
	names := make([]string, 0, len(known))
	for i := len(known) - 1; i >= 0; i-- {
		names = append(names, versionName(known[i]))
	}
	return names, err
}

// SyncVersions begins or ends the keeping of a world's versions, as its rules want it. It is called after the rules were
// changed.
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
		return in.forget(world, known)
	}
	return nil
}

func (in *Injector) forget(world string, known []uint64) error {
	in.keeping.Lock()
	defer in.keeping.Unlock()
	for _, n := range known {
		if err := in.db.DeleteCheckpoint(world, versionName(n)); err != nil && !errors.Is(err, store.ErrNoCheckpoint) {
			return err
		}
	}
	return nil
}

// renew drops the versions of a state that a world no longer has, and begins anew if its rules want any. A world that
// is gone has none.
func (in *Injector) renew(world string) {
	known, err := in.versions(world)
	if err == nil && len(known) > 0 {
		err = in.forget(world, known)
	}
	if err == nil {
		err = in.SyncVersions(world)
	}
	if err != nil && !errors.Is(err, store.ErrNoWorld) {
		in.log.Error().Err(err).Str("world", world).Msg("earlier versions of a world could not be kept")
	}
}
