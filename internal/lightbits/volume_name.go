package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// plainWord says whether a text has 1 to 253 letters, digits, '-', '_' and '.'.
func plainWord(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// checkName refuses names that the product does not take for volumes and snapshots.
func checkName(what, name string) error {
	if name == "" {
		return refusal.New(refusal.InvalidArgument, "the %s name is missing", what)
	}
	if !plainWord(name) {
		return refusal.New(refusal.InvalidArgument,
			"%s name %q contains illegal characters: 1 to 253 letters, digits, '-', '_' and '.' are allowed", what, name)
	}
	return nil
}

// checkVolumeNameFree refuses a name that another live volume of the project has; except is the UUID of the one that
// asks. Names of Deleting and Failed volumes are free.
func (s *Service) checkVolumeNameFree(tx *store.Tx, project, name, except string) error {
	for key := range s.volumes.Table().KeysBy(tx, volumesByName, scopedKey(project, name)) {
		raw, _ := s.volumes.Table().Raw(tx, key)
		state := statemachine.State(statemachine.Peek(raw).State)
		if holdsName(state) && key != scopedKey(project, except) {
			return refusal.New(refusal.AlreadyExists, "a volume with the name %q already exists in project %s", name, project).
				Because(NameTaken{Name: name, Project: project, State: state})
		}
	}
	return nil
}

// holdsName says whether a volume or snapshot in that state keeps its name from others.
func holdsName(state statemachine.State) bool {
	return state != statemachine.State(VolumeDeleting) && state != statemachine.State(VolumeFailed)
}

// volumeByName answers the volume of that name; one that is Deleting or Failed only where no live one has it
// (facts/lightbits.md 4.1 "Transitions").
func (s *Service) volumeByName(tx *store.Tx, project, name string) (statemachine.Row[Volume], bool) {
	var best statemachine.Row[Volume]
	found := false
	for _, row := range s.volumes.Table().By(tx, volumesByName, scopedKey(project, name)) {
		if !found || holdsName(row.Life.State) {
			best, found = row, true
		}
	}
	return best, found
}
