package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// hint says what a request that no row answers looks like, and where it should go: a path with another base, with doubled
// or missing slashes, in other letters, or another method. "" where it is like nothing, as a path of more than maxHinted
// segments is.
func hint(services []Service, method, asked string) string {
	if strings.Count(asked, "/") > maxHinted {
		return ""
	}
	clean := path.Clean("/" + asked)
	if found := match(services, method, clean); found != nil {
		switch {
		case strings.Contains(asked, "//"):
			return found.words(method, clean) + "; the slashes are doubled"
		case strings.HasSuffix(asked, "/"):
			return found.words(method, clean) + "; there is no slash at its end"
		}
	}
	if methods := methodsOf(services, clean); len(methods) > 0 {
		return "the path is known, but not with " + method + "; it takes " + strings.Join(methods, ", ")
	}
	if lower := strings.ToLower(clean); lower != clean {
		if found := match(services, method, lower); found != nil {
			return found.words(method, lower) + "; paths are told apart by case"
		}
	}
	for _, base := range bases(services) {
		for rest := clean; rest != "" && rest != "/"; rest = afterFirst(rest) {
			at := strings.TrimSuffix(base, "/") + rest
			if found := match(services, method, at); found != nil && at != clean {
				return found.words(method, at) + "; the base of its paths is " + base
			}
		}
	}
	return ""
}

// maxHinted is more than any operation has, with any base: looking at a path takes as long as the square of its segments.
const maxHinted = 32

func (op *Operation) words(method, at string) string {
	return "it looks like " + op.ID() + ", which is " + method + " " + at
}

// afterFirst is the path without its first segment.
func afterFirst(at string) string {
	if i := strings.IndexByte(at[1:], '/'); i >= 0 {
		return at[1+i:]
	}
	return ""
}

// bases are what the vendors' paths begin with, as far as clients are told to configure it: up to the segment with the
// version, and the root.
func bases(services []Service) []string {
	var list []string
	for i := range services {
		for k := range services[i].Operations {
			for _, at := range services[i].Operations[k].Paths() {
				base := "/"
				segments := strings.Split(at[1:], "/")
				for n, segment := range segments {
					if len(segment) >= 2 && segment[0] == 'v' && segment[1] >= '0' && segment[1] <= '9' {
						base = "/" + strings.Join(segments[:n+1], "/")
					}
				}
				if !slices.Contains(list, base) {
					list = append(list, base)
				}
			}
		}
	}
	return list
}

// match finds the operation that answers a path.
func match(services []Service, method, at string) *Operation {
	for i := range services {
		for k := range services[i].Operations {
			op := &services[i].Operations[k]
			if op.Method == method && answers(op, at) {
				return op
			}
		}
	}
	return nil
}

func answers(op *Operation, at string) bool {
	return slices.ContainsFunc(op.Paths(), func(pattern string) bool { return fits(pattern, at) })
}

// fits says whether a path is one of a pattern in chi's form.
func fits(pattern, at string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(at, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if strings.HasPrefix(want[i], "{") && have[i] != "" {
			continue
		}
		if want[i] != have[i] {
			return false
		}
	}
	return true
}

func methodsOf(services []Service, at string) []string {
	var list []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if match(services, method, at) != nil {
			list = append(list, method)
		}
	}
	return list
}
