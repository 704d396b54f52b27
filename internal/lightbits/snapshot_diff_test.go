package lightbits

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/statemachine"
	"storagesim/internal/wire"
)

// diff lists changed blocks; pairs are query parameters.
func (h *blockServer) diff(target string, pairs ...string) (status int, body string) {
	h.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return h.do(http.MethodGet, snapshotsPath+"/diff/"+target+"?"+q.Encode(), "", "")
}

// changed returns the changed LBAs of all pages, and checks the form of each page.
func (h *blockServer) changed(target string, pairs ...string) (lbas []uint64) {
	h.Helper()
	for offset := uint64(0); ; {
		status, body := h.diff(target, append(pairs, "offsetLBA", strconv.FormatUint(offset, 10))...)
		require.Equal(h, http.StatusOK, status, body)
		var page ChangedBlocks
		require.NoError(h, wire.Unmarshal([]byte(body), &page))
		require.LessOrEqual(h, len(page.LBARanges), maxLBARanges)
		for _, r := range page.LBARanges {
			require.Zero(h, r.LBAStart%64)
			require.Equal(h, r.LBAStart+63, r.LBAEnd)
			require.Len(h, r.DataBitMap, 8)
			bits := binary.LittleEndian.Uint64(r.DataBitMap)
			require.NotZero(h, bits)
			for i := range uint64(64) {
				if bits>>i&1 == 1 {
					lbas = append(lbas, r.LBAStart+i)
				}
			}
		}
		if page.NextOffsetLBA == 0 {
			return lbas
		}
		require.Greater(h, page.NextOffsetLBA, offset)
		offset = page.NextOffsetLBA
	}
}

func span(start, count uint64) (list []uint64) {
	for i := range count {
		list = append(list, start+i)
	}
	return list
}

func TestListChangedBlocks_BetweenSnapshots(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "1GiB", 2, "false")
	empty := h.newSnapshot("empty", v)
	h.write(v, 60, 10)
	s1 := h.newSnapshot("s1", v)
	h.write(v, 65, 1)
	h.write(v, 1000, 2)
	s2 := h.newSnapshot("s2", v)

	overwritten := []uint64{65, 1000, 1001}
	for name, c := range map[string]struct {
		target string
		pairs  []string
		want   []uint64
	}{
		"nothing written":                 {empty, nil, nil},
		"since the volume was created":    {s1, nil, span(60, 10)},
		"two writes, one block in both":   {s2, nil, append(span(60, 10), 1000, 1001)},
		"base without blocks":             {s1, []string{"baseSnapshotUUID", empty}, span(60, 10)},
		"blocks overwritten or added":     {s2, []string{"baseSnapshotUUID", s1}, overwritten},
		"target and base by name":         {"", []string{"snapshotName", "s2", "baseSnapshotName", "s1"}, overwritten},
		"target by UUID and base by name": {s2, []string{"baseSnapshotName", "s1"}, overwritten},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, h.changed(c.target, c.pairs...)) })
	}
	t.Run("rollback restores the same blocks", func(t *testing.T) {
		h.ok(http.MethodPut, volumesPath+"/"+v+"/rollback", fmt.Sprintf(`{"srcSnapshotUUID":%q}`, s1))
		s3 := h.newSnapshot("s3", v)
		require.Empty(t, h.changed(s3, "baseSnapshotUUID", s1))
		require.Equal(t, overwritten, h.changed(s3, "baseSnapshotUUID", s2), "and removes the others")
	})
	t.Run("ranges of 64 blocks with a bit map", func(t *testing.T) {
		status, body := h.diff(s2, "baseSnapshotUUID", s1)
		require.Equal(t, http.StatusOK, status)
		require.JSONEq(t, `{"lbaRanges":[
			{"lbaStart":"64","lbaEnd":"127","dataBitMap":"AgAAAAAAAAA="},
			{"lbaStart":"960","lbaEnd":"1023","dataBitMap":"AAAAAAADAAA="}]}`, body)
		_, body = h.diff(empty)
		require.JSONEq(t, `{}`, body)
	})
}

func TestListChangedBlocks_OffsetAndPages(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "4GiB", 1, "false")
	const blocks = (maxLBARanges + 500) * 64
	h.write(v, 0, blocks)
	sn := h.newSnapshot("s", v)

	var page ChangedBlocks
	_, body := h.diff(sn)
	require.NoError(t, wire.Unmarshal([]byte(body), &page))
	require.Len(t, page.LBARanges, maxLBARanges)
	require.Equal(t, uint64(maxLBARanges*64), page.NextOffsetLBA)
	require.Len(t, h.changed(sn), blocks)

	page = ChangedBlocks{}
	_, body = h.diff(sn, "offsetLBA", strconv.Itoa(blocks-1))
	require.NoError(t, wire.Unmarshal([]byte(body), &page))
	require.Len(t, page.LBARanges, 1)
	require.Equal(t, uint64(blocks-64), page.LBARanges[0].LBAStart, "the offset is rounded down to 64")
	require.Equal(t, bytes.Repeat([]byte{0xff}, 8), page.LBARanges[0].DataBitMap)
}

func TestListChangedBlocks_CloneIsOnChainOfSource(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withProfile(statemachine.Instant), withNodes(3, 1<<40))
	v := h.newVolume("v", "1MiB", 1, "false")
	s1 := h.newSnapshot("s1", v)
	c := h.newClone("c", s1)
	h.write(c, 7, 1)
	s2 := h.newSnapshot("s2", c)
	require.Equal(t, []uint64{7}, h.changed(s2, "baseSnapshotUUID", s1))
}

func TestListChangedBlocks_Refusals(t *testing.T) {
	t.Parallel()
	h := newBlockServer(t, withNodes(3, 1<<40))
	v, w := h.newVolume("v", "1MiB", 1, "false"), h.newVolume("w", "1MiB", 1, "false")
	h.advance(time.Second)
	s1, other := h.newSnapshot("s1", v), h.newSnapshot("other", w)
	refused := func(name string, status int, words, target string, pairs ...string) {
		t.Run(fmt.Sprintf("%s is %d", name, status), func(t *testing.T) {
			got, body := h.diff(target, pairs...)
			require.Equal(t, status, got, body)
			require.Contains(t, body, words)
		})
	}
	refused("target in Creating", 400, "is Creating", s1)
	h.advance(time.Second)
	s2 := h.newSnapshot("s2", v)
	h.advance(time.Second)

	const unknown = "6f6f6f6f-0000-4000-8000-000000000000"
	refused("unknown target UUID", 404, "not found", unknown)
	refused("unknown target name", 404, "not found", "", "snapshotName", "nobody")
	refused("unknown base UUID", 404, "not found", s1, "baseSnapshotUUID", unknown)
	refused("unknown base name", 404, "not found", s1, "baseSnapshotName", "nobody")
	refused("no target", 400, "must be given", "")
	refused("base is the target", 400, "identical", s1, "baseSnapshotUUID", s1)
	refused("base is the target, by name", 400, "identical", s1, "baseSnapshotName", "s1")
	refused("base on another chain", 400, "not on the same chain", s2, "baseSnapshotUUID", other)
	refused("base newer than target", 400, "newer", s1, "baseSnapshotUUID", s2)
	refused("offset beyond the size", 400, "offsetLBA 256 exceeds", s2, "offsetLBA", "256")
	refused("negative offset", 400, "offsetLBA", s2, "offsetLBA", "-1")
	t.Run("offset of the last LBA is 200", func(t *testing.T) {
		status, body := h.diff(s2, "offsetLBA", "255")
		require.Equal(t, 200, status, body)
	})
	t.Run("unknown project is 404", func(t *testing.T) {
		status, body := h.do(http.MethodGet, "/api/v2/projects/nowhere/snapshots/diff/"+s1, "", "")
		require.Equal(t, 404, status, body)
	})
	h.ok(http.MethodDelete, snapshotsPath+"/"+s1, "")
	refused("target in Deleting", 400, "is Deleting", s1)
}
