package simulator

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

func TestOutbox_StaleBodiesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, cut := newOutbox(100), 0
		first := o.reserve(t.Context(), 60, func() { cut++ })
		require.NotNil(t, first)
		began := time.Now()
		waits := make(chan *parcel)
		go func() { waits <- o.reserve(t.Context(), 60, func() {}) }()
		time.Sleep(staleAfter + staleAfter/2)
		synctest.Wait()
		require.Equal(t, 1, cut, "it has waited longest")
		o.release(first)
		second := <-waits
		require.NotNil(t, second)
		require.Less(t, time.Since(began), 2*staleAfter)
		o.release(second)

		moves := o.reserve(t.Context(), 60, func() { cut++ })
		go func() {
			for range 2 * reserveTime / staleAfter {
				moves.mu.Lock()
				moves.progress = time.Now()
				moves.mu.Unlock()
				time.Sleep(staleAfter / 2)
			}
		}()
		began = time.Now()
		require.Nil(t, o.reserve(t.Context(), 60, nil), "the client reads, so its response is not cut off")
		require.Equal(t, reserveTime, time.Since(began))
		require.Equal(t, 1, cut)
		ended, end := context.WithCancel(t.Context())
		end()
		require.Nil(t, o.reserve(ended, 60, nil))
		o.release(moves)
		require.NotNil(t, o.reserve(t.Context(), 1000, nil), "a body that is larger than all may wait alone")
		time.Sleep(reserveTime * 2)
	})
}

// idleConnection opens an HTTP/2 connection, sends GET requests on it and reads nothing. Window is the size of the
// window of the connection and of its streams.
func idleConnection(t *testing.T, address, path string, streams, window int) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	var b bytes.Buffer
	frame := func(kind, flags byte, stream uint32, payload []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(payload))<<8|uint32(kind))
		b.WriteByte(flags)
		_ = binary.Write(&b, binary.BigEndian, stream)
		b.Write(payload)
	}
	b.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	frame(4, 0, 0, binary.BigEndian.AppendUint32([]byte{0, 4}, uint32(window))) // SETTINGS_INITIAL_WINDOW_SIZE
	frame(8, 0, 0, binary.BigEndian.AppendUint32(nil, uint32(window)))          // WINDOW_UPDATE
	text := func(index byte, value string) []byte {
		return append([]byte{index, byte(len(value))}, value...) // HPACK, a literal with an indexed name
	}
	head := append([]byte{0x82, 0x86}, append(text(0x04, path), text(0x01, "localhost")...)...)
	head = append(head, append([]byte{0x0f}, text(0x08, "Bearer x")...)...) // authorization
	for i := range streams {
		frame(1, 5, uint32(2*i+1), head) // HEADERS, the whole request
	}
	_, err = conn.Write(b.Bytes())
	require.NoError(t, err)
}

// Many streams whose clients read nothing hold a bounded number of bytes together, and other requests are served.
func TestOutbox_StreamsThatAreNotRead(t *testing.T) {
	const size, connections, streams, most = 2 << 20, 24, 200, 32 << 20
	for name, window := range map[string]int{"small windows": 1 << 14, "large windows": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			var held, highest atomic.Int64
			handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/small" {
					_, _ = io.WriteString(w, "small")
					return
				}
				if !api.Reserve(w, req, size) {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				now := held.Add(size)
				defer held.Add(-size)
				for {
					was := highest.Load()
					if now <= was || highest.CompareAndSwap(was, now) {
						break
					}
				}
				_, _ = w.Write(bytes.Repeat([]byte("x"), size))
			})
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &http.Server{Handler: withWriteDeadline(handler, 2*time.Second, newOutbox(most)),
				Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{WriteByteTimeout: 2 * time.Second}}
			server.Protocols.SetHTTP1(true)
			server.Protocols.SetUnencryptedHTTP2(true)
			go func() { _ = server.Serve(listener) }()
			t.Cleanup(func() { _ = server.Close() })
			for range connections {
				idleConnection(t, listener.Addr().String(), "/", streams, window)
			}
			client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			get := func(path string) int {
				resp, err := client.Get("http://" + listener.Addr().String() + path)
				require.NoError(t, err)
				defer resp.Body.Close()
				_, err = io.Copy(io.Discard, resp.Body)
				require.NoError(t, err)
				return resp.StatusCode
			}
			require.Equal(t, 200, get("/small"))
			require.Contains(t, []int{200, 503}, get("/"))
			require.Eventually(t, func() bool {
				if name == "large windows" { // the connections are closed, since nothing at all can be sent
					return highest.Load() > 0 && held.Load() == 0
				}
				return highest.Load() == most
			}, time.Minute, time.Millisecond)
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			t.Log("heap in use:", memory.HeapInuse>>20, "MiB")
			require.LessOrEqual(t, highest.Load(), int64(most))
		})
	}
}

// A response that there is no room for is refused in the dialect of its vendor, and in that of the control surface.
func TestOutbox_Refusals(t *testing.T) {
	config := Default()
	config.Listen, config.TLSListen, config.Data, config.Fixture = "127.0.0.1:0", "", t.TempDir(), "large"
	sim, err := New(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sim.Close(t.Context())) })
	require.NoError(t, sim.Open())
	sim.outbox.most, sim.outbox.wait = 1, time.Millisecond
	full := sim.outbox.reserve(t.Context(), 1, func() {})
	defer sim.outbox.release(full)
	for path, words := range map[string]string{
		"/api/v2/volumes?limit=1000": `"code":14`, "/_sim/resources?kind=lightbits.volume&limit=1000": `"status":503`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.URL()+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer x")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 503, resp.StatusCode, "%.300s", text)
		require.Contains(t, string(text), words)
		require.Contains(t, string(text), "the simulator holds as many bytes")
	}
}
