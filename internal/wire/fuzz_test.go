package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/wire"
)

// both holds every kind of member that the tests know.
type both struct {
	probe
	More volume `json:"more"`
}

// FuzzUnmarshal reads anything without a panic, accepts only JSON, and writes what it reads back unchanged.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"flag":true,"u32":"3","size":"5","payload":"AQI","at":"2026-01-02T03:04:05.5Z","ttl":"1h","state":2,"ratio":"NaN"}`))
	f.Add([]byte(`{"more":{"raw":[{"x":null}],"Raws":[null,1],"plain":"","other":"","times":[null],"states":{"k":4096}},"pickA":"","pickC":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first both
		if err := wire.Unmarshal(data, &first); err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for _, z := range []wire.Zero{wire.OmitZero, wire.EmitZero} {
			out, err := wire.Append(nil, first, z)
			require.NoError(t, err)
			require.True(t, json.Valid(out), "%q", out)
			var second both
			require.NoError(t, wire.Unmarshal(out, &second), "%s", out)
			again, err := wire.Append(nil, second, z)
			require.NoError(t, err)
			require.Equal(t, string(out), string(again))
		}
	})
}

// FuzzSetField takes any path and text without a panic.
func FuzzSetField(f *testing.F) {
	f.Add("more.states[k]", "Active")
	f.Add("child.child.ttl", "1h")
	f.Fuzz(func(t *testing.T, path, text string) {
		var v both
		if err := wire.SetField(&v, path, []string{text}); err != nil {
			return
		}
		_, err := wire.Append(nil, v, wire.EmitZero)
		require.NoError(t, err)
	})
}
