package lightbits

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

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

// blockChain is a chain under change.
type blockChain struct {
	id      string
	members []blockRow // oldest first: snapshots, then volumes
}

// loadChain reads all of a chain. One that has no member yet is empty.
func loadChain(tx *store.Tx, id string) *blockChain {
	c := &blockChain{id: id}
	for _, b := range blockTable.By(tx, blocksByChain, id) {
		c.members = append(c.members, b)
	}
	c.sort()
	return c
}

// sort puts snapshots before volumes: what a snapshot holds was there before the volume went on.
func (c *blockChain) sort() {
	slices.SortFunc(c.members, func(a, b blockRow) int {
		return cmp.Or(cmp.Compare(a.holder, b.holder), cmp.Compare(a.seq, b.seq))
	})
}

func (c *blockChain) find(key string) int {
	return slices.IndexFunc(c.members, func(b blockRow) bool { return b.key() == key })
}

// member answers the row with that key, or a fresh one for it that put makes the chain's youngest.
func (c *blockChain) member(holder blockHolder, project, uuid string) blockRow {
	if i := c.find(blockKey(holder, project, uuid)); i >= 0 {
		return c.members[i]
	}
	b := blockRow{holder: holder, project: project, uuid: uuid, chain: c.id, seq: 1}
	for i := range c.members {
		b.seq = max(b.seq, c.members[i].seq+1)
	}
	return b
}

func (c *blockChain) put(tx *store.Tx, b blockRow) error {
	if i := c.find(b.key()); i >= 0 {
		c.members[i] = b
	} else {
		c.members = append(c.members, b)
		c.sort()
	}
	return blockTable.Put(tx, &b)
}

func (c *blockChain) remove(tx *store.Tx, key string) error {
	c.members = slices.DeleteFunc(c.members, func(b blockRow) bool { return b.key() == key })
	return blockTable.Delete(tx, key)
}

// nextGeneration is one that nothing in the chain carries.
func (c *blockChain) nextGeneration(compressed bool) physics.Generation {
	var greatest physics.Generation
	for i := range c.members {
		greatest = max(greatest, c.members[i].writing)
		for _, r := range c.members[i].extents {
			greatest = max(greatest, r.Generation)
		}
	}
	return greatest.After(compressed)
}

// account answers what each member has of the chain, by key, and all of it together.
func (c *blockChain) account() (shares map[string]physics.Share, all physics.Blocks) {
	held := make([]physics.Extents, len(c.members))
	for i := range c.members {
		held[i] = c.members[i].extents
	}
	shares = make(map[string]physics.Share, len(held))
	for i, share := range physics.Account(held) {
		shares[c.members[i].key()] = share
		all = all.Plus(share.Layer)
	}
	return shares, all
}
