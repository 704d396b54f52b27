package lightbits

import (
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// maxName is the length of the longest name of a resource (seeds/003 "valid Lightbits resource naming conventions up to
// 256 alpha-numeric characters", assumption 25).
const maxName = 256

// plainWord reports whether a text has 1 to most characters: letters, digits, '-', '_' and '.'.
func plainWord(text string, most int) bool {
	if text == "" || len(text) > most {
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

// checkName returns InvalidArgument for a name that the product does not accept (assumption 25). what is the noun of
// the message.
func checkName(what, name string) error {
	if name == "" {
		return refusal.New(refusal.InvalidArgument, "the %s name is missing", what)
	}
	if !plainWord(name, maxName) {
		return refusal.New(refusal.InvalidArgument,
			"%s name %q contains illegal characters: 1 to %d letters, digits, '-', '_' and '.' are allowed", what,
			name, maxName)
	}
	return nil
}

// checkVolumeNameFree returns AlreadyExists for the name of another live volume of the project; except is the UUID of
// the volume that may have it. The names of Deleting and Failed volumes are free.
func (s *Service) checkVolumeNameFree(tx *store.Tx, project, name, except string) error {
	for key := range s.volumes.Table().KeysBy(tx, volumesByName, scopedKey(project, name)) {
		raw, _ := s.volumes.Table().Raw(tx, key)
		state := statemachine.State(statemachine.Peek(raw).State)
		if holdsName(state) && key != scopedKey(project, except) {
			return refusal.New(refusal.AlreadyExists, "a volume with the name %q already exists in project %s", name,
				project).
				Because(NameTaken{Name: name, Project: project, State: state})
		}
	}
	return nil
}

// holdsName reports whether no other volume or snapshot can get the name of one in that state.
func holdsName(state statemachine.State) bool {
	return state != statemachine.State(VolumeDeleting) && state != statemachine.State(VolumeFailed)
}

// volumeByName returns the volume of that name. It returns one that is Deleting or Failed only if no live volume has
// the name (facts/lightbits.md 4.1 "Transitions").
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
