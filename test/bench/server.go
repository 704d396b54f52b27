package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one run of all measurements.
type bench struct {
	simulator, tools, dir string
	length                time.Duration
	runs, many            int

	bare    *server
	results []result
	dirs    int
}

// server is a program under measurement.
type server struct {
	cmd  *exec.Cmd
	base string
	file string // of the simulator's data
	// ready is the time from exec to the first response with status 200.
	ready time.Duration
}

// start starts a program and waits until it serves path with status 200. In the arguments, PORT is replaced by a free
// port.
func (b *bench) start(program, path string, args ...string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", port)
	}
	s := &server{cmd: exec.Command(program, args...), base: "http://" + address}
	s.cmd.Stderr = os.Stderr
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 5 * time.Second}
	for time.Since(began) < 30*time.Second {
		resp, err := client.Get(s.base + path)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.ready = time.Since(began)
				return s, nil
			}
		}
		time.Sleep(time.Millisecond) // polling more often would slow down the start
	}
	s.kill()
	return nil, fmt.Errorf("%s does not serve %s within 30 s", program, path)
}

// fresh starts the simulator on a new directory.
func (b *bench) fresh(flags ...string) (*server, error) {
	b.dirs++
	return b.on(filepath.Join(b.dir, strconv.Itoa(b.dirs)), flags...)
}

func (b *bench) on(dir string, flags ...string) (*server, error) {
	s, err := b.start(b.simulator, "/_sim/ready", append([]string{
		"serve", "--listen", "127.0.0.1:PORT", "--tls-listen", "none", "--log-level", "error", "--data", dir,
	}, flags...)...)
	if err == nil {
		s.file = filepath.Join(dir, "simulator.db")
	}
	return s, err
}

// stop sends SIGTERM and waits for the end of the process.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// memory returns the resident memory of the process in MiB: all of it, and without pages of files.
func (s *server) memory() (all, own float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			all = kb / 1024
		case "RssAnon:":
			own = kb / 1024
		}
	}
	return all, own
}

// processor returns the CPU time of the process in seconds.
func (s *server) processor() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", s.cmd.Process.Pid))
	total := 0.0
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	for _, task := range tasks {
		if text, err := os.ReadFile(task); err == nil {
			total += nanoseconds(text)
		}
	}
	return max(total, nanoseconds(text)) / 1e9
}

func nanoseconds(schedstat []byte) float64 {
	f := strings.Fields(string(schedstat))
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseFloat(f[0], 64)
	return n
}

// ask sends one request and returns its duration and the response body. Header alternates names and values.
func (s *server) send(method, path, body string, header ...string) (time.Duration, []byte, error) {
	req, err := http.NewRequest(method, s.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer x")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: 10 * time.Minute}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(text))
	}
	return took, text, err
}

// load describes a run of the load generator.
type load struct {
	method, path, body string
	connections        int
	from, count        int // number of the first create, and how many; count 0: as many as possible in length
	length             time.Duration
}

// measured is the output of the load generator.
type measured struct {
	Requests, OK, Errors int64
	RPS                  float64 `json:"rps"`
	P50                  float64 `json:"p50_us"`
	P99                  float64 `json:"p99_us"`
}

func (b *bench) load(s *server, l load) (m measured, err error) {
	if l.length == 0 {
		l.length = b.length
	}
	args := []string{
		"load", "-url", s.base + l.path, "-c", strconv.Itoa(l.connections), "-d", l.length.String(),
		"-H", "Authorization: Bearer x", "-H", "Content-Type: application/json",
	}
	if l.method != "" {
		args = append(args, "-m", l.method, "-body", l.body, "-from", strconv.Itoa(l.from))
	}
	if l.count > 0 {
		args = append(args, "-n", strconv.Itoa(l.count), "-w", "0s")
	}
	out, err := exec.Command(filepath.Join(b.tools, "perf"), args...).Output()
	if err != nil {
		return m, fmt.Errorf("perf load: %w", err)
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, err
	}
	if m.OK != m.Requests || m.Errors > 0 {
		return m, fmt.Errorf("%s: %d of %d requests succeeded, %d errors", l.path, m.OK, m.Requests, m.Errors)
	}
	return m, nil
}

// paired takes samples of the simulator, each after one of the bare server, and returns medians.
func (b *bench) paired(s *server, l load) (rate, ratio, p50 float64, err error) {
	var rates, ratios, p50s []float64
	for range b.runs {
		bare, err := b.load(b.bare, load{path: "/hello", connections: l.connections, length: b.length / 2})
		if err != nil {
			return 0, 0, 0, err
		}
		m, err := b.load(s, l)
		if err != nil {
			return 0, 0, 0, err
		}
		l.from += int(m.Requests) + 1_000_000
		rates, ratios, p50s = append(rates, m.RPS), append(ratios, m.RPS/bare.RPS), append(p50s, m.P50)
	}
	return median(rates), median(ratios), median(p50s), nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
