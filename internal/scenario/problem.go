package scenario

import (
	"fmt"
	"slices"
	"strings"

	"storagesim/internal/fixture/document"
)

// Problem is one error in a document.
type Problem = document.Problem

// InvalidError has everything that is wrong in a document, in the order of its lines.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i := range e.Problems {
		lines[i] = fmt.Sprintf("line %d: %s", e.Problems[i].Line, describe(&e.Problems[i]))
	}
	return strings.Join(lines, "\n")
}

// In returns the errors of a file, each on a line that begins with the file's name and the line in it.
func (e *InvalidError) In(file string) string {
	lines := make([]string, len(e.Problems))
	for i := range e.Problems {
		lines[i] = fmt.Sprintf("%s:%d: %s", file, e.Problems[i].Line, describe(&e.Problems[i]))
	}
	return strings.Join(lines, "\n")
}

func describe(p *Problem) string {
	text := p.Detail
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if len(p.Valid) > 0 {
		text += "; valid: " + strings.Join(p.Valid, ", ")
	}
	return text
}

// maxProblems is how many errors are reported at once.
const maxProblems = 100

// problems collects errors.
type problems struct{ list []Problem }

func (p *problems) add(line int, path string, valid []string, format string, args ...any) {
	p.list = append(p.list, Problem{Line: line, Path: path, Detail: fmt.Sprintf(format, args...), Valid: valid})
}

// err returns the collected errors, or nil.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return a.Line - b.Line })
	return &InvalidError{Problems: p.list[:min(len(p.list), maxProblems)]}
}
