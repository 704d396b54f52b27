package control

import (
	"fmt"
	"net/http"

	"storagesim/internal/api"
)

// own returns the world whose port the call came to, or "" if it came to the main address.
func (r *call) own() string { return api.ListenerPlace(r.http.Context()).World }

// onPort returns a problem for a call on the port of a world that is about another world or about the process.
func (r *call) onPort() error {
	own := r.own()
	if own == "" {
		return nil
	}
	if r.row.Process {
		return &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf(
			"this port serves only the world %q; use the simulator's main address for %s", own, r.row.ID())}
	}
	other := r.place.Elsewhere()
	if name := r.param("world"); name != "" && name != own {
		other = name
	}
	if r.row.OfWorld {
		if name := r.param("name"); name != own {
			other = name
		}
	}
	return r.reaches(other)
}

// inLife returns an error if the call is for a life of its world that is over.
func (c *Control) inLife(r *call) error {
	life, err := c.Engine.Life(r.world())
	if err != nil {
		life = nil
	}
	if !api.OtherLife(r.http, life) {
		return nil
	}
	return &Problem{Status: http.StatusConflict, Detail: fmt.Sprintf("the world %q was reset, restored, replaced, "+
		"deleted or created again while this call was on its way", r.world())}
}

// reaches returns a problem if the call came to the port of a world that is not the given one; "" is the port's own.
func (r *call) reaches(world string) error {
	own := r.own()
	if own == "" || world == "" || world == own {
		return nil
	}
	return &Problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("this port serves only the world %q; use the "+
		"simulator's main address for the world %q", own, world)}
}
