package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections have no buffers, so that a write waits for the client.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error {
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A response ends when its client reads nothing for the limit, and takes any time if the client reads slowly.
func TestWriteDeadline(t *testing.T) {
	const size = 10 * maxPiece
	for name, c := range map[string]struct {
		pause time.Duration // before each piece
		fails bool
	}{
		"client that reads nothing": {time.Hour, true},
		"client that reads slowly":  {10 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				written := make(chan error, 1)
				handler := func(w http.ResponseWriter, _ *http.Request) {
					_, err := w.Write(bytes.Repeat([]byte("x"), size))
					written <- err
				}
				listener := make(pipes, 1)
				server := &http.Server{Handler: withWriteDeadline(http.HandlerFunc(handler), 30*time.Second, nil)}
				go func() { _ = server.Serve(listener) }()
				client, serving := net.Pipe()
				defer func() {
					require.NoError(t, client.Close())
					require.NoError(t, server.Close())
				}()
				listener <- serving
				_, err := fmt.Fprint(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				require.NoError(t, err)
				began, got := time.Now(), 0
				for piece := make([]byte, maxPiece); err == nil && got < size; {
					time.Sleep(c.pause)
					var n int
					n, err = io.ReadFull(client, piece)
					got += n
				}
				if c.fails {
					require.Error(t, <-written)
					require.Less(t, got, size)
				} else {
					go func() { _, _ = io.Copy(io.Discard, client) }() // the rest: the size of the chunks
					require.NoError(t, <-written)
					require.Greater(t, time.Since(began), time.Minute)
				}
			})
		})
	}
}
