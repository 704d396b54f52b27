package memnet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/memnet"
)

// connected returns both ends of a new connection.
func connected(t *testing.T) (client, server net.Conn) {
	t.Helper()
	n := &memnet.Network{}
	l, err := n.Listen("127.0.0.1:0")
	require.NoError(t, err)
	client, err = n.DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	require.Equal(t, client.LocalAddr(), server.RemoteAddr())
	require.Equal(t, l.Addr(), client.RemoteAddr())
	require.NoError(t, l.Close())
	t.Cleanup(func() { require.NoError(t, client.Close()); require.NoError(t, server.Close()) })
	return client, server
}

func TestConn_BytesArriveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := connected(t)
		sent := make([]byte, 1<<20) // more than fits into the buffer
		_, _ = rand.Read(sent)
		done := make(chan error, 1)
		go func() {
			_, err := client.Write(sent)
			done <- errors.Join(err, client.(interface{ CloseWrite() error }).CloseWrite())
		}()
		got, err := io.ReadAll(server)
		require.NoError(t, errors.Join(err, <-done))
		require.True(t, bytes.Equal(sent, got))

		_, err = server.Write([]byte("still open")) // the other direction
		require.NoError(t, err)
		require.NoError(t, server.Close())
		rest, err := io.ReadAll(client)
		require.NoError(t, err)
		require.Equal(t, "still open", string(rest))
		_, err = client.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed, "this end has closed its direction")
	})
}

func TestConn_WriteWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := connected(t)
		done := make(chan error)
		go func() {
			_, err := client.Write(make([]byte, 1<<20))
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			require.NoError(t, err)
			require.Fail(t, "the buffer has no bound")
		default:
		}
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, syscall.EPIPE)
	})
}

func TestConn_Deadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := connected(t)
		began := time.Now()
		require.NoError(t, client.SetReadDeadline(began.Add(time.Hour)))
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Hour, time.Since(began))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())

		require.NoError(t, client.SetDeadline(time.Time{}))
		_, err = client.Write([]byte("x"))
		require.NoError(t, err, "the deadline was removed")
		require.NoError(t, client.SetWriteDeadline(time.Now().Add(time.Minute)))
		_, err = client.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Hour+time.Minute, time.Since(began))
	})
}

// A deadline in the past ends a read that waits already: net/http ends its background read with one.
func TestConn_DeadlineEndsAWaitingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := connected(t)
		done := make(chan error)
		go func() {
			_, err := client.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, client.SetReadDeadline(time.Unix(1, 0)))
		require.ErrorIs(t, <-done, os.ErrDeadlineExceeded)
	})
}

func TestConn_Reset(t *testing.T) {
	client, server := connected(t)
	_, err := server.Write([]byte("lost"))
	require.NoError(t, err)
	require.NoError(t, server.(interface{ SetLinger(int) error }).SetLinger(0))
	require.NoError(t, server.Close())
	_, err = client.Read(make([]byte, 9))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = client.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestNetwork_Refusals(t *testing.T) {
	n := &memnet.Network{}
	l, err := n.Listen("127.0.0.1:80")
	require.NoError(t, err)
	_, err = n.Listen("127.0.0.1:80")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = n.DialContext(t.Context(), "tcp", "localhost:81")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	for _, address := range []string{"example.com:80", "192.0.2.1:80", "127.0.0.1:http", "127.0.0.1"} {
		_, err = n.DialContext(t.Context(), "tcp", address)
		require.Error(t, err, address)
	}
	_, err = n.DialContext(t.Context(), "udp", "127.0.0.1:80")
	require.Error(t, err)

	waiting, err := n.DialContext(t.Context(), "tcp", "t1.localhost:80")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET, "nobody accepted it")
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = n.Listen("127.0.0.1:80")
	require.NoError(t, err, "the port is free again")
}

func TestNetwork_DialEndsWithItsContext(t *testing.T) {
	n := &memnet.Network{}
	_, err := n.Listen("127.0.0.1:80")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	for range 128 { // nobody accepts
		_, err = n.DialContext(ctx, "tcp", "127.0.0.1:80")
		require.NoError(t, err)
	}
	cancel()
	_, err = n.DialContext(ctx, "tcp", "127.0.0.1:80")
	require.ErrorIs(t, err, context.Canceled)
}
