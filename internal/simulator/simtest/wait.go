package simtest

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience bounds each wait of a test on the wall clock. It is long, since the machine may be busy; a test that waits
// longer has failed.
const Patience = 2 * time.Minute

// Await returns the result of wait. It ends the test if that takes longer than Patience; what names the event in the
// message. The call of wait then continues in the background.
func Await[T any](tb testing.TB, what string, wait func() T) T {
	tb.Helper()
	return await(tb, what, Patience, wait)
}

func await[T any](tb testing.TB, what string, patience time.Duration, wait func() T) T {
	tb.Helper()
	result := make(chan T, 1)
	go func() { result <- wait() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-result:
		return v
	case <-timer.C:
		require.FailNow(tb, "no "+what+" within "+patience.String())
		panic("unreachable")
	}
}

// Receive returns the next value from a channel, or the zero value if it is closed.
func Receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	return Await(tb, what, func() T { return <-from })
}

// ReadLine returns the next line without its newline.
func ReadLine(tb testing.TB, what string, from *bufio.Reader) string {
	tb.Helper()
	var err error
	line := Await(tb, what, func() (line string) {
		line, err = from.ReadString('\n')
		return line
	})
	require.NoError(tb, err, "%s: %q", what, line)
	return strings.TrimSuffix(line, "\n")
}

// Dial connects to the host of an http URL. Reads and writes fail after Patience. The connection is closed when the
// test ends.
func Dial(tb testing.TB, url string) net.Conn {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), Patience)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	require.NoError(tb, conn.SetDeadline(time.Now().Add(Patience)))
	return conn
}
