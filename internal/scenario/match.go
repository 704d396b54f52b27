package scenario

import (
	"strings"

	"storagesim/internal/nearest"
)

// find returns the operation of a method and a path, and the path parameters. A parameter may be a variable.
func find(rows []Operation, method, path string) (*Operation, map[string]string) {
	var best *Operation
	var bestParams map[string]string
	for i := range rows {
		if rows[i].Method != method {
			continue
		}
		for _, pattern := range rows[i].Paths {
			params, ok := match(pattern, path)
			if ok && (best == nil || len(params) < len(bestParams)) { // the one with fewer parameters, as in the router
				best, bestParams = &rows[i], params
			}
		}
	}
	return best, bestParams
}

// match matches a path against a pattern with {parameters} and returns their values. Only the last parameter may be
// empty (design 3, the twin route).
func match(pattern, path string) (params map[string]string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params = map[string]string{}
	for i, part := range want {
		before, rest, isParam := strings.Cut(part, "{")
		if !isParam {
			if part != got[i] {
				return nil, false
			}
			continue
		}
		name, after, _ := strings.Cut(rest, "}")
		value := got[i]
		if !strings.HasPrefix(value, before) || !strings.HasSuffix(value, after) || len(value) < len(before)+len(after) {
			return nil, false
		}
		if value = value[len(before) : len(value)-len(after)]; value == "" && i != len(want)-1 {
			return nil, false
		}
		params[name] = value
	}
	return params, true
}

// nearestOperations returns the operations that are most similar to a method and a path.
func nearestOperations(rows []Operation, method, path string) []string {
	var list []string
	for i := range rows {
		for _, p := range rows[i].Paths {
			list = append(list, rows[i].Method+" "+p)
		}
	}
	return nearest.To(method+" "+path, list)
}
