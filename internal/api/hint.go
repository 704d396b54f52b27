package api

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"storagesim/internal/nearest"
)

// hint names the operation that a request to an unknown route was probably meant for: one with another method, or one
// whose path differs in its base, in doubled or trailing slashes or in case. It returns "" if there is none, or if the
// path has more than maxHinted segments.
func hint(services []Service, method, requested string) string {
	if strings.Count(requested, "/") > maxHinted {
		return ""
	}
	clean := path.Clean("/" + requested)
	if found := match(services, method, clean); found != nil {
		switch {
		case strings.Contains(requested, "//"):
			return found.suggestion(method, clean) + "; the path has doubled slashes"
		case strings.HasSuffix(requested, "/"):
			return found.suggestion(method, clean) + "; the path has a trailing slash"
		}
	}
	if methods := methodsOf(services, clean); len(methods) > 0 {
		return "the path exists, but not with the method " + method + "; it accepts " + strings.Join(methods, ", ")
	}
	if lower := strings.ToLower(clean); lower != clean {
		if found := match(services, method, lower); found != nil {
			return found.suggestion(method, lower) + "; paths are case-sensitive"
		}
	}
	for _, base := range bases(services) {
		for rest := clean; rest != "" && rest != "/"; rest = afterFirst(rest) {
			at := strings.TrimSuffix(base, "/") + rest
			if found := match(services, method, at); found != nil && at != clean {
				return found.suggestion(method, at) + "; the base path of this API is " + base
			}
		}
	}
	return ""
}

// maxHinted bounds the number of segments of a path, because the time that hint takes is quadratic in it. No operation
// has as many.
const maxHinted = 32

func (op *Operation) suggestion(method, at string) string {
	return "it looks like " + op.ID() + ", " + method + " " + at
}

// afterFirst returns the path without its first segment.
func afterFirst(at string) string {
	if i := strings.IndexByte(at[1:], '/'); i >= 0 {
		return at[1+i:]
	}
	return ""
}

// bases returns the base paths that clients configure: each path of an operation up to the segment with the version,
// such as /api/v2, or / for a path without a version.
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

// match returns the operation with the method and the path, or nil.
func match(services []Service, method, at string) *Operation {
	for i := range services {
		for k := range services[i].Operations {
			op := &services[i].Operations[k]
			if op.Method == method && hasPath(op, at) {
				return op
			}
		}
	}
	return nil
}

func hasPath(op *Operation, at string) bool {
	return slices.ContainsFunc(op.Paths(), func(pattern string) bool { return fits(pattern, at) })
}

// fits reports whether a path matches a pattern in chi's syntax.
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

// NearestRoutes returns the operations of the service whose method and path are the most similar to a request's.
func (svc *Service) NearestRoutes(method, requested string) []string {
	var routes []string
	for i := range svc.Operations {
		for _, at := range svc.Operations[i].Paths() {
			routes = append(routes, svc.Operations[i].Method+" "+at)
		}
	}
	return nearest.To(method+" "+requested, routes)
}

// nearestRoute names the operation of the vendor whose path is the most similar to the target of a request.
func (s *Server) nearestRoute(vendor, method, target string) string {
	at, _, _ := strings.Cut(target, "?")
	for i := range s.services {
		if s.services[i].Vendor != vendor {
			continue
		}
		if list := s.services[i].NearestRoutes(method, at); len(list) > 0 {
			return "no operation has this path; the nearest is " + list[0]
		}
	}
	return "no operation has this path"
}
