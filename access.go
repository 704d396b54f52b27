package storagesim

import (
	"net/http"
	"time"
)

// Access is what a client needs to use a vendor's API in a world.
type Access struct {
	// URL is the base URL of the API.
	URL string

	w      *World
	vendor string
}

// Lightbits returns the access to the Lightbits REST API v2.
func (w *World) Lightbits() Access { return Access{w.URL + "/api/v2", w, "lightbits"} }

// DMS returns the access to the Lightbits DMS API v1. Its login is at World.URL + "/login".
func (w *World) DMS() Access { return Access{w.URL + "/api/v1", w, "dms"} }

// LucidLink returns the access to the LucidLink Service API v1. Its OAuth tokens are at World.URL + "/oauth2/token".
func (w *World) LucidLink() Access { return Access{w.URL + "/v1", w, "lucidlink"} }

// Lucidity returns the access to Lucidity's external API.
func (w *World) Lucidity() Access { return Access{w.URL + "/external", w, "lucidity"} }

// Token returns a bearer token for a role, such as "system:viewer". It is valid for ttl on the world's clock. The role
// "" is the most powerful one, and a ttl of 0 is the vendor's own. Without the option StrictAuth, the vendors accept
// any token.
func (a Access) Token(role string, ttl time.Duration) string {
	a.w.tb.Helper()
	return a.Credentials(role, ttl)["token"]
}

// Credentials returns everything that the vendor's clients log in with, by name: "token", for LucidLink "clientId" and
// "clientSecret" too, and for Lucidity "refreshToken". Role and ttl are those of Token.
func (a Access) Credentials(role string, ttl time.Duration) map[string]string {
	a.w.tb.Helper()
	body := map[string]string{"vendor": a.vendor}
	if role != "" {
		body["role"] = role
	}
	if ttl != 0 {
		body["ttl"] = ttl.String()
	}
	var got map[string]string
	a.w.must(http.MethodPost, "/_sim/tokens", body, &got)
	return got
}
