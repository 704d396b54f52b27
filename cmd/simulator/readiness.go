package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"storagesim/internal/control"
	"storagesim/internal/simulator"
)

// healthcheck checks once whether a simulator is ready.
func healthcheck(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	s := defaults()
	s.timeout = 2 * time.Second
	if err := parse(s, askOptions[:], args, getenv); err != nil {
		return complain(stderr, exitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.findReady(ctx); err != nil {
		return complain(stderr, exitError, err)
	}
	return exitGood
}

// pollInterval is the time between two checks of wait.
const pollInterval = 20 * time.Millisecond

// wait waits until a simulator is ready.
func wait(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	s := defaults()
	if err := parse(s, askOptions[:], args, getenv); err != nil {
		return complain(stderr, exitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		err := s.findReady(ctx)
		if err == nil {
			return exitGood
		}
		select {
		case <-ctx.Done():
			return complain(stderr, exitError, fmt.Errorf("not ready after %s: %w", s.timeout, err))
		case <-time.After(pollInterval):
		}
	}
}

// findReady returns nil if the simulator that the settings name is ready. If they name none, and none is at the address
// of SIM_LISTEN, it is the one that serves a temporary directory on this machine.
func (s *settings) findReady(ctx context.Context) error {
	err := checkReady(ctx, s.base())
	var unreachable *url.Error
	if !errors.As(err, &unreachable) || s.url != "" || s.flagged["listen"] || readAddress(s.config.Data) != "" {
		return err
	}
	found := temporaryAddresses(ctx)
	switch len(found) {
	case 0:
		return err
	case 1:
		return nil
	}
	return fmt.Errorf("%w; other simulators are ready at %s: name one by --url", err, strings.Join(found, ", "))
}

// temporaryAddresses returns the URLs of the simulators of this user that serve a temporary directory and are ready.
func temporaryAddresses(ctx context.Context) (found []string) {
	// The only error is that of a pattern with an invalid range.
	files, _ := filepath.Glob(filepath.Join(os.TempDir(), simulator.TemporaryDir+"*", addressFile))
	for _, file := range files {
		base := readAddress(filepath.Dir(file))
		if base != "" && checkReady(ctx, base) == nil {
			found = append(found, base)
		}
	}
	return found
}

// addressFile is the file in the data directory, or in the temporary one, with the ready line of the simulator that
// serves the data.
const addressFile = "ready.json"

func writeAddress(dir string, line []byte) error {
	path := filepath.Join(dir, addressFile)
	if err := os.WriteFile(path+".new", append(line, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// removeAddress removes the file, unless it is that of another simulator.
func removeAddress(dir string, line []byte) {
	path := filepath.Join(dir, addressFile)
	if text, err := os.ReadFile(path); err == nil && bytes.Equal(bytes.TrimSpace(text), line) {
		_ = os.Remove(path)
	}
}

// readAddress returns the URL of the simulator that serves the data directory, or "".
func readAddress(dir string) string {
	if dir == "" {
		return ""
	}
	var line ready
	text, err := os.ReadFile(filepath.Join(dir, addressFile))
	if err != nil || json.Unmarshal(text, &line) != nil {
		return ""
	}
	return line.HTTP
}

// base is the base URL of the simulator: the given URL, the address of the flag --listen, the address of the simulator
// that serves the data directory, or the address of a simulator with the same settings.
func (s *settings) base() string {
	base := strings.TrimSuffix(s.url, "/")
	if base == "" && !s.flagged["listen"] {
		base = readAddress(s.config.Data)
	}
	if base == "" {
		host, port, _ := net.SplitHostPort(s.config.Listen) // goodAddress has checked it
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		base = "http://" + net.JoinHostPort(host, port)
	}
	return base
}

// checkReady returns nil if the simulator at the URL is ready.
func checkReady(ctx context.Context, base string) error {
	target := base + control.Prefix + "/ready"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return errors.Join(fmt.Errorf("%s returned %s %s", target, resp.Status, strings.TrimSpace(string(body))), err)
}
