// Package program runs the built simulator as a process of its own, so that tests can kill it, starve it and measure it.
package program

import (
	"bufio"
	"bytes"
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
)

// Program is a running simulator.
type Program struct {
	HTTP string `json:"http"` // where it serves
	PID  int    `json:"pid"`

	cmd    *exec.Cmd
	stderr *output
}

// output keeps what the process says, at most maxOutput bytes of it.
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

// Start runs the binary on a free port, and returns when it serves. A shell line may come before it, such as a limit:
// "ulimit -f 100". The error holds what the process said on stderr when it ended instead, and its exit code.
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
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, &EndedError{Code: p.wait(), Stderr: p.Stderr()}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return p, json.Unmarshal([]byte(line), p)
}

// EndedError says that the process ended before it served.
type EndedError struct {
	Code   int // -1: by a signal
	Stderr string
}

func (e *EndedError) Error() string { return fmt.Sprintf("exit code %d: %s", e.Code, e.Stderr) }

// Kill is kill -9.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

// Stop is SIGTERM; it answers the exit code.
func (p *Program) Stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.wait()
}

// Wait answers the exit code of a process that ends by itself.
func (p *Program) Wait() int { return p.wait() }

func (p *Program) wait() int {
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// Stderr is what the process has said so far.
func (p *Program) Stderr() string {
	p.stderr.mu.Lock()
	defer p.stderr.mu.Unlock()
	return p.stderr.text.String()
}

// Said counts the bytes that the process has said, kept or not.
func (p *Program) Said() int {
	p.stderr.mu.Lock()
	defer p.stderr.mu.Unlock()
	return p.stderr.all
}

// Resident is the memory of the process that is not pages of files, in bytes; 0 where the system does not tell.
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

// Descriptors counts the open files and connections of the process.
func (p *Program) Descriptors() int {
	list, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.PID), "fd"))
	return len(list)
}

// Verify checks a data directory that no process has open. It works on a copy: closing a database changes it.
func Verify(binary, data string) error {
	dir, err := os.MkdirTemp("", "verify-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		return err
	}
	out, err := exec.Command(binary, "verify", "--data", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// Answer is what a request was answered.
type Answer struct {
	Status int
	Text   string
	Header http.Header
}

// Call sends a request as a cluster administrator of a world, "" for the default one. Its error says that no whole answer
// came.
func Call(client *http.Client, method, url, world, body string, header ...string) (a Answer, err error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
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
	return Answer{resp.StatusCode, string(text), resp.Header}, errors.Join(err, resp.Body.Close())
}
