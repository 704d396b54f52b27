package lightbits

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func TestWriteVolume_Refusals(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withNodes(3, 1<<40))
	v := h.newVolume("v", "1MiB", 2, "false")
	action := h.service.writeVolumeAction()
	refused := func(name string, kind refusal.Kind, params, words string) {
		t.Helper()
		before := h.used()
		_, err := h.act(action, params)
		require.ErrorContains(t, err, words, name)
		require.Equal(t, kind, refusal.Of(err).Kind, name)
		require.Equal(t, before, h.used(), "%s: a refused write charges nothing", name)
	}
	refused("volume in Creating", refusal.FailedPrecondition, `{"volume":"v","bytes":1}`, "is Creating")
	h.advance(time.Second)

	refused("after the end", refusal.OutOfRange, `{"volume":"v","offset":"1MiB","bytes":1}`, "exceed the 1048576 bytes")
	refused("across the end", refusal.OutOfRange, `{"volume":"v","offset":1048575,"bytes":2}`, "exceed the")
	refused("overflow", refusal.OutOfRange, `{"volume":"v","offset":1,"bytes":18446744073709551615}`, "exceed the")
	refused("unknown volume", refusal.NotFound, `{"volume":"w","bytes":1}`, `"w" was not found in any project`)
	refused("volume of another project", refusal.NotFound, `{"volume":"v","project":"system","bytes":1}`,
		"not found in project system")
	for state, words := range map[ProtectionState]string{ProtectionReadOnly: "ReadOnly",
		ProtectionNotAvailable: "NotAvailable"} {
		require.NoError(t, h.try(func(tx *store.Tx) error {
			row, err := h.service.volumes.Find(tx, v)
			if err != nil {
				return err
			}
			row.Body.ProtectionState = state
			return h.service.volumes.Touch(tx, &row)
		}))
		refused("protection "+words, refusal.FailedPrecondition, `{"volume":"`+v+`","bytes":1}`,
			"protection state "+words)
	}
	h.ok(http.MethodDelete, volumesPath+"/"+v, "")
	refused("volume in Deleting", refusal.FailedPrecondition, `{"volume":"`+v+`","bytes":1}`, "is Deleting")
}

func TestWriteVolume_InvalidParameters(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withNodes(3, 1<<40))
	for _, project := range []string{"default", "system"} {
		h.created("/api/v2/projects/"+project+"/volumes",
			`{"name":"v","size":"1MiB","replicaCount":1,"acl":{"values":["ALLOW_NONE"]}}`)
	}
	h.advance(time.Second)
	for name, c := range map[string]struct{ params, words string }{
		"no bytes":            {`{"volume":"v","project":"default"}`, "bytes: must be above 0"},
		"no volume":           {`{"bytes":1}`, "volume: must be the UUID or the name"},
		"negative bytes":      {`{"volume":"v","bytes":-1}`, "is not a number of bytes"},
		"fraction of a byte":  {`{"volume":"v","bytes":"0.3b"}`, "is not a number of bytes"},
		"unknown unit":        {`{"volume":"v","bytes":"4 apples"}`, "is not a number of bytes"},
		"bytes of wrong type": {`{"volume":"v","bytes":true}`, "is not a number of bytes"},
		"unknown member":      {`{"volume":"v","bytes":1,"ofset":1}`, "ofset"},
		"ambiguous name":      {`{"volume":"v","bytes":1}`, "several projects have a volume named"},
	} {
		_, err := h.act(h.service.writeVolumeAction(), c.params)
		require.ErrorContains(t, err, c.words, name)
		require.Nil(t, refusal.Of(err), name)
	}
}

func TestWriteVolume_WidensToWholeBlocks(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "1MiB", 1, "false")
	for _, c := range []struct {
		params       string
		start, count uint64
	}{
		{`"offset":4095,"bytes":2`, 0, 2},
		{`"offset":"8 KiB","bytes":"1b"`, 2, 1},
		{`"offset":8192,"bytes":"4096"`, 2, 1},
		{`"bytes":"1.5KiB","project":"default"`, 0, 1},
		{`"offset":"1020KiB","bytes":"4KiB"`, 255, 1},
	} {
		answer, err := h.act(h.service.writeVolumeAction(), `{"volume":"v",`+c.params+`}`)
		require.NoError(t, err, c.params)
		require.Equal(t, writtenVolume{Volume: v, Project: "default", StartLBA: c.start, LBAs: c.count,
			Statistics: h.volume(v).Statistics}, answer, c.params)
	}
	require.Equal(t, uint64(4*lba), h.volume(v).Statistics.LogicalUsedStorage)
}

// A write may make a node read-only. After that, or without room for the whole write, it is refused (assumption 74).
func TestWriteVolume_NoRoom(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(1, 1<<20))
	effective := physics.Disks{Count: 8, Bytes: 8 << 20, Coded: true}.Effective()
	v := h.newVolume("v", "7MiB", 1, "false")
	require.Equal(t, uint64(7<<20), effective)
	w := h.newVolume("w", "7MiB", 1, "false")

	h.write(w, 0, 1)
	_, err := h.act(h.service.writeVolumeAction(), `{"volume":"v","bytes":"7MiB"}`)
	require.ErrorContains(t, err, "node server00-0 would hold 7344128 bytes and has room for 7340032")
	require.Equal(t, refusal.ResourceExhausted, refusal.Of(err).Kind)
	require.Equal(t, VolumeStatistics{}, *h.volume(v).Statistics, "a refused write changes nothing")

	h.write(v, 0, 1700)
	_, err = h.act(h.service.writeVolumeAction(), `{"volume":"v","bytes":1}`)
	require.ErrorContains(t, err, "node server00-0 is read-only")
	require.Equal(t, refusal.ResourceExhausted, refusal.Of(err).Kind)

	h.ok(http.MethodDelete, volumesPath+"/"+v, "")
	h.write(w, 0, 2)
}
