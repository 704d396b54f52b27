package lightbits

import (
	"cmp"
	"slices"

	"storagesim/internal/lightbits/physics"
	"storagesim/internal/store"
)

// blockChain is a chain that is being changed.
type blockChain struct {
	id      string
	members []blockRow // oldest first: snapshots, then volumes
}

// loadChain reads a chain with all of its members. A chain without members is empty.
func loadChain(tx *store.Tx, id string) *blockChain {
	c := &blockChain{id: id}
	for _, b := range blockTable.By(tx, blocksByChain, id) {
		c.members = append(c.members, b)
	}
	c.sort()
	return c
}

// sort puts snapshots before volumes: the blocks of a snapshot are older than what its volume wrote afterwards.
func (c *blockChain) sort() {
	slices.SortFunc(c.members, func(a, b blockRow) int {
		return cmp.Or(cmp.Compare(a.holder, b.holder), cmp.Compare(a.seq, b.seq))
	})
}

func (c *blockChain) find(key string) int {
	return slices.IndexFunc(c.members, func(b blockRow) bool { return b.key() == key })
}

// member returns the row of a volume or snapshot. If the chain has none, it returns a new one, the youngest of the
// chain, for put to add.
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

// nextGeneration returns a generation that no block of the chain has.
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

// account returns the share of each member in the chain, by key, and the sum of all blocks.
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
