package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"storagesim/internal/refusal"
)

// Names of the headers that choose and mark.
const (
	HeaderWorld     = "X-Sim-World"
	HeaderCluster   = "X-Sim-Cluster"
	HeaderFault     = "X-Sim-Fault"
	HeaderRequestID = "X-Sim-Request-Id"
)

// first is Header.Get for a name in its canonical form.
func first(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// DefaultWorld is where a request goes that names no world.
const DefaultWorld = "default"

// Place is a world and, for clustered vendors, a cluster in it; "" leaves the choice open.
type Place struct{ World, Cluster string }

type placeKey struct{}

// Locate answers where a request goes: header, else a token that was minted for a world, else a Host under
// .localhost, else the listener it came in on, else the default world. A name that is wrong is found out when the
// world is opened.
func Locate(req *http.Request, listener Place) Place {
	place := Place{World: first(req.Header, HeaderWorld), Cluster: first(req.Header, HeaderCluster)}
	host := hostPlace(req.Host)
	if place.World == "" {
		place.World = tokenWorld(first(req.Header, "Authorization"))
	}
	if place.World == "" {
		place.World = host.World
	}
	if place.World == "" {
		place.World = listener.World
	}
	if place.World == "" {
		place.World = DefaultWorld
	}
	if place.Cluster == "" {
		place.Cluster = host.Cluster
	}
	if place.Cluster == "" {
		place.Cluster = listener.Cluster
	}
	return place
}

// relocate sends a request that carries its token in the body to the world that the token was minted for, with the same
// rank as a token in Authorization.
func (svc *Service) relocate(r *Request) {
	if svc.BodyToken == nil || first(r.HTTP.Header, HeaderWorld) != "" || tokenWorld(first(r.HTTP.Header, "Authorization")) != "" {
		return
	}
	if world := tokenWorld(svc.BodyToken(r)); world != "" {
		r.World = world
	}
}

// hostPlace reads t1.localhost as the world t1 and west.t1.localhost as the cluster west in it. Any other Host says
// nothing: clients send placeholders there (facts/dms-lucidlink-lucidity.md part 4).
func hostPlace(host string) Place {
	name := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name = host[:i]
	}
	name = strings.TrimSuffix(name, ".")
	const suffix = "localhost"
	if len(name) <= len(suffix) || !strings.EqualFold(name[len(name)-len(suffix):], suffix) {
		return Place{}
	}
	labels := strings.Split(strings.ToLower(name), ".")
	if labels[len(labels)-1] != suffix {
		return Place{}
	}
	switch len(labels) {
	case 2:
		return Place{World: labels[0]}
	case 3:
		return Place{World: labels[1], Cluster: labels[0]}
	}
	return Place{}
}

// GoodLabel says whether a name can be a label of a Host (RFC 1123), as names of worlds and clusters must be.
func GoodLabel(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	for _, b := range []byte(name) {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' {
			return false
		}
	}
	return true
}

// WorldClaim is the claim by which a minted JWT says what world it was minted for.
const WorldClaim = "sim_world"

// OpaquePrefix begins minted tokens that are not JWTs: sim.<world>.<secret>.
const OpaquePrefix = "sim."

// tokenWorld reads the world from a token the simulator minted, without checking it: that is for the vendor's
// authentication, inside the world.
func tokenWorld(authorization string) string {
	token := authorization
	if scheme, rest, ok := strings.Cut(authorization, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if rest, ok := strings.CutPrefix(token, OpaquePrefix); ok {
		world, _, ok := strings.Cut(rest, ".")
		if ok {
			return world
		}
		return ""
	}
	if strings.Count(token, ".") != 2 {
		return ""
	}
	_, rest, _ := strings.Cut(token, ".")
	claimed, _, _ := strings.Cut(rest, ".")
	if len(claimed) > 8192 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(claimed)
	if err != nil {
		return ""
	}
	var claims map[string]json.RawMessage
	var world string
	if json.Unmarshal(payload, &claims) != nil || json.Unmarshal(claims[WorldClaim], &world) != nil {
		return ""
	}
	return world
}

// noWorld is the refusal of a request that names a world that does not exist.
func noWorld(world string) *refusal.Error {
	return refusal.New(refusal.NotFound,
		"world %q does not exist in this simulator; POST /_sim/worlds makes one, GET /_sim/worlds lists them", world).Because(NoWorld{World: world})
}
