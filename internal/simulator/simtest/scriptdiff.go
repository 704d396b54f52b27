package simtest

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Bounds of a printed difference: lines before and after it, and lines of each side.
const (
	contextLines   = 3
	differentLines = 20
)

// compareScript compares the responses got with those that the script expects, block by block, and returns "" or a
// report: the first step that differs, with line numbers of the file, and where the others are. A run that ended early
// has fewer responses than the script; those are compared.
func compareScript(file, text string, got []string) string {
	name := filepath.Base(file)
	var first string
	var others []string
	steps := 0
	for i, b := range blocks(text) {
		if len(b.lines) == 0 || i >= len(got) {
			continue
		}
		if steps++; got[i] == b.want {
			continue
		}
		if first == "" {
			expected := b.line + strings.Count(b.said, "\n") + 2
			first = fmt.Sprintf("%s:%d: %s\n%s", name, b.step(), b.lines[0], diffLines(expected, b.want, got[i]))
			continue
		}
		others = append(others, fmt.Sprint(b.step()))
	}
	if first == "" && len(got) == len(blocks(text)) && updated(text, got) != text {
		first = name + ": every response is as expected, but the file is not in the form that -update writes:\n" +
			diffLines(1, updated(text, got), text)
	}
	if len(others) > 0 {
		return fmt.Sprintf("%s%d more of %d steps differ, at lines %s", first, len(others), steps, strings.Join(others, ", "))
	}
	return strings.TrimSuffix(first, "\n")
}

// diffLines returns the first and the last line that differ, all lines between them, and a few lines around them. Line
// is the number of the first line of want.
func diffLines(line int, want, got string) string {
	w, g := split(want), split(got)
	same := 0
	for same < min(len(w), len(g)) && w[same] == g[same] {
		same++
	}
	end := 0
	for end < min(len(w), len(g))-same && w[len(w)-1-end] == g[len(g)-1-end] {
		end++
	}
	var out strings.Builder
	write := func(sign string, lines []string, number int) {
		for i, text := range lines {
			if i == differentLines {
				fmt.Fprintf(&out, "%s       (%d more lines)\n", sign, len(lines)-i)
				return
			}
			if number > 0 {
				fmt.Fprintf(&out, "%s %5d %s\n", sign, number+i, text)
			} else {
				fmt.Fprintf(&out, "%s       %s\n", sign, text)
			}
		}
	}
	from := max(0, same-contextLines)
	to := min(len(w), len(w)-end+contextLines)
	write(" ", w[from:same], line+from)
	write("-", w[same:len(w)-end], line+same)
	write("+", g[same:len(g)-end], 0)
	write(" ", w[len(w)-end:to], line+len(w)-end)
	return out.String()
}

// split returns the lines of a text; the empty text has none.
func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
