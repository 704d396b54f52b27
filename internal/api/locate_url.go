package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// WorldPrefix and the name of a world, as in /_sim/in/t1, may precede every path.
const WorldPrefix = "/_sim/in/"

// inURL is what InWorld found in the URL of a request.
type inURL struct {
	prefixed string // the world in the path
	host     Place
}

type inURLKey struct{}

// InWorld returns a handler that removes the prefix /_sim/in/<world> from the paths of requests before it calls next,
// and that lets the labels of a Host below domain select a world and a cluster. Domain may be "". Locate returns what
// the URL selects, PathPrefix the removed prefix. Request.RequestURI keeps the prefix.
func InWorld(domain string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var found inURL
		if domain != "" {
			found.host = hostPlace(req.Host, domain)
		}
		short := req.URL
		if strings.HasPrefix(req.URL.Path, WorldPrefix) {
			if world, rest, ok := cutWorld(req.URL); ok {
				found.prefixed, short = world, rest
			}
		}
		if found != (inURL{}) {
			req = req.WithContext(context.WithValue(req.Context(), inURLKey{}, found))
			req.URL = short
		}
		next.ServeHTTP(w, req)
	})
}

// cutWorld returns the world in a path that has the prefix, and the URL without both. It returns false for a path
// without a world.
func cutWorld(u *url.URL) (world string, rest *url.URL, ok bool) {
	short := *u
	if u.RawPath == "" {
		world, path, _ := strings.Cut(u.Path[len(WorldPrefix):], "/")
		short.Path = "/" + path
		return world, &short, world != ""
	}
	raw, prefixed := strings.CutPrefix(u.RawPath, WorldPrefix) // it differs from Path: something is escaped
	raw, rawPath, _ := strings.Cut(raw, "/")
	world, worldErr := url.PathUnescape(raw)
	path, pathErr := url.PathUnescape(rawPath)
	short.Path, short.RawPath = "/"+path, "/"+rawPath
	return world, &short, prefixed && world != "" && worldErr == nil && pathErr == nil
}

// urlPlace returns the place that a request's Host selects and the world that its path had as a prefix.
func urlPlace(req *http.Request) (host Place, prefixed string) {
	found, _ := req.Context().Value(inURLKey{}).(inURL)
	if found.host == (Place{}) {
		found.host = hostPlace(req.Host, localhost)
	}
	return found.host, found.prefixed
}

// PathPrefix returns the prefix that InWorld removed from the request's path, such as /_sim/in/t1, or "". A URL in a
// response begins with it, so that a client that follows the URL stays in the world.
func PathPrefix(ctx context.Context) string {
	if found, _ := ctx.Value(inURLKey{}).(inURL); found.prefixed != "" {
		return WorldPrefix + found.prefixed
	}
	return ""
}

// HostDomain returns the domain below which the request's Host names a world, with a leading dot and the port, or "".
func HostDomain(req *http.Request) string {
	place, _ := urlPlace(req)
	if place.World == "" {
		return ""
	}
	at := len(place.World)
	if place.Cluster != "" {
		at += len(place.Cluster) + 1
	}
	return req.Host[min(at, len(req.Host)):]
}
