package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/api"
	"storagesim/internal/redact"
)

// port is a listener and the server on it.
type port struct {
	listener net.Listener
	server   *http.Server
}

// bind opens a port without serving it. Requests on the port go to the world that place names, if any.
func (s *Simulator) bind(address string, place api.Place, identity *identity) (*port, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l := s.config.Limits
	server := &http.Server{
		Handler: s.handler, MaxHeaderBytes: headerBytes(l.HeaderBytes), ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout: l.ReadTimeout, IdleTimeout: l.IdleTimeout,
		ErrorLog: log.New(debugLog{s.config.Log}, "", 0), Protocols: new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return api.WithListener(context.Background(), place) },
	}
	server.Protocols.SetHTTP1(true)
	if identity == nil {
		server.Protocols.SetUnencryptedHTTP2(true)
	} else {
		server.Protocols.SetHTTP2(true)
		server.TLSConfig = &tls.Config{GetCertificate: identity.certificate, MinVersion: tls.VersionTLS12}
	}
	return &port{listener: listener, server: server}, nil
}

// warnIfOpen logs a warning if other machines can reach the control surface without a token.
func (s *Simulator) warnIfOpen() {
	if s.config.AdminToken != "" {
		return
	}
	for _, p := range []*port{s.plain, s.secure} {
		if p == nil {
			continue
		}
		host, _, _ := net.SplitHostPort(p.address()) // a listener's address is valid
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			s.config.Log.Warn().Str("listen", p.address()).
				Msg("other machines can change the simulator through this address; restrict it with --admin-token")
		}
	}
}

// debugLog receives the log of net/http, whose messages are about clients.
type debugLog struct{ log zerolog.Logger }

func (d debugLog) Write(line []byte) (int, error) {
	d.log.Debug().Msg(redact.Line(strings.TrimSpace(string(line))))
	return len(line), nil
}

// headerBytes subtracts the 4096 bytes that net/http adds to its limit.
func headerBytes(limit int) int { return max(limit-4096, 1) }

func (p *port) address() string { return p.listener.Addr().String() }

// serve serves requests on a port in the background until the port is closed.
func (s *Simulator) serve(p *port) {
	s.work.Go(func() {
		if err := p.run(); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.fail(err)
		}
	})
}

func (p *port) run() error {
	if p.server.TLSConfig != nil {
		return p.server.ServeTLS(p.listener, "", "")
	}
	return p.server.Serve(p.listener)
}

// close lets requests finish until the context ends, and then closes the remaining connections.
func (p *port) close(ctx context.Context) {
	if err := p.server.Shutdown(ctx); err != nil {
		_ = p.server.Close() // its only error is that a connection was already closed
	}
	_ = p.listener.Close() // Shutdown does not close a listener that was never served
}

// listenWorld opens a port for one world and returns its address.
func (s *Simulator) listenWorld(world, address string) (string, error) {
	return s.conductor.listen(func() (string, error) { return s.openWorld(world, address) })
}

func (s *Simulator) openWorld(world, address string) (string, error) {
	p, err := s.bind(address, api.Place{World: world}, nil)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = p.listener.Close()
		return "", errors.New("the simulator is stopping")
	}
	s.own[world] = p
	s.serve(p)
	return shownAddress(p.address()), nil
}

// worldGrace is how long requests on a world's own port may continue after the world is deleted.
const worldGrace = time.Second

// unlistenWorld closes a world's own port. It does not wait for the requests on it.
func (s *Simulator) unlistenWorld(world string) {
	s.mu.Lock()
	p := s.own[world]
	delete(s.own, world)
	s.mu.Unlock()
	if p == nil {
		return
	}
	_ = p.listener.Close()
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), worldGrace)
		defer cancel()
		p.close(ctx)
	})
}

// shownAddress returns an address that a client on this machine can use: 127.0.0.1 replaces an unspecified host.
func shownAddress(address string) string {
	host, number, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort("127.0.0.1", number)
}
