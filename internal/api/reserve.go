package api

import (
	"context"
	"net/http"
	"time"

	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// reserver is a response writer that bounds the memory of the bodies that wait for their clients.
type reserver interface {
	Reserve(req *http.Request, size int) bool
}

// Reserve waits until a body of that size may be held in memory until the client has read it. It returns false if it
// may not, because too many others are held: the response must then be a small one. A writer without a bound holds any
// body.
func Reserve(w http.ResponseWriter, req *http.Request, size int) bool {
	for {
		switch at := w.(type) {
		case reserver:
			return at.Reserve(req, size)
		case interface{ Unwrap() http.ResponseWriter }:
			w = at.Unwrap()
		default:
			return true
		}
	}
}

// NoRoom is the text of a response in place of one that may not be held in memory.
const NoRoom = "the simulator holds as many bytes of responses as it may until their clients read them; read " +
	"responses, or send fewer requests for large ones at a time, and try again"

// The limits of large responses.
const (
	largeBody   = 16 << 10        // the least size of one
	maxRendered = 16              // those that are made at a time: more would take memory and be no faster
	renderWait  = 5 * time.Second // the time that a request waits until it may make one
)

// read runs a read transaction that makes a response. Large ones are made when there is room for them.
func (s *Server) read(r *Request, out *outcome, run func(tx *store.Tx) error) error {
	if r.large.Load() {
		wait, stop := context.WithTimeout(r.HTTP.Context(), renderWait)
		defer stop()
		select {
		case s.rendering <- struct{}{}:
			defer func() { <-s.rendering }()
		case <-wait.Done():
			return noRoom()
		}
	}
	if err := s.engine.View(r.World, r.ID, run); err != nil {
		return err
	}
	size := len(out.resp.Body)
	r.large.Store(size >= largeBody)
	if size >= largeBody && !Reserve(r.out, r.HTTP, size) {
		return noRoom()
	}
	return nil
}

func noRoom() error {
	e := refusal.New(refusal.Unavailable, NoRoom)
	e.Status, e.RetryAfter = http.StatusServiceUnavailable, 1
	return e
}
