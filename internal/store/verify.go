package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Verifier is a table of any type of rows, as Verify and the export of a world use it. Every *Table implements it.
type Verifier interface {
	Name() string
	Verify(tx *Tx) []string
	Has(tx *Tx, key string) bool
	Export(tx *Tx) iter.Seq2[string, []byte]
	Import(tx *Tx, doc []byte) error
}

// Verify checks the file's pages, every chain, and the given tables in every partition of the present, the start and
// the checkpoints of every world. It returns all problems in one error. Writers wait while pages are checked: Verify is
// meant for tests and for repair.
func (db *DB) Verify(tables ...Verifier) error {
	if err := db.change(func(*bolt.Tx) error { return nil }); err != nil {
		return err
	}
	if err := db.verifyPages(); err != nil {
		return err
	}
	btx, err := db.begin()
	if err != nil {
		return err
	}
	defer btx.Rollback()
	v := verification{btx: btx, tables: tables, seen: map[string]bool{},
		tops: map[uint64]string{}, frozen: map[uint64]string{}}
	err = btx.Bucket(bucketWorlds).ForEach(func(k, _ []byte) error {
		v.world(string(k))
		return nil
	})
	if err != nil {
		return err
	}
	for id, owner := range v.tops {
		if other := v.frozen[id]; other != "" {
			v.problem("layer %d is the top of %s and frozen in %s", id, owner, other)
		}
	}
	if err := errors.Join(v.problems...); err != nil {
		return fmt.Errorf("store: verify: %w", err)
	}
	return nil
}

func (db *DB) verifyPages() error {
	btx, err := db.beginWrite()
	if err != nil {
		return err
	}
	defer db.readers.resume(func(*recent) {})
	defer btx.Rollback()
	var problems []error
	for err := range btx.Check() {
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("store: verify: pages: %w", err)
	}
	return nil
}

type verification struct {
	btx      *bolt.Tx
	tables   []Verifier
	seen     map[string]bool // encoded chains
	tops     map[uint64]string
	frozen   map[uint64]string
	problems []error
}

func (v *verification) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf(format, args...))
}

func (v *verification) world(name string) {
	r, err := readWorld(v.btx, name, nil)
	if err != nil {
		v.problem("%w", err)
		return
	}
	if other := v.tops[r.chain[0]]; other != "" {
		v.problem("layer %d is the top of %s and of %s", r.chain[0], other, name)
	}
	v.tops[r.chain[0]] = name
	v.chain(name, "present", r.chain, r.chain[1:])
	v.chain(name, "start", r.start, r.start)
	for _, c := range checkpointNames(v.btx, name) {
		chain, _, err := readCheckpoint(v.btx, name, c)
		if err != nil {
			v.problem("%w", err)
			continue
		}
		v.chain(name, "checkpoint "+c, chain, chain)
	}
}

// chain checks a chain of a world, and notes the layers of it that are frozen.
func (v *verification) chain(world, what string, chain, frozen []uint64) {
	last := v.btx.Bucket(bucketMeta).Sequence()
	used := map[uint64]bool{}
	for _, id := range chain {
		if id == 0 || id > last || used[id] {
			v.problem("world %s, %s: layer %d of %d occurs twice or does not exist", world, what, id, last)
		}
		used[id] = true
	}
	for _, id := range frozen {
		v.frozen[id] = fmt.Sprintf("world %s, %s", world, what)
	}
	key := string(appendChain(nil, chain))
	if v.seen[key] {
		return
	}
	v.seen[key] = true
	for _, id := range chain {
		v.layer(id)
	}
	s := &session{src: &source{btx: v.btx, world: world, chain: chain}}
	defer s.end()
	whole := s.whole()
	for _, t := range v.tables {
		for _, partition := range s.partitions(t.Name()) {
			tx := whole.In(partition)
			err := catchCorrupt(func(tx *Tx) error {
				for _, p := range t.Verify(tx) {
					v.problem("world %s, %s, partition %q: %s", world, what, partition, p)
				}
				return nil
			}, tx)
			if err != nil {
				v.problem("world %s, %s, partition %q: %w", world, what, partition, err)
			}
		}
	}
}

// layer checks that the layer has the noted number of entries, and that each has a tag.
func (v *verification) layer(id uint64) {
	key := string(layerKey(id))
	layer := v.btx.Bucket([]byte(key))
	if layer == nil || v.seen[key] {
		return
	}
	v.seen[key] = true
	n := uint64(0)
	c := layer.Cursor()
	for k, value := c.First(); k != nil; k, value = c.Next() {
		if n++; len(value) == 0 || value[0] > tagRow {
			v.problem("layer %d: entry %q has no tag", id, k)
		}
	}
	if n != layer.Sequence() {
		v.problem("layer %d has %d entries, but notes %d", id, n, layer.Sequence())
	}
}

// partitions returns the partitions in which a table has a row or a tombstone.
func (s *session) partitions(table string) []string {
	s.src.openLayers()
	prefix := spacePrefix(table, "")
	var list []string
	for _, c := range s.src.find {
		for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); {
			partition, space := cutValue(k[len(prefix):])
			list = append(list, partition)
			k, _ = c.Seek(successor(k[:len(prefix)+space]))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// verify compares the index entries of one partition with those that read returns for its rows.
func (t *rawTable) verify(tx *Tx, read func(key string, body []byte) (own string, entries []byte, err error)) []string {
	var problems []string
	want := make([]map[string]bool, len(t.indexes))
	for i := range want {
		want[i] = map[string]bool{}
	}
	space := tx.space(t.rows, 0)
	var rows iterator
	tx.iterate(&rows, space, nil)
	defer rows.close()
	for k, v := rows.next(); k != nil; k, v = rows.next() {
		key := string(k[len(space):])
		stored, body := t.split(key, v)
		own, entries, err := read(key, body)
		if own != key {
			problems = append(problems, fmt.Sprintf("%s %q: the row has the key %q", t.name, key, own))
		}
		if err != nil || !bytes.Equal(stored, entries) {
			problems = append(problems,
				fmt.Sprintf("%s %q: stored index entries are not those of the row", t.name, key))
		}
		for list := entries; len(list) > 0; {
			var i int
			var escaped []byte
			i, escaped, list = t.cutEntry(key, list)
			if t.indexes[i].unique && t.taken(tx, i, escaped, key) {
				problems = append(problems,
					fmt.Sprintf("%s %q: index %s: value not unique", t.name, key, t.indexes[i].name))
			}
			want[i][string(escaped)+key] = true
		}
	}
	for i := range t.indexes {
		problems = append(problems, t.verifyIndex(tx, i, want[i])...)
	}
	return problems
}

// verifyIndex compares the entries of one index with those that the rows have.
func (t *rawTable) verifyIndex(tx *Tx, index int, want map[string]bool) []string {
	var problems []string
	name := t.indexes[index].name
	space := tx.space(t.indexes[index].space, 0)
	var it iterator
	tx.iterate(&it, space, nil)
	defer it.close()
	for k, _ := it.next(); k != nil; k, _ = it.next() {
		entry := string(k[len(space):])
		if !want[entry] {
			problems = append(problems, fmt.Sprintf("%s: index %s: entry %q has no row", t.name, name, entry))
		}
		delete(want, entry)
	}
	for k := range want {
		problems = append(problems, fmt.Sprintf("%s: index %s: no entry %q", t.name, name, k))
	}
	return problems
}
