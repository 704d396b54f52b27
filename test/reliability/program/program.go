// Package program runs the built simulator as a separate process, which tests can kill, limit and measure.
package program

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience bounds each start, stop and request. It is long, since the machine may be busy.
const patience = 2 * time.Minute

// Program is a running simulator.
type Program struct {
	HTTP string `json:"http"` // its base URL
	PID  int    `json:"pid"`

	cmd    *exec.Cmd
	stderr *output
}

// output keeps the first maxOutput bytes of what the process writes, and counts all of them.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	all  int
}

const maxOutput = 4 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all += len(p)
	o.text.Write(p[:min(len(p), maxOutput-min(maxOutput, o.text.Len()))])
	return len(p), nil
}

// Start runs the binary on a free port and returns when it serves. Before is a shell command that runs first in the
// same process, such as "ulimit -f 100", or "". If the process ends before it serves, the error is an EndedError.
func Start(binary, before string, args ...string) (*Program, error) {
	p := &Program{stderr: &output{}}
	args = append([]string{"--listen=127.0.0.1:0", "--tls-listen=none"}, args...)
	p.cmd = exec.Command(binary, args...)
	if before != "" {
		p.cmd = exec.Command("bash", append([]string{"-c", before + `; exec "$0" "$@"`, binary}, args...)...)
	}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ctx, stop := p.killAfter(patience)
	defer stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if ctx.Err() != nil {
		p.wait()
		return nil, fmt.Errorf("no ready line within %s: %s", patience, p.Stderr())
	}
	if err != nil {
		return nil, &EndedError{Code: p.wait(), Stderr: p.Stderr()}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return p, json.Unmarshal([]byte(line), p)
}

// killAfter kills the process when the returned context ends: after d, unless stop is called before.
func (p *Program) killAfter(d time.Duration) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	disarm := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	return ctx, func() {
		disarm()
		cancel()
	}
}

// EndedError reports that the process ended before it served.
type EndedError struct {
	Code   int // exit code; -1 after a signal
	Stderr string
}

func (e *EndedError) Error() string { return fmt.Sprintf("exit code %d: %s", e.Code, e.Stderr) }

// Kill sends SIGKILL and waits for the end of the process.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

// Stop sends SIGTERM and returns the exit code; -1 if the process had to be killed.
func (p *Program) Stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.wait()
}

// Wait waits for a process that ends by itself and returns its exit code; -1 if it had to be killed.
func (p *Program) Wait() int { return p.wait() }

func (p *Program) wait() int {
	_, stop := p.killAfter(patience)
	defer stop()
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// Stderr returns what the process has written to its standard error so far.
func (p *Program) Stderr() string {
	p.stderr.mu.Lock()
	defer p.stderr.mu.Unlock()
	return p.stderr.text.String()
}

// Said returns how many bytes the process has written to its standard error.
func (p *Program) Said() int {
	p.stderr.mu.Lock()
	defer p.stderr.mu.Unlock()
	return p.stderr.all
}

// Resident returns the resident memory of the process without pages of files, in bytes; 0 if the system does not
// report it.
func (p *Program) Resident() int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

// Descriptors returns the number of open files and connections of the process.
func (p *Program) Descriptors() int {
	list, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.PID), "fd"))
	return len(list)
}

// Verify checks a data directory that no process has open. It works on a copy, since closing a database changes it.
func Verify(binary, data string) error {
	dir, err := os.MkdirTemp("", "verify-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "verify", "--data", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// Response is the response to a request.
type Response struct {
	Status int
	Text   string
	Header http.Header
}

// Call sends a request with the rights of a cluster administrator to a world; "" is the default world. It returns an
// error if there is no complete response within two minutes.
func Call(client *http.Client, method, url, world, body string, header ...string) (a Response, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", "Bearer x")
	if world != "" {
		req.Header.Set("X-Sim-World", world)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	text, err := io.ReadAll(resp.Body)
	return Response{resp.StatusCode, string(text), resp.Header}, errors.Join(err, resp.Body.Close())
}
