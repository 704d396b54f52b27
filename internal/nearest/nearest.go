// Package nearest finds the valid names that are most similar to an invalid one, so that a refusal can suggest what a
// user probably meant.
package nearest

import (
	"fmt"
	"slices"
	"strings"
)

const (
	most    = 5   // names that are suggested
	compare = 200 // bytes of a name that are compared
)

// To returns at most five of the names, the most similar to the given one first. The measure is the edit distance,
// regardless of case; names at the same distance are in alphabetical order.
func To(given string, names []string) []string {
	list := slices.Compact(slices.Sorted(slices.Values(names)))
	distances := make(map[string]int, len(list))
	for _, name := range list {
		distances[name] = distance(strings.ToLower(given), strings.ToLower(name))
	}
	slices.SortStableFunc(list, func(a, b string) int { return distances[a] - distances[b] })
	return list[:min(most, len(list))]
}

// Hint returns " (did you mean X?)" with the most similar name, quoted, if it is similar: at most a third of the given
// name's letters are different. Otherwise it returns "".
func Hint(given string, names []string) string {
	list := To(given, names)
	if len(list) == 0 || distance(strings.ToLower(given), strings.ToLower(list[0])) > max(1, len(given)/3) {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", list[0])
}

// distance is the Levenshtein distance of a and b.
func distance(a, b string) int {
	a, b = a[:min(len(a), compare)], b[:min(len(b), compare)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left, diagonal := i+1, i
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j] = left
			left = min(left+1, diagonal+1, change)
		}
		row[len(b)] = left
	}
	return row[len(b)]
}
