package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// Headers of the simulator. HeaderWorld and HeaderCluster in a request select where it goes, HeaderFault a fault. With
// HeaderLife, the number of a life of its world, a request is refused in any other life; scenarios send it. A response
// has HeaderWorld, HeaderRequestID and, if a fault was injected, HeaderFault.
const (
	HeaderWorld     = "X-Sim-World"
	HeaderCluster   = "X-Sim-Cluster"
	HeaderFault     = "X-Sim-Fault"
	HeaderLife      = "X-Sim-Life"
	HeaderRequestID = "X-Sim-Request-Id"
)

// first is like Header.Get, for a name in canonical form.
func first(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// DefaultWorld is the world of a request that selects none.
const DefaultWorld = "default"

// Place is a world and, for clustered vendors, a cluster in it. An empty name means that none is selected.
type Place struct {
	World, Cluster string
	elsewhere      string
}

// Elsewhere returns the other world that a request selects on the port of one world, or "". Such a request is refused.
func (p Place) Elsewhere() string { return p.elsewhere }

type placeKey struct{}

// Locate returns the world and the cluster that a request selects. The first of these that names one wins: the path
// prefix that InWorld removed, the headers X-Sim-World and X-Sim-Cluster, a token that the simulator minted for a
// world, a Host below .localhost or below the domain of InWorld, and listener, the place of the listener that accepted
// the request. Without any, the world is DefaultWorld and the cluster "". On the port of a world, the world is always
// that one. Locate does not check that they exist.
func Locate(req *http.Request, listener Place) Place {
	place := Place{World: first(req.Header, HeaderWorld), Cluster: first(req.Header, HeaderCluster)}
	host, prefixed := urlPlace(req)
	if prefixed != "" {
		place.World = prefixed
	}
	if place.World == "" {
		place.World = tokenWorld(first(req.Header, "Authorization"))
	}
	if place.World == "" {
		place.World = host.World
	}
	if listener.World != "" && place.World != listener.World {
		place.World, place.elsewhere = listener.World, place.World
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

// locateByBody sets r.World to the world that a token in the body was minted for. Such a token has the same precedence
// as one in the header Authorization.
func (svc *Service) locateByBody(r *Request) {
	h := r.HTTP.Header
	_, prefixed := urlPlace(r.HTTP)
	if svc.BodyToken == nil || prefixed != "" || first(h, HeaderWorld) != "" ||
		tokenWorld(first(h, "Authorization")) != "" {
		return
	}
	world := tokenWorld(svc.BodyToken(r))
	switch own := ListenerPlace(r.HTTP.Context()).World; {
	case world == "":
	case own != "" && own != world:
		r.elsewhere = world
	default:
		r.World = world
	}
}

// localhost is the domain below which names select a world without any configuration.
const localhost = "localhost"

// hostPlace returns the world t1 for the Host t1.domain, and the world t1 and the cluster west for west.t1.domain. With
// more labels it returns a world that cannot exist, so that the request is refused. Any Host that is not below domain
// selects nothing, because clients send placeholders in it (facts/dms-lucidlink-lucidity.md part 4).
func hostPlace(host, domain string) Place {
	name := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name = host[:i]
	}
	name = strings.TrimSuffix(name, ".")
	at := len(name) - len(domain) - 1
	if at < 0 || name[at] != '.' || !strings.EqualFold(name[at+1:], domain) {
		return Place{}
	}
	name = strings.ToLower(name[:at])
	cluster, world, ok := strings.Cut(name, ".")
	if !ok {
		cluster, world = "", name
	}
	if world == "" || strings.Contains(world, ".") || ok && cluster == "" {
		return Place{World: name + "."}
	}
	return Place{World: world, Cluster: cluster}
}

// GoodLabel reports whether name is a lower-case host name label (RFC 1123). Names of worlds and clusters must be.
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

// WorldClaim is the claim of a minted JWT that holds the world it was minted for.
const WorldClaim = "sim_world"

// OpaquePrefix is the prefix of minted tokens that are not JWTs. They have the form sim.<world>.<secret>.
const OpaquePrefix = "sim."

// tokenWorld returns the world that the simulator minted a token for, or "". It does not verify the token: the vendor's
// Authorize does that inside the world.
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

// noWorld returns the refusal of a request to a world that does not exist.
func noWorld(world string) *refusal.Error {
	return refusal.New(refusal.NotFound,
		"world %q does not exist; POST /_sim/worlds creates one, GET /_sim/worlds lists them", world).
		Because(NoWorld{World: world})
}

// notHere returns the refusal of a request to another world than that of its port.
func notHere(own, other string) *refusal.Error {
	return refusal.New(refusal.NotFound,
		"this port serves only the world %q; the world %q has a port of its own, or is at "+
			"the simulator's main address", own, other).Because(NoWorld{World: other})
}

// replaced returns the refusal of a request that waited, or was on its way, while its world began another life.
func replaced(world string) *refusal.Error {
	return refusal.New(refusal.NotFound, "world %q was reset, restored, replaced or created again while this request "+
		"waited; the world that the request was sent to no longer exists", world).
		Because(NoWorld{World: world, Replaced: true})
}

// OtherLife reports whether a request has a HeaderLife that is not the number of life, which is nil for a world that
// does not exist.
func OtherLife(req *http.Request, life *store.Life) bool {
	want := first(req.Header, HeaderLife)
	return want != "" && (life == nil || want != strconv.FormatUint(life.Number, 10))
}

// ForeignToken returns the world that a token was minted for, if it is another one than the transaction's. Anyone can
// sign tokens (docs/decisions/0013), so only the claim tells the tokens of two worlds apart.
func ForeignToken(tx *store.Tx, token string) (world string, foreign bool) {
	world = tokenWorld(token)
	return world, world != "" && world != tx.World()
}
