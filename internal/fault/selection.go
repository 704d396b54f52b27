package fault

import "time"

// Selection is a Match, compiled for requests that have ended. It does not compare operations and states.
type Selection struct{ ready *Ready }

// Select compiles the resource, the project and the headers of a match. It returns an *InvalidError for an invalid one.
func Select(m Match) (*Selection, error) {
	m.Operation, m.State = "", ""
	r := &Ready{Rule: Rule{Match: m}}
	return &Selection{r}, r.checkMatch(&Targets{Operations: []Operation{{}}})
}

// Matches reports whether the match selects a request with this host, these headers and this subject.
func (s *Selection) Matches(host string, header map[string][]string, subject *Subject) bool {
	return s.ready.headerMismatch(host, header) == "" && s.ready.mismatch(subject, time.Time{}) == ""
}

// Glob reports whether the text matches the pattern, as in Match.
func Glob(pattern, text string) bool { return glob(pattern, text) }
