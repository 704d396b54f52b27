package api

import (
	"bytes"
	"encoding/json"

	"storagesim/internal/store"
)

// WorldSettings are the settings that a world has instead of the program's. A member with the zero value is not set:
// the program's setting holds.
type WorldSettings struct {
	Auth                AuthMode `json:"auth,omitempty"`
	Federation          *bool    `json:"federation,omitempty"`
	MaxRunningWorkflows int      `json:"maxRunningWorkflows,omitempty"`
}

// Or returns the settings, with those of preset for the members that are not set.
func (s WorldSettings) Or(preset WorldSettings) WorldSettings {
	if s.Auth == "" {
		s.Auth = preset.Auth
	}
	if s.Federation == nil {
		s.Federation = preset.Federation
	}
	if s.MaxRunningWorkflows == 0 {
		s.MaxRunningWorkflows = preset.MaxRunningWorkflows
	}
	return s
}

// SettingsMember is the member of a world's meta that holds its WorldSettings. The meta stays when the world is reset,
// restored or replaced.
const SettingsMember = "settings"

// SettingsOf returns the settings of the transaction's world.
func SettingsOf(tx *store.Tx) WorldSettings { return worldSettings.Of(tx.In("")) }

var worldSettings = store.NewMemo(func(tx *store.Tx) WorldSettings {
	var meta struct {
		Settings WorldSettings `json:"settings"`
	}
	text := tx.Meta()
	if !bytes.Contains(text, []byte(`"`+SettingsMember+`"`)) {
		return meta.Settings
	}
	_ = json.Unmarshal(text, &meta) // the control surface wrote it
	return meta.Settings
})

// In returns the mode of the transaction's world; m is the program's.
func (m AuthMode) In(tx *store.Tx) AuthMode {
	if own := SettingsOf(tx).Auth; own != "" {
		return own
	}
	return m
}

// Names lists the modes, the default first.
func (AuthMode) Names() []string {
	return []string{string(AuthLenient), string(AuthStrict), string(AuthOff)}
}
