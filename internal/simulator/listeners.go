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
)

// port is a listener and the server on it.
type port struct {
	listener net.Listener
	server   *http.Server
}

// bind opens a port; nothing is served on it before serve. Requests that come in on it belong to the place.
func (s *Simulator) bind(address string, place api.Place, identity *identity) (*port, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l := s.config.Limits
	server := &http.Server{
		Handler: s.handler, MaxHeaderBytes: headerBytes(l.HeaderBytes), ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout: l.ReadTimeout, IdleTimeout: l.IdleTimeout, ErrorLog: log.New(debugLog{s.config.Log}, "", 0), Protocols: new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return api.WithListener(context.Background(), place) },
	}
	server.Protocols.SetHTTP1(true)
	if identity == nil {
		server.Protocols.SetUnencryptedHTTP2(true)
	} else {
		server.Protocols.SetHTTP2(true)
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{identity.cert}, MinVersion: tls.VersionTLS12}
	}
	return &port{listener: listener, server: server}, nil
}

// warnIfOpen says so when others than this machine can change everything.
func (s *Simulator) warnIfOpen() {
	if s.config.AdminToken != "" {
		return
	}
	for _, p := range []*port{s.plain, s.secure} {
		if p == nil {
			continue
		}
		host, _, _ := net.SplitHostPort(p.address()) // it is a listener's
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			s.config.Log.Warn().Str("listen", p.address()).
				Msg("whoever reaches this address can change everything: --admin-token bounds the control surface")
		}
	}
}

// debugLog takes what net/http complains about, which is about clients.
type debugLog struct{ log zerolog.Logger }

func (d debugLog) Write(line []byte) (int, error) {
	d.log.Debug().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}

// headerBytes makes up for the slack that net/http adds to its limit.
func headerBytes(limit int) int { return max(limit-4096, 1) }

func (p *port) address() string { return p.listener.Addr().String() }

// serve answers requests on a port until it is closed.
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

// close lets requests finish until the context ends, and then cuts what is left.
func (p *port) close(ctx context.Context) {
	if err := p.server.Shutdown(ctx); err != nil {
		_ = p.server.Close() // what it says is that a connection was already closed
	}
	_ = p.listener.Close() // one that was never served
}

// listenWorld opens a world's own port.
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

// worldGrace is how long requests on a world's own port may go on once the world is deleted.
const worldGrace = time.Second

// unlistenWorld closes a world's own port, without waiting for the requests in it.
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

// shownAddress is an address as a client on this machine can use it.
func shownAddress(address string) string {
	host, number, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort("127.0.0.1", number)
}
