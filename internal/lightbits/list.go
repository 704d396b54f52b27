package lightbits

import (
	"container/heap"
	"iter"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// maxPage is the greatest number of volumes or snapshots in one response, and the default (facts/lightbits.md 6).
const maxPage = 1000

// pageSize returns the limit; 0 is maxPage, and so is more than that. A negative limit is InvalidArgument, as in the
// list of events (assumption 7).
func pageSize(limit int64) (int, error) {
	if limit < 0 {
		return 0, refusal.New(refusal.InvalidArgument, "limit %d must not be negative", limit)
	}
	if limit == 0 || limit > maxPage {
		return maxPage, nil
	}
	return int(limit), nil
}

// A list is in the order of UUIDs, over all projects too, so that it continues after any UUID: the page says "list
// starts from the next volume after the provided offset UUID", and nothing about the volume that had it (assumption 8).

// scan returns the rows of a table under prefix, after a key. It is the method Scan of a table.
type scan func(tx *store.Tx, prefix, after string) iter.Seq2[string, []byte]

// listed returns the rows of a project, or of all projects if project is "", in the order of UUIDs, from the first one
// after the UUID offset.
func (s *Service) listed(tx *store.Tx, rows scan, project, offset string) iter.Seq2[string, []byte] {
	if project != "" {
		return rows(tx, scopedKey(project, ""), scopedKey(project, offset))
	}
	return func(yield func(string, []byte) bool) {
		var heads cursors
		for _, name := range s.projectNames(tx) {
			c := &cursor{prefix: scopedKey(name, ""), after: scopedKey(name, offset)}
			if c.fill(tx, rows); len(c.keys) > 0 {
				heads = append(heads, c)
			}
		}
		heap.Init(&heads)
		for len(heads) > 0 {
			c := heads[0]
			if !yield(c.keys[0], c.raw[0]) {
				return
			}
			if c.next(tx, rows) {
				heap.Fix(&heads, 0)
			} else {
				heap.Pop(&heads)
			}
		}
	}
}

// readAhead is the number of rows that a cursor reads at a time.
const readAhead = 16

// cursor is the place of a list in one project.
type cursor struct {
	prefix, after string
	keys          []string
	raw           [][]byte
}

// fill reads the next rows.
func (c *cursor) fill(tx *store.Tx, rows scan) {
	c.keys, c.raw = c.keys[:0], c.raw[:0]
	for key, raw := range rows(tx, c.prefix, c.after) {
		c.keys, c.raw, c.after = append(c.keys, key), append(c.raw, raw), key
		if len(c.keys) == readAhead {
			return
		}
	}
}

// next moves to the next row and reports whether there is one.
func (c *cursor) next(tx *store.Tx, rows scan) bool {
	if c.keys, c.raw = c.keys[1:], c.raw[1:]; len(c.keys) == 0 {
		c.fill(tx, rows)
	}
	return len(c.keys) > 0
}

// uuid returns the UUID of the present row.
func (c *cursor) uuid() string { return c.keys[0][len(c.prefix):] }

// cursors is a heap; the first cursor has the smallest UUID.
type cursors []*cursor

func (h cursors) Len() int           { return len(h) }
func (h cursors) Less(i, k int) bool { return h[i].uuid() < h[k].uuid() }
func (h cursors) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *cursors) Push(c any)        { *h = append(*h, c.(*cursor)) }

// Pop implements heap.Interface.
func (h *cursors) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// listPage joins stored bodies into a response without decoding them.
type listPage struct {
	key     string
	limit   int
	showAll bool // include those that are Deleting
	// show records that the response shows a row and returns its body
	show func(key string, row statemachine.Stored) []byte

	n    int
	body []byte
}

// add appends a row and reports whether there is room for another.
func (p *listPage) add(key string, raw []byte) bool {
	row := statemachine.Peek(raw)
	if !p.showAll && string(row.State) == string(VolumeDeleting) {
		return true
	}
	shown := p.show(key, row)
	if p.n == 0 {
		p.body = append(append(append(p.body, `{"`...), p.key...), `":[`...)
	} else {
		p.body = append(p.body, ',')
	}
	p.body = append(p.body, shown...)
	p.n++
	return p.n < p.limit
}

// scan adds rows until the page is full.
func (p *listPage) scan(rows iter.Seq2[string, []byte]) {
	for key, raw := range rows {
		if !p.add(key, raw) {
			return
		}
	}
}

// answer returns the response: {} for an empty page (assumption 1).
func (p *listPage) answer() api.JSON {
	if p.n == 0 {
		return api.JSON(`{}`)
	}
	return append(p.body, ']', '}')
}
