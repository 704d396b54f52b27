package api

import (
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/store"
)

// Scope selects the exchanges of one life of a world, or of all lives of all worlds.
type Scope struct {
	Life *store.Life
	All  bool
}

// Found is an exchange that Find has found. The journal may drop it later.
type Found struct {
	rec    *record
	number uint64
}

// ID returns the id of the exchange.
func (f Found) ID() string { return "req-" + strconv.FormatUint(f.number, 10) }

// Find returns the latest exchanges of the scope for which keep returns true, in the order of their beginnings: at most
// limit of them, with numbers in their ids below before, unless that is 0. More reports whether there are earlier ones.
// Dropped is the number of exchanges of the scope that the journal no longer has. The exchanges that are passed to keep
// have no headers and no bodies.
func (j *Journal) Find(
	scope Scope, limit int, before uint64, keep func(*Exchange) bool,
) (list []Found, more bool, dropped uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	records, dropped := j.records(scope)
	for i := len(records) - 1; i >= 0; i-- {
		if before != 0 && records[i].number >= before || !keep(&records[i].short) {
			continue
		}
		if len(list) == limit {
			more = true
			break
		}
		list = append(list, Found{records[i], records[i].number})
	}
	slices.Reverse(list)
	return list, more, dropped
}

// records returns the records of the scope in the order of their numbers.
func (j *Journal) records(scope Scope) ([]*record, uint64) {
	if !scope.All {
		for _, b := range j.live {
			if scope.Life != nil && b.life.Number == scope.Life.Number {
				return b.records, b.dropped
			}
		}
		return nil, 0
	}
	all := make([]*record, 0, j.count)
	all = append(all, j.strays.records...)
	for _, list := range [][]*book{j.live, j.over} {
		for _, b := range list {
			all = append(all, b.records...)
		}
	}
	slices.SortFunc(all, func(a, b *record) int { return int(int64(a.number) - int64(b.number)) })
	return all, j.dropped
}

// Read returns a found exchange. It returns false if the journal has dropped it since.
func (j *Journal) Read(found Found) (Exchange, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if found.rec.book == nil {
		return Exchange{}, false
	}
	return found.rec.unpack(), true
}

// LifeOf returns the number of the exchange's life, or 0 if its world did not exist.
func (j *Journal) LifeOf(f Found) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if f.rec.book == nil || f.rec.book.life == nil {
		return 0
	}
	return f.rec.book.life.Number
}

// Get returns the exchange with an id, of any life of any world.
func (j *Journal) Get(id string) (Exchange, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	number, ok := RequestNumber(id)
	if !ok {
		return Exchange{}, false
	}
	for _, list := range [][]*book{{j.strays}, j.live, j.over} {
		for _, b := range list {
			if at := b.search(number); at < len(b.records) && b.records[at].number == number {
				return b.records[at].unpack(), true
			}
		}
	}
	return Exchange{}, false
}

// Clear removes the exchanges of all lives of a world, and forgets how many were dropped.
func (j *Journal) Clear(world string) {
	j.clear(func(rec *record) bool { return rec.short.World == world })
}

// ClearAll removes all exchanges, and forgets how many were dropped.
func (j *Journal) ClearAll() {
	j.clear(func(*record) bool { return true })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dropped = 0
}

func (j *Journal) clear(of func(*record) bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, list := range [][]*book{{j.strays}, slices.Clone(j.live), slices.Clone(j.over)} {
		for _, b := range list {
			for _, rec := range slices.Clone(b.records) {
				if of(rec) {
					j.take(rec)
					*rec = record{}
				}
			}
			if len(b.records) == 0 {
				b.dropped = 0
			}
		}
	}
}

// RequestNumber returns the number in the id of an exchange, such as 12 of req-12.
func RequestNumber(id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, "req-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil
}
