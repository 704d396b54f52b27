package lightbits

import (
	"encoding/binary"
	"errors"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// blockHolder says what kind of thing holds blocks. Snapshots sort before volumes.
type blockHolder byte

const (
	holderVolume   blockHolder = 'v'
	holderSnapshot blockHolder = 's'
)

// blockRow is what one volume or snapshot holds. A volume has none until it is first written, so that creating one
// stays cheap; a snapshot has one from its cut on, a clone from its creation on.
//
// Rows that descend from one volume form a chain: it, its snapshots, their clones and so on. Only within a chain can
// two things hold the same block.
type blockRow struct {
	holder        blockHolder
	project, uuid string
	chain         string             // UUID of the volume that all others descend from; it may be gone
	seq           uint64             // order of entry into the chain; among those still there
	writing       physics.Generation // of a volume: what its next write gets, nobody else's; 0 where that must be a new one
	extents       physics.Extents
}

func blockKey(holder blockHolder, project, uuid string) string {
	return string([]byte{byte(holder), 0}) + scopedKey(project, uuid)
}

func (b *blockRow) key() string { return blockKey(b.holder, b.project, b.uuid) }

const blocksByChain = "chain"

var blockTable = store.NewTable("lightbits.blocks", (*blockRow).key, blockCodec(), store.Index[blockRow]{
	Name: blocksByChain, Keys: func(b *blockRow) []string { return []string{b.chain} },
})

// blockCodec stores a row in a few bytes a run:
//
//	texts project, uuid, chain | holder | uvarint seq | uvarint writing | uvarint runs,
//	each run: uvarint gap behind the one before | uvarint count | uvarint generation
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
