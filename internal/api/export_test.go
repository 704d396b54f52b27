package api

import "storagesim/internal/store"

// Kept is what the journal keeps of a body.
var Kept = kept

// Add adds an exchange of a life that has ended already.
func (j *Journal) Add(life *store.Life, x Exchange) {
	short := x
	short.Header, short.AnswerHeader, short.Body, short.Answer = nil, nil, "", ""
	j.complete(j.begin(&short, life, nil), &x,
		bulk{header: x.Header, answerHeader: x.AnswerHeader, body: []byte(x.Body), answer: []byte(x.Answer)})
}

// List returns the latest exchanges of all worlds, as Find and Read do.
func (j *Journal) List(limit int, keep func(*Exchange) bool) (list []Exchange, dropped uint64) {
	found, _, dropped := j.Find(Scope{All: true}, limit, 0, keep)
	for _, f := range found {
		if x, ok := j.Read(f); ok {
			x.Ended = false
			list = append(list, x)
		}
	}
	return list, dropped
}
