package simulator

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/control"
)

// gate is the handler that refuses requests that a web page of another origin makes, before they are recorded or
// served. Programs send neither Origin nor Sec-Fetch-Site, so it lets them pass.
type gate struct {
	next http.Handler
	// forbid refuses a request for a vendor's path.
	forbid  func(w http.ResponseWriter, req *http.Request, message string)
	origins []string // of --cors-origins
	cross   *http.CrossOriginProtection
	// hosts are the names by which the control surface may be called besides localhost, names below it and IP addresses.
	// If checked is false, any name may be used.
	hosts   []string
	checked bool
}

// newGate returns the gate of a listener. The name of a host is checked on the loopback, where a page can only get by
// DNS rebinding: an address elsewhere has names that the simulator does not know.
func (s *Simulator) newGate(listener net.Addr, own string) (*gate, error) {
	g := &gate{next: s.handler, forbid: s.server.Forbid, origins: s.config.CORSOrigins,
		cross: http.NewCrossOriginProtection(), hosts: slices.Clone(s.config.AllowedHosts)}
	for _, origin := range g.origins {
		if origin == "*" {
			continue
		}
		if err := g.cross.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("cors-origins: %w", err)
		}
	}
	if host, _, err := net.SplitHostPort(own); err == nil && host != "" {
		g.hosts = append(g.hosts, strings.ToLower(host))
	}
	if d := s.config.WorldDomain; d != "" {
		g.hosts = append(g.hosts, d, "*."+d)
	}
	g.checked = len(s.config.AllowedHosts) > 0 || isLoopback(listener)
	return g, nil
}

// isLoopback reports whether only this machine can reach the address of a listener.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (g *gate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ours := control.Owns(req.URL.Path)
	if ours && g.checked && !g.knows(req.Host) {
		g.refuse(w, req, ours, fmt.Sprintf("%q is not a name of this simulator; use localhost, a name below .localhost "+
			"or an IP address, or start the simulator with --allowed-hosts %s", req.Host, hostName(req.Host)))
		return
	}
	if !g.admits(req, ours) {
		g.refuse(w, req, ours, fmt.Sprintf("this request comes from a web page of another origin (Origin %q, Sec-Fetch-Site "+
			"%q); --cors-origins lists the origins whose pages may call the simulator", req.Header.Get("Origin"),
			req.Header.Get("Sec-Fetch-Site")))
		return
	}
	if len(g.origins) > 0 && g.share(w.Header(), req) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	g.next.ServeHTTP(w, req)
}

// admits reports whether a request may pass that a browser made. A page of another origin may read nothing of the
// control surface; of vendors' paths its browser does not show it the responses, so only changes are refused there.
func (g *gate) admits(req *http.Request, ours bool) bool {
	if slices.Contains(g.origins, "*") {
		return true
	}
	if ours && req.Header.Get("Sec-Fetch-Mode") == "navigate" && req.Method == http.MethodGet {
		return true // a link, whose page the other origin cannot read
	}
	probe := req
	if ours || isPreflight(req) { // Check passes safe methods
		probe = &http.Request{Method: http.MethodPost, Header: req.Header, Host: req.Host, URL: req.URL}
	}
	return g.cross.Check(probe) == nil
}

// isPreflight reports whether a browser asks if a page of another origin may make a request.
func isPreflight(req *http.Request) bool {
	return req.Method == http.MethodOptions && req.Header.Get("Access-Control-Request-Method") != ""
}

// share adds the headers with which a browser shows the response to a page of a listed origin. It reports whether the
// request is a preflight, whose response is complete with them.
func (g *gate) share(h http.Header, req *http.Request) (complete bool) {
	h.Add("Vary", "Origin")
	origin := req.Header.Get("Origin")
	if origin == "" || !slices.Contains(g.origins, "*") && !slices.Contains(g.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if !isPreflight(req) {
		h.Set("Access-Control-Expose-Headers", "*")
		return false
	}
	h.Set("Access-Control-Allow-Methods", req.Header.Get("Access-Control-Request-Method"))
	if names := req.Header.Values("Access-Control-Request-Headers"); len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ", "))
	}
	h.Set("Access-Control-Max-Age", strconv.Itoa(600))
	return true
}

func (g *gate) refuse(w http.ResponseWriter, req *http.Request, ours bool, message string) {
	if !ours {
		g.forbid(w, req, message)
		return
	}
	api.Write(w, api.Problem(http.StatusForbidden, errors.New(message)))
}

// knows reports whether a Host may call the control surface: one that DNS cannot point to this machine while a page of
// it is open. A request without Host is not a browser's.
func (g *gate) knows(host string) bool {
	name := hostName(host)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		net.ParseIP(strings.Trim(name, "[]")) != nil {
		return true
	}
	return slices.ContainsFunc(g.hosts, func(allowed string) bool {
		if rest, ok := strings.CutPrefix(allowed, "*"); ok {
			return strings.HasSuffix(name, rest)
		}
		return name == allowed
	})
}

// hostName returns the name in a Host in lower case, without the port and a final dot.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// checkHosts returns an error for a name that AllowedHosts cannot have.
func checkHosts(names []string) error {
	for _, name := range names {
		plain := strings.TrimPrefix(name, "*.")
		if plain == "" || strings.ContainsAny(plain, "*/:@ ") || name != strings.ToLower(name) {
			return fmt.Errorf("allowed-hosts %q: must be a lower-case host name without a port, such as sim.example.com or "+
				"*.example.com", name)
		}
	}
	return nil
}

// checkOrigins returns an error for an origin that CORSOrigins cannot have.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		if origin == "*" {
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("cors-origins %q: must be the origin of a page, such as http://localhost:3000, or *", origin)
		}
	}
	return nil
}
