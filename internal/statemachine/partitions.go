package statemachine

import "storagesim/internal/store"

// partition is a part of a world whose tables are kept apart: a cluster.
type partition struct {
	Name    string
	Default bool
}

var partitions = store.NewTable("partitions", func(p *partition) string { return p.Name }, store.JSON[partition](),
	store.Index[partition]{Name: defaultIndex, Keys: func(p *partition) []string {
		if p.Default {
			return []string{"yes"}
		}
		return nil
	}})

// defaultIndex finds the partition that a request means when it names none.
const defaultIndex = "default"

// AddPartition adds a partition to the world, so that the control API finds its resources.
func AddPartition(tx *store.Tx, name string) error {
	return partitions.Put(tx.In(""), &partition{Name: name, Default: DefaultPartition(tx) == ""})
}

// DefaultPartition returns the partition of requests that name none: the first one that was added, unless
// SetDefaultPartition chose another. It returns "" if the world has none.
func DefaultPartition(tx *store.Tx) string { return defaultPartitions.Of(tx.In("")) }

var defaultPartitions = store.NewMemo(func(tx *store.Tx) string {
	for name := range partitions.KeysBy(tx, defaultIndex, "yes") {
		return name
	}
	return ""
})

// SetDefaultPartition chooses the default partition. It returns store.ErrNotFound for a name that was never added.
func SetDefaultPartition(tx *store.Tx, name string) error {
	chosen, err := partitions.Get(tx.In(""), name)
	if err != nil {
		return err
	}
	if old, err := partitions.Get(tx.In(""), DefaultPartition(tx)); err == nil {
		old.Default = false
		if err := partitions.Put(tx.In(""), &old); err != nil {
			return err
		}
	}
	chosen.Default = true
	return partitions.Put(tx.In(""), &chosen)
}

// HasPartition reports whether the world has a partition with that name.
func HasPartition(tx *store.Tx, name string) bool { return partitions.Has(tx.In(""), name) }

// Partitions lists the world's own partition "" and then the others by name.
func Partitions(tx *store.Tx) []string {
	list := []string{""}
	for name := range partitions.Scan(tx.In(""), "", "") {
		list = append(list, name)
	}
	return list
}
