// Package docs runs what README.md and the pages below docs/ tell a reader to paste, in bash and in zsh, and compares
// the output with what the page says.
//
// A page is a list of fenced blocks. The info string of a block says what becomes of it:
//
//	sh             pasted into one shell session per page, in order; every command must succeed
//	sh start       starts the simulator: the command line is "simulator …" or "go run ./cmd/simulator …"
//	sh skip: WHY   is not run, and says why
//	text, json     after an sh block: what that block prints, where … stands for any text
//	yaml FILE      is written to FILE in the directory of the session
//	go test        a Go test file, which must pass
//
// In a table, a cell that is one code span beginning with "curl " is pasted too, and the code span in the next cell is
// what it prints. Other blocks are for reading.
//
// A page without a start block gets a simulator of its own before its first command. The addresses 127.0.0.1:8080 and
// 127.0.0.1:8443 stand for those of the simulator that was started, which listens on free ports.
package docs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A step is one thing that a page makes its reader do.
type step struct {
	kind string // "sh", "start", "file" or "go"
	line int    // of its first line, counted from 1
	code string
	file string // of kind "file"
	want string // what it prints; "" if the page does not say
}

// A page is a document and what it makes its reader do.
type page struct {
	name    string
	steps   []step
	skipped []string // "line N: reason" of every block that is not run
}

// readPage reads the document at path. name is what test failures call it.
func readPage(name, path string) (*page, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &page{name: name}
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		info, fenced := strings.CutPrefix(lines[i], "```")
		if !fenced {
			p.addTableRow(lines[i], i+1)
			continue
		}
		begin := i + 1
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		if i == len(lines) {
			return nil, fmt.Errorf("%s:%d: the block has no end", name, begin)
		}
		p.addBlock(info, strings.Join(lines[begin:i], "\n"), begin+1)
	}
	return p, nil
}

// addBlock appends what the fenced block with that info string asks for.
func (p *page) addBlock(info, code string, line int) {
	language, rest, _ := strings.Cut(info, " ")
	reason, skip := strings.CutPrefix(rest, "skip:")
	switch {
	case skip:
		p.skipped = append(p.skipped, fmt.Sprintf("line %d:%s", line, reason))
	case language == "sh" && rest == "start":
		p.steps = append(p.steps, step{kind: "start", line: line, code: code})
	case language == "sh":
		p.steps = append(p.steps, step{kind: "sh", line: line, code: code})
	case (language == "text" || language == "json") && len(p.steps) > 0 && p.steps[len(p.steps)-1].kind == "sh":
		if last := &p.steps[len(p.steps)-1]; last.want == "" {
			last.want = code
		}
	case language == "yaml" && rest != "":
		p.steps = append(p.steps, step{kind: "file", line: line, code: code, file: rest})
	case language == "go" && rest == "test":
		p.steps = append(p.steps, step{kind: "go", line: line, code: code})
	}
}

// codeCell matches a table cell that is nothing but a code span.
var codeCell = regexp.MustCompile("^`([^`]+)`$")

// addTableRow appends the command of a table's row, if it has one.
func (p *page) addTableRow(row string, line int) {
	if !strings.HasPrefix(row, "|") {
		return
	}
	cells := strings.Split(strings.Trim(row, "|"), " | ")
	for i := range cells {
		command := codeCell.FindStringSubmatch(strings.TrimSpace(cells[i]))
		if command == nil || !strings.HasPrefix(command[1], "curl ") {
			continue
		}
		s := step{kind: "sh", line: line, code: command[1]}
		if i+1 < len(cells) {
			if want := codeCell.FindStringSubmatch(strings.TrimSpace(cells[i+1])); want != nil {
				s.want = want[1]
			}
		}
		p.steps = append(p.steps, s)
	}
}

// matches reports whether got is what want describes. Leading and trailing space does not count; … in want stands for
// any text.
func matches(want, got string) bool {
	parts := strings.Split(strings.TrimSpace(want), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, `.*?`) + `$`).MatchString(strings.TrimSpace(got))
}
