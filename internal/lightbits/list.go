package lightbits

import (
	"iter"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// maxPage is the greatest number of volumes or snapshots in one response, and the default (facts/lightbits.md 6).
const maxPage = 1000

// pageSize returns the limit, or maxPage if the limit is below 1 or above maxPage (assumption 7).
func pageSize(limit int64) int {
	if limit < 1 || limit > maxPage {
		return maxPage
	}
	return int(limit)
}

// listRange returns the prefix of the keys in a list, which is empty for all projects, and the key after which it
// starts.
func (s *Service) listRange(tx *store.Tx, project, offset string) (prefix, after string, err error) {
	if project != "" {
		prefix = scopedKey(project, "")
		if offset != "" {
			after = prefix + offset
		}
		return prefix, after, nil
	}
	if offset == "" {
		return "", "", nil
	}
	for _, key := range s.inEveryProject(tx, offset) {
		if s.volumes.Table().Has(tx, key) || s.snapshots.Table().Has(tx, key) {
			return "", key, nil
		}
	}
	return "", "", refusal.New(refusal.InvalidArgument,
		"offsetUUID %q does not exist; a list over all projects continues only after a volume or snapshot that exists",
		offset)
}

// listPage joins stored bodies into a response without decoding them.
type listPage struct {
	key     string
	limit   int
	showAll bool // include those that are Deleting
	observe func(key string, row statemachine.Stored)

	n    int
	body []byte
}

// add appends a row and reports whether there is room for another.
func (p *listPage) add(key string, raw []byte) bool {
	row := statemachine.Peek(raw)
	if !p.showAll && string(row.State) == string(VolumeDeleting) {
		return true
	}
	p.observe(key, row)
	if p.n == 0 {
		p.body = append(append(append(p.body, `{"`...), p.key...), `":[`...)
	} else {
		p.body = append(p.body, ',')
	}
	p.body = append(p.body, row.Body...)
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
