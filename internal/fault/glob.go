package fault

import "strings"

// glob reports whether the text matches the pattern. * matches any text, including slashes, and ? matches one byte. In
// the worst case the time is proportional to the product of the two lengths.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// closest returns the names that are most similar to the given one, at most eight.
func closest(given string, names []string) []string {
	const limit = 8
	best := make([]string, 0, limit)
	for score := len(given); score >= 0 && len(best) < limit; score-- {
		for _, name := range names {
			if len(best) < limit && similarity(given, name) == score {
				best = append(best, name)
			}
		}
	}
	return best
}

// similarity returns the length of the common prefix of a and b, plus the length of the common suffix of the rest. It
// ignores case.
func similarity(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	a, b = a[n:], b[n:]
	m := 0
	for m < len(a) && m < len(b) && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	return n + m
}
