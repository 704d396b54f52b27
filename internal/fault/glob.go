package fault

import "strings"

// glob says whether the text fits the pattern: * stands for any text, slashes among it, and ? for one byte. It takes
// time in proportion to the product of both lengths at worst.
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

// closest answers the few names that look most like the one that was given.
func closest(asked string, names []string) []string {
	const most = 8
	best := make([]string, 0, most)
	for need := len(asked); need >= 0 && len(best) < most; need-- {
		for _, name := range names {
			if len(best) < most && shared(asked, name) == need {
				best = append(best, name)
			}
		}
	}
	return best
}

// shared counts the characters that a and b have in common in order, without regard to case, reading from the front
// and from the back.
func shared(a, b string) int {
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
