package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
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
	open := s.config.Bind
	if open == nil {
		open = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	listener, err := open(address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	gate, err := s.newGate(listener.Addr(), address)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	l := s.config.Limits
	server := &http.Server{
		Handler:        withWriteDeadline(gate, l.WriteTimeout, s.outbox),
		MaxHeaderBytes: headerBytes(l.HeaderBytes), ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout: l.ReadTimeout, IdleTimeout: l.IdleTimeout,
		// The deadline of a write ends an HTTP/2 stream, but not a connection whose client reads nothing at all.
		HTTP2:    &http.HTTP2Config{WriteByteTimeout: l.WriteTimeout},
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

// checkWorldAddress returns an error for an address that a world's own port may not have. A name is refused, because
// the system would look it up.
func (s *Simulator) checkWorldAddress(address string) error {
	host, number, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	if _, bad := strconv.ParseUint(number, 10, 16); err != nil || bad != nil || ip == nil && host != "" {
		return fmt.Errorf("%q is not an IP address with a port from 0 to 65535, such as 127.0.0.1:0", address)
	}
	if s.config.WorldListen == WorldListens[0] && !s.reachesOnly(ip) {
		return fmt.Errorf("%q is on another interface than the simulator's address %s; use %s, or start the simulator with "+
			"--world-listen any", address, s.plain.address(), net.JoinHostPort(s.plainIP().String(), number))
	}
	return nil
}

// reachesOnly reports whether who reaches an IP address also reaches the main listener. An address that is not given is
// that of all interfaces.
func (s *Simulator) reachesOnly(ip net.IP) bool {
	main := s.plainIP()
	return main.IsUnspecified() || ip != nil && (ip.IsLoopback() || ip.Equal(main))
}

func (s *Simulator) plainIP() net.IP {
	tcp, _ := s.plain.listener.Addr().(*net.TCPAddr) // bind listens on TCP
	return tcp.IP
}

func (s *Simulator) openWorld(world, address string) (string, error) {
	if err := s.checkWorldAddress(address); err != nil {
		return "", err
	}
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
