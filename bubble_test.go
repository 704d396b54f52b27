package storagesim_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim"
	"storagesim/lightbits"
)

// The client's sleep and the world's clock are one: a volume that takes twenty minutes is there after twenty minutes.
func TestBubble_AClientWaits(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		require.Equal(t, "2026-01-01T00:00:00Z", time.Now().UTC().Format(time.RFC3339))
		require.Equal(t, "2026-01-01T00:00:00Z", w.Now().Format(time.RFC3339))
		twentyMinutes(t, w)
	}, storagesim.Delays{lightbits.DelayVolumeCreate: "20m"})
}

// createWithBackoff is a client's retry loop: it doubles its pause, from one second on.
func createWithBackoff(t *testing.T, w *storagesim.World, name string) {
	t.Helper()
	for pause := time.Second; ; pause *= 2 {
		if create(t, w, name).StatusCode == http.StatusOK {
			return
		}
		sleep(pause)
	}
}

func TestBubble_ARetryLoopWithBackOff(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		w.Fault(lightbits.CreateVolume.Status(503).RetryAfter(time.Second).Times(5))
		began := time.Now()
		createWithBackoff(t, w, "vol1")
		require.Equal(t, (1+2+4+8+16)*time.Second, time.Since(began))
		for w.Volume("vol1").State() == "Creating" {
			sleep(time.Second)
		}
		require.Equal(t, "Available", w.Volume("vol1").State())
		w.Expect(storagesim.Calls(lightbits.CreateVolume).Exactly(6), storagesim.NoEarlyRetry())
	}, storagesim.Realistic())
}

func TestBubble_ConnectionsAreKept(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		reused := func() (is bool) {
			trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { is = c.Reused }}
			req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet,
				w.URL+"/_sim/health", nil)
			require.NoError(t, err)
			resp, err := w.Client.Do(req)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			synctest.Wait() // until the connection is idle
			return is
		}
		require.Equal(t, []bool{false, true, true}, []bool{reused(), reused(), reused()})
		sleep(59 * time.Second)
		require.True(t, reused())
		sleep(61 * time.Second)
		require.False(t, reused(), "the client closes a connection that was idle for a minute")
	})
}

// The server closes connections that are idle for two minutes, or whose request does not come within ten seconds.
func TestBubble_TheServersTimeOuts(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		for sent, want := range map[string]time.Duration{
			"GET /_sim/health HTTP/1.1\r\nHost: localhost\r\n\r\n": 2 * time.Minute,
			"GET /_sim/health HTTP/1.1\r\nHost: ":                  10 * time.Second,
		} {
			conn, err := w.DialContext(t.Context(), "tcp", w.Addr)
			require.NoError(t, err)
			began := time.Now()
			_, err = conn.Write([]byte(sent))
			require.NoError(t, err)
			for buffer := make([]byte, 4096); err == nil; {
				_, err = conn.Read(buffer)
			}
			require.Equal(t, want, time.Since(began).Truncate(time.Second), sent)
			require.NoError(t, conn.Close())
		}
	})
}

// A stream of events lives for an hour, with a heartbeat every fifteen seconds.
func TestBubble_Streams(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/_sim/events?type=transition", nil)
		require.NoError(t, err)
		resp, err := w.Client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		go func() {
			sleep(30 * time.Minute)
			_, _ = try(w.Client, http.MethodPost, w.Lightbits().URL+volumes, newVol1)
		}()
		beats, moves := 0, ""
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), ":") {
				beats++
			}
			if strings.HasPrefix(lines.Text(), "data:") {
				moves += lines.Text()
			}
		}
		require.ErrorIs(t, lines.Err(), context.DeadlineExceeded)
		require.InDelta(t, 240, beats, 10)
		require.Contains(t, moves, `"Available"`)
	})
}

// Timers fire in the world without any request.
func TestBubble_TimersFireByThemselves(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		create(t, w, "vol1")
		sleep(24 * time.Hour)
		require.Equal(t, "Available", w.Volume("vol1").State())
	}, storagesim.Realistic())
}

func TestBubble_ClockOfTheWorld(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		create(t, w, "vol1")
		sleep(time.Hour)
		require.Equal(t, "Creating", w.Volume("vol1").State(), "the world's clock stands")
		w.Advance(time.Hour)
		require.Equal(t, "Available", w.Volume("vol1").State())
	}, storagesim.Frozen())
}

func TestBubble_TokensExpire(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		token := bearer(w.Lightbits().Token("", 10*time.Minute))
		require.Equal(t, http.StatusOK, send(t, w, http.MethodGet, "/cluster", "", token...).StatusCode)
		sleep(11 * time.Minute)
		require.Equal(t, http.StatusUnauthorized, send(t, w, http.MethodGet, "/cluster", "", token...).StatusCode)
	}, storagesim.StrictAuth())
}

// A client that knows no storagesim works with a dialer of the network in memory, over HTTP/1.1, HTTP/2 and TLS.
func TestBubble_OtherClients(t *testing.T) {
	storagesim.Bubble(t, func(t *testing.T, w *storagesim.World) {
		transport := &http.Transport{DialContext: w.DialContext, Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		got, err := try(&http.Client{Transport: transport}, http.MethodGet, w.URL+"/api/v2/cluster", "")
		require.NoError(t, err)
		require.Equal(t, []any{200, 2}, []any{got.StatusCode, got.ProtoMajor})
		transport.CloseIdleConnections()

		got, err = try(w.Client, http.MethodGet, w.TLSURL+"/api/v2/cluster", "")
		require.NoError(t, err)
		require.Equal(t, []any{200, 2}, []any{got.StatusCode, got.ProtoMajor})
		fork := w.Fork(t, storagesim.OwnPort())
		require.NotEqual(t, w.Addr, fork.Addr)
		require.Equal(t, http.StatusOK, send(t, fork, http.MethodGet, "/cluster", "").StatusCode)
		_, err = net.Dial("tcp", w.Addr)
		require.Error(t, err, "nothing listens on a port of the machine")
	}, storagesim.OwnPort())
}

func TestBubble_ManyAtOnce(t *testing.T) {
	for n := range 8 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			storagesim.Bubble(t, twentyMinutes, storagesim.Delays{lightbits.DelayVolumeCreate: "20m"})
		})
	}
}
