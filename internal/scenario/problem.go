package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in a document.
type Problem struct {
	Line   int      `json:"line"` // from 1
	Path   string   `json:"path,omitempty"`
	Detail string   `json:"detail"`
	Valid  []string `json:"valid,omitempty"` // what would be right there
}

func (p *Problem) String() string {
	text := fmt.Sprintf("line %d: ", p.Line)
	if p.Path != "" {
		text += p.Path + ": "
	}
	text += p.Detail
	if len(p.Valid) > 0 {
		text += "; valid: " + strings.Join(p.Valid, ", ")
	}
	return text
}

// InvalidError is all that is wrong in a document, in the order of its lines.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i := range e.Problems {
		lines[i] = e.Problems[i].String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds what is told at once.
const maxProblems = 100

// problems collects what is wrong.
type problems struct{ list []Problem }

func (p *problems) add(line int, path string, valid []string, format string, args ...any) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, Problem{Line: line, Path: path, Detail: fmt.Sprintf(format, args...), Valid: valid})
	}
}

// err is all of it, or nil.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return a.Line - b.Line })
	return &InvalidError{Problems: p.list}
}
