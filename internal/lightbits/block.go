package lightbits

import (
	"encoding/binary"
	"errors"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// blockHolder distinguishes volumes and snapshots, which hold blocks. Snapshots sort before volumes.
type blockHolder byte

const (
	holderVolume   blockHolder = 'v'
	holderSnapshot blockHolder = 's'
)

// blockRow is the set of blocks of one volume or snapshot. A volume has no row until it is first written, so that
// creating it stays cheap; a snapshot has one since it was cut, a clone since it was created.
//
// The rows that descend from one volume form a chain: the volume, its snapshots, their clones and so on. Blocks are
// shared only within a chain.
type blockRow struct {
	holder        blockHolder
	project, uuid string
	chain         string // UUID of the volume that all others descend from; it may be deleted
	seq           uint64 // order of entry into the chain, among the members it still has
	// Of a volume: the generation of its next write, which nothing else has; 0 for a new one
	writing physics.Generation
	extents physics.Extents
}

func blockKey(holder blockHolder, project, uuid string) string {
	return string([]byte{byte(holder), 0}) + scopedKey(project, uuid)
}

func (b *blockRow) key() string { return blockKey(b.holder, b.project, b.uuid) }

const blocksByChain = "chain"

var blockTable = store.NewTable("lightbits.blocks", (*blockRow).key, blockCodec(), store.Index[blockRow]{
	Name: blocksByChain, Keys: func(b *blockRow) []string { return []string{b.chain} },
})

// blockCodec encodes a row in a few bytes per run:
//
//	texts project, uuid, chain | holder | uvarint seq | uvarint writing | uvarint runs,
//	each run: uvarint gap after the previous one | uvarint count | uvarint generation
func blockCodec() store.Codec[blockRow] {
	return store.Codec[blockRow]{
		Append: func(dst []byte, b *blockRow) ([]byte, error) {
			dst = append(appendTexts(dst, b.project, b.uuid, b.chain), byte(b.holder))
			dst = binary.AppendUvarint(binary.AppendUvarint(dst, b.seq), uint64(b.writing))
			dst = binary.AppendUvarint(dst, uint64(len(b.extents)))
			end := uint64(0)
			for _, r := range b.extents {
				dst = binary.AppendUvarint(binary.AppendUvarint(dst, r.Start-end), r.Count)
				dst = binary.AppendUvarint(dst, uint64(r.Generation))
				end = r.Start + r.Count
			}
			return dst, nil
		},
		Decode: func(src []byte, b *blockRow) error {
			c := varint.NewReader(src)
			b.project, b.uuid, b.chain, b.holder = c.Text(), c.Text(), c.Text(), blockHolder(c.Byte())
			b.seq, b.writing = c.Uint(), physics.Generation(c.Uint())
			runs := c.Uint()
			b.extents = make(physics.Extents, 0, min(runs, physics.MaxRuns))
			end := uint64(0)
			for range runs {
				r := physics.Run{Start: end + c.Uint(), Count: c.Uint(), Generation: physics.Generation(c.Uint())}
				if c.Err() != nil || r.Count == 0 || r.Generation == 0 || r.Start+r.Count <= end {
					return errBlockRuns
				}
				end = r.Start + r.Count
				b.extents = append(b.extents, r)
			}
			return c.End()
		},
	}
}

var errBlockRuns = errors.New("runs of blocks are missing, empty or out of order")
