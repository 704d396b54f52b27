//go:build linux

package reliability

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

const mib = 1 << 20

// surface is an operation with a request body: one of each vendor, and one of the control surface.
type surface struct {
	name, method, path string
	vendor             string // the vendor whose token it requires; "": any token
}

var surfaces = [...]surface{
	{"lightbits", http.MethodPost, volumesPath, ""},
	{"dms", http.MethodPost, "/api/v1/volumes/thickclone", ""},
	{"lucidlink", http.MethodPost, "/api/v1/filespaces", ""},
	{"lucidity", http.MethodPost, "/external/client/api/v1/partition/create", "lucidity"},
	{"control", http.MethodPost, "/_sim/worlds", ""},
}

// others requires that the server still serves another client.
func others(t *testing.T, p *program.Program) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	a, err := program.Call(client, http.MethodGet, p.HTTP+volumesPath, "", "")
	require.NoError(t, err, p.Stderr())
	require.Equal(t, 200, a.Status, a.Text)
}

func dial(t *testing.T, p *program.Program) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(p.HTTP, "http://"), 2*time.Minute)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(2*time.Minute)))
	return c
}

// The memory for 10,000 idle connections is bounded, and other clients are served.
func TestSiege_IdleConnections(t *testing.T) {
	long(t)
	const count, each = 10_000, 16 << 10
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Max < count+1000 {
		t.Skipf("the limit is %d descriptors, the test needs %d", limit.Max, count+1000)
	}
	limit.Cur = limit.Max
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	p := startAfter(t, fmt.Sprintf("ulimit -n %d", limit.Max))
	others(t, p)
	before := p.Resident()
	began := time.Now()
	idle := make([]net.Conn, count)
	for i := range idle {
		idle[i] = dial(t, p)
		defer idle[i].Close()
		if i%2 == 0 { // half of them have served a request
			_, err := io.WriteString(idle[i], "GET /_sim/health HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
		}
	}
	for i := 0; i < count; i += 2 {
		line, err := bufio.NewReaderSize(idle[i], 16).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, "200")
	}
	others(t, p)
	after := p.Resident()
	t.Logf("%d connections in %s: %d MiB more than the %d MiB before, %d KiB each; %d descriptors",
		count, time.Since(began).Round(time.Millisecond), (after-before)/mib, before/mib, (after-before)/count>>10,
		p.Descriptors())
	require.Less(t, after-before, int64(count*each*2))
}

// Connections with incomplete headers or bodies are closed, and other clients are served meanwhile.
func TestSiege_SlowSenders(t *testing.T) {
	long(t)
	p := start(t)
	others(t, p)
	const each = 300
	var slow []net.Conn
	for i := range each {
		for _, s := range surfaces {
			header := c1(s, "Content-Length: 1000")
			for _, text := range []string{
				header[:len(header)/2], header + `{"name":"`, c1(s, "Transfer-Encoding: chunked") + "5\r\n{\"na",
			} {
				c := dial(t, p)
				defer c.Close()
				_, err := io.WriteString(c, text)
				require.NoError(t, err)
				slow = append(slow, c)
			}
		}
		if i%100 == 0 {
			others(t, p)
		}
	}
	others(t, p)
	resident := p.Resident()
	// The time limit is 10 s for the header and one minute for the whole request.
	answers := map[string]int{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for i, c := range slow {
		if i >= len(surfaces)*3*20 { // checking some of them is enough
			break
		}
		work.Go(func() {
			line, err := bufio.NewReader(c).ReadString('\n')
			if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
				line = "closed"
			} else if err != nil {
				line = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			answers[strings.TrimSpace(line)]++
		})
	}
	work.Wait()
	others(t, p)
	t.Logf("%d slow connections, %d MiB; first responses: %v", len(slow), resident/mib, answers)
	for answer := range answers {
		require.Contains(t, []string{"closed", "HTTP/1.1 400 Bad Request", "HTTP/1.1 408 Request Timeout"}, answer)
	}
	require.Less(t, resident, int64(300*mib))
}

// c1 returns an HTTP/1.1 request up to its body.
func c1(s surface, header string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n", s.method, s.path) +
		"Content-Type: application/json\r\n" + header + "\r\n\r\n"
}

// zeros is a body of spaces that is not held in memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	z.left -= int64(n)
	for i := range p[:n] {
		p[i] = ' '
	}
	return n, nil
}

// Each surface refuses a body of 100 MiB with 413, without holding it in memory.
func TestSiege_LargeBodies(t *testing.T) {
	long(t)
	p := start(t)
	others(t, p)
	var work sync.WaitGroup
	for _, s := range surfaces {
		for _, length := range []int64{100 * mib, -1} {
			work.Go(func() {
				status := send(t, p, s, &zeros{100 * mib}, length)
				if status != 413 && status != 0 {
					t.Errorf("%s: 100 MiB (length %d) got status %d", s.name, length, status)
				}
			})
		}
	}
	others(t, p)
	work.Wait()
	others(t, p)
	t.Logf("%d MiB", p.Resident()/mib)
	require.Less(t, p.Resident(), int64(150*mib))
}

// send returns the status, or 0 if the server closed the connection while the body was still being sent.
func send(t *testing.T, p *program.Program, s surface, body io.Reader, length int64, header ...string) int {
	req, err := http.NewRequest(s.method, p.HTTP+s.path, body)
	if err != nil {
		t.Error(err)
		return -1
	}
	req.ContentLength = length
	req.Header.Set("Authorization", "Bearer x")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", s.name, err)
		}
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, mib))
	return resp.StatusCode
}

// A request with a header or a path of 1 MiB gets 431.
func TestSiege_LargeHeaders(t *testing.T) {
	long(t)
	p := start(t)
	for _, s := range surfaces {
		for what, text := range map[string]string{
			"one line":   c1(s, "X-Long: "+strings.Repeat("a", mib)),
			"many lines": c1(s, strings.Repeat("X-Many: a\r\n", mib/11)+"X-Last: a"),
			"the path":   s.method + " " + s.path + "?a=" + strings.Repeat("a", mib) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		} {
			c := dial(t, p)
			go func() { _, _ = io.WriteString(c, text) }()
			line, err := bufio.NewReader(c).ReadString('\n')
			if err == nil || !errors.Is(err, syscall.ECONNRESET) {
				require.NoError(t, err)
				require.Contains(t, line, "431", "%s, %s", s.name, what)
			}
			c.Close()
		}
	}
	others(t, p)
	require.Less(t, p.Resident(), int64(150*mib))
}

// An invalid body never gets a 5xx status, and the response is valid JSON.
func TestSiege_BadBodies(t *testing.T) {
	long(t)
	p := start(t)
	deep := 100_000
	bodies := map[string]string{
		"deep arrays":   `{"name":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}`,
		"deep objects":  strings.Repeat(`{"name":`, deep) + "1" + strings.Repeat("}", deep),
		"deep and open": strings.Repeat(`[`, deep*5),
		"deep unknown":  `{"zzz":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `,"name":"x"}`,
		"beyond 64 bits": `{"name":"x","size":"18446744073709551616","replicaCount":18446744073709551616,` +
			`"seed":18446744073709551616}`,
		"negative":    `{"name":"x","size":"-9223372036854775809","replicaCount":-9223372036854775809,"seed":-1}`,
		"huge number": `{"name":"x","size":1e999999999,"replicaCount":1e999999999,"seed":1e999999999}`,
		"long number": `{"replicaCount":` + strings.Repeat("9", 500_000) + `,"seed":` +
			strings.Repeat("9", 400_000) + `}`,
		"invalid UTF-8":      "{\"name\":\"\xff\xfe\xc0\x80\"}",
		"lone surrogate":     `{"name":"\ud800"}`,
		"NUL in a string":    "{\"name\":\"a\\u0000b\"}",
		"NUL bytes":          "\x00\x00\x00\x00",
		"duplicated members": `{"name":"a","name":"b","name":3,"name":{}}`,
		"nothing":            ``,
		"null":               `null`,
		"a number":           `3`,
		"half":               `{"name":"`,
		"two values":         `{"name":"a"}{"name":"b"}`,
		"byte order mark":    "\xef\xbb\xbf{}",
		"long name":          `{"name":"` + strings.Repeat("a", 900_000) + `"}`,
		"many members":       `{` + strings.Repeat(`"a":1,`, 150_000) + `"b":1}`,
	}
	var lucidity struct{ Token string }
	must(t, p, 200, http.MethodPost, "/_sim/tokens", "", `{"vendor":"lucidity"}`, &lucidity)
	before := p.Resident()
	told := map[string]map[int]int{}
	for what, body := range bodies {
		for _, s := range surfaces {
			header := []string{"Content-Type", "application/json"}
			if s.vendor == "lucidity" {
				header = append(header, "Authorization", lucidity.Token, "X-Authtype", "lucidity_access_token")
			}
			a, err := program.Call(&http.Client{Timeout: time.Minute}, s.method, p.HTTP+s.path, "", body, header...)
			require.NoError(t, err, "%s, %s: %s", s.name, what, p.Stderr())
			if told[s.name] == nil {
				told[s.name] = map[int]int{}
			}
			told[s.name][a.Status]++
			require.Less(t, a.Status, 500, "%s, %s: %.300s", s.name, what, a.Text)
			require.True(t, json.Valid(bytes.TrimSpace([]byte(a.Text))) || a.Text == "", "%s, %s: %.300s", s.name, what, a.Text)
		}
		others(t, p)
	}
	t.Logf("statuses of %d bodies: %v; %d MiB, %d before", len(bodies), told, p.Resident()/mib, before/mib)
	require.NotContains(t, p.Stderr(), "panic")
	require.Less(t, p.Resident(), int64(200*mib))
}

// An invalid path, query or header never gets a 5xx status.
func TestSiege_BadAddresses(t *testing.T) {
	long(t)
	p := start(t)
	for _, path := range []string{
		volumesPath + "/%00", volumesPath + "/%ff%fe", volumesPath + "/?name=%00",
		volumesPath + "?limit=18446744073709551616", volumesPath + "?limit=-1", volumesPath + "?limit=1e9",
		volumesPath + "?offsetUUID=%ff", "/api/v2/projects/%2e%2e/volumes",
		"/" + strings.Repeat("a/", 20_000), "/_sim/worlds/%ff", "/_sim/requests?limit=99999999999999999999",
		"/_sim/resources?kind=%00", "/api/v1/workflows?limit=99999999999999999999", "/api/v1/filespaces/%00",
		volumesPath + "?" + strings.Repeat("a=b&", 10_000),
	} {
		a, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+path, "", "")
		require.NoError(t, err, "%.100s", path)
		require.Less(t, a.Status, 500, "%.100s: %.300s", path, a.Text)
	}
	for _, header := range [][]string{
		{"X-Sim-World", "\xff\xfe"}, {"X-Sim-World", strings.Repeat("w", 50_000)},
		{"If-Match", strings.Repeat(`"`, 10_000)}, {"X-Sim-Fault", strings.Repeat("503;", 10_000)},
		{"Authorization", "Bearer " + strings.Repeat("a.", 20_000)}, {"Accept", strings.Repeat("a/b,", 10_000)},
	} {
		a, err := program.Call(http.DefaultClient, http.MethodGet, p.HTTP+volumesPath, "", "", header...)
		require.NoError(t, err, header[0])
		require.Less(t, a.Status, 500, "%s: %.300s", header[0], a.Text)
	}
	others(t, p)
	require.NotContains(t, p.Stderr(), "panic")
}
