package lucidlink

import (
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/wire"
)

// filespaceMachine is the machine of a filespace: the service provisions it, the client initializes it
// (facts/dms-lucidlink-lucidity.md 1.2).
func (s *Service) filespaceMachine() *statemachine.Machine[Filespace] {
	all := []statemachine.State{FilespaceProvisioning, FilespaceProvisioned, FilespaceInitialized, FilespaceError}
	notInitialized := []statemachine.State{FilespaceProvisioning, FilespaceProvisioned, FilespaceError}
	return statemachine.Define(statemachine.Machine[Filespace]{
		Kind: "lucidlink.filespace", Initial: all[:1], Zero: wire.OmitZero,
		Rules: []statemachine.Rule[Filespace]{
			{From: all[:1], On: "provision", To: FilespaceProvisioned, After: "provision", Do: makeBucket},
			{From: all[1:2], On: "initialize", To: FilespaceInitialized, Do: makeRoot},
			{From: all[:3], On: "fail", To: FilespaceError},
			{From: all[1:], On: "delete", To: statemachine.Gone, Do: s.clearFilespace},
		},
		Guards: []statemachine.Guard{
			{Operation: deleteFilespace, In: all[:1], Kind: refusal.Aborted,
				Message: "Cannot delete filespace while in status `{state}`."},
			{Operation: initializeS3, In: []statemachine.State{FilespaceProvisioning, FilespaceError},
				Kind: refusal.Aborted, Message: "Filespace '{name}' cannot be initialized while in status `{state}`."},
			{Operation: initializeS3, In: []statemachine.State{FilespaceInitialized}, Kind: refusal.Aborted,
				Message: "Filespace '{name}' is already initialized."},
			{Operation: linkFilespace, In: notInitialized, Kind: refusal.Aborted,
				Message: "Filespace '{name}' cannot be linked while in status `{state}`."},
			{Operation: useFilespace, In: notInitialized, Kind: refusal.Aborted,
				Message: "Filespace '{name}' cannot be used while in status `{state}`."},
		},
		Delays: map[string]statemachine.DelayDefault{"provision": {Fast: "300ms", Realistic: "90s"}},
		Key:    func(f *Filespace) string { return filespaceKey(f.Domain, f.Name) },
		ID:     func(f *Filespace) string { return f.ID },
		Name:   func(f *Filespace) string { return f.Name },
		Mirror: func(f *Filespace, life statemachine.Life) { f.Status = string(life.State) },
	})
}

// makeBucket gives a bucket to a filespace that was requested without one (seeds/001, assumption 155).
func makeBucket(_ *store.Tx, row *statemachine.Row[Filespace]) error {
	if row.Body.Storage.Bucket == "" {
		row.Body.Storage.Bucket = "lucidlink-" + row.Body.ID
	}
	return nil
}

// clearFilespace removes everything that belongs to a deleted filespace except its costs.
func (s *Service) clearFilespace(tx *store.Tx, row *statemachine.Row[Filespace]) error {
	id := row.Body.ID
	if err := deleteAll(tx, users, id+keySeparator); err != nil {
		return err
	}
	if err := deleteAll(tx, snapshots, id+keySeparator); err != nil {
		return err
	}
	if err := s.unlinkAll(tx, id, func(*Instance) bool { return true }); err != nil {
		return err
	}
	return closeMeter(tx, &row.Body)
}

// deleteAll deletes the rows whose keys have the prefix.
func deleteAll[T any](tx *store.Tx, table *store.Table[T], prefix string) error {
	for key := range table.Scan(tx, prefix, "") {
		if err := table.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}
