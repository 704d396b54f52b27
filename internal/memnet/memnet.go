// Package memnet is a network in memory that behaves as TCP on the loopback does: connections are buffered, can be
// half closed and reset, and have deadlines. A goroutine that waits in it is durably blocked in the sense of
// testing/synctest, so that servers and clients can run in a bubble. In a bubble the network must be made there.
package memnet

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Bounds of a network.
const (
	firstPort = 20000 // of the listeners that ask for port 0
	backlog   = 128   // connections that wait for Accept
)

// Network is a loopback interface with its ports. The zero value has no listeners.
type Network struct {
	mu        sync.Mutex
	listeners map[int]*listener
	next      int // counts listeners and connections that took a port
}

// Listen opens a listener on an address such as 127.0.0.1:0; port 0 takes a free one. Its Addr is a *net.TCPAddr. The
// host must be a loopback address.
func (n *Network) Listen(address string) (net.Listener, error) {
	addr, err := resolve(address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr.Port == 0 {
		addr.Port = n.freePort()
	}
	if n.listeners[addr.Port] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: syscall.EADDRINUSE}
	}
	if n.listeners == nil {
		n.listeners = map[int]*listener{}
	}
	l := &listener{network: n, addr: addr, queue: make(chan *conn, backlog), closed: make(chan struct{})}
	n.listeners[addr.Port] = l
	return l, nil
}

// freePort returns a port that no listener has. n.mu must be held.
func (n *Network) freePort() int {
	for {
		n.next++
		if port := firstPort + n.next%(1<<16-firstPort); n.listeners[port] == nil {
			return port
		}
	}
}

// DialContext connects to a listener. It has the signature of http.Transport.DialContext; the network must be TCP.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	failed := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: network, Err: err} }
	if !strings.HasPrefix(network, "tcp") {
		return failed(net.UnknownNetworkError(network))
	}
	addr, err := resolve(address)
	if err != nil {
		return failed(err)
	}
	n.mu.Lock()
	l := n.listeners[addr.Port]
	own := &net.TCPAddr{IP: addr.IP, Port: n.freePort()}
	n.mu.Unlock()
	if l == nil {
		return failed(syscall.ECONNREFUSED)
	}
	client, server := pair(own, l.addr)
	select {
	case l.queue <- server:
		select {
		case <-l.closed: // Close may have reset those that wait before this one came
			_ = client.Close()
			return failed(syscall.ECONNREFUSED)
		default:
			return client, nil
		}
	case <-l.closed:
		return failed(syscall.ECONNREFUSED)
	case <-ctx.Done():
		return failed(ctx.Err())
	}
}

// resolve parses an address of the loopback. A name is localhost or one below it.
func resolve(address string) (*net.TCPAddr, error) {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: must be a number from 0 to 65535", number)
	}
	ip := net.ParseIP(host)
	if name := strings.ToLower(host); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		ip = net.IPv4(127, 0, 0, 1)
	}
	if ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("host %q: only the loopback is in memory; use 127.0.0.1 or localhost", host)
	}
	return &net.TCPAddr{IP: ip, Port: int(port)}, nil
}

type listener struct {
	network *Network
	addr    *net.TCPAddr
	queue   chan *conn
	once    sync.Once
	closed  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
}

// Close ends Accept and resets the connections that nobody has accepted.
func (l *listener) Close() error {
	err := error(&net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed})
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.addr.Port)
		l.network.mu.Unlock()
		close(l.closed)
		for err = nil; ; {
			select {
			case c := <-l.queue:
				_ = c.SetLinger(0)
				_ = c.Close()
				continue
			default:
			}
			return
		}
	})
	return err
}

func (l *listener) Addr() net.Addr { return l.addr }
