package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"storagesim/internal/control"
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
	if err := checkReady(ctx, s.readyURL()); err != nil {
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
		err := checkReady(ctx, s.readyURL())
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

// readyURL is the URL of the readiness check.
func (s *settings) readyURL() string { return s.base() + control.Prefix + "/ready" }

// addressFile is the file in the data directory with the ready line of the simulator that serves the data.
const addressFile = "ready.json"

func writeAddress(dir string, line []byte) error {
	path := filepath.Join(dir, addressFile)
	if err := os.WriteFile(path+".new", append(line, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
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

func checkReady(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
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
	return errors.Join(fmt.Errorf("%s returned %s %s", url, resp.Status, strings.TrimSpace(string(body))), err)
}
