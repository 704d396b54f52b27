package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// result is one line of the table.
type result struct {
	what, got, goal string
	met             bool
}

func (b *bench) note(what, got, goal string, met bool) {
	b.results = append(b.results, result{what, got, goal, met})
	fmt.Fprintf(os.Stderr, "%-60s %-45s %s %v\n", what, got, goal, met)
}

// byHand begins the part of the document that is not written by this program.
const byHand = "## What stands against the goals\n"

// write puts the results into the document, and leaves what was written by hand.
func write(path string, results []result) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Performance\n\nWritten by `make bench` on %s: %s, commit %s. The load generator ran on the same cores; each sample was taken\n"+
		"right after one of a bare net/http server with the same number of connections. Medians.\n\n"+
		"Default world, default auth, journal on, delays fast, TLS off.\n\n| what | measured | goal | |\n| --- | --- | --- | --- |\n",
		time.Now().Format("2 January 2006"), machine(), commit())
	for _, r := range results {
		verdict := "no"
		if r.met {
			verdict = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.what, r.got, r.goal, verdict)
	}
	if old, err := os.ReadFile(path); err == nil {
		if _, notes, found := strings.Cut(string(old), byHand); found {
			b.WriteString("\n" + byHand + notes)
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// machine says on what it was measured, and how busy that was.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(text), "model name")
		line, _, _ := strings.Cut(rest, "\n")
		if _, name, found := strings.Cut(line, ":"); found {
			model = strings.TrimSpace(name)
		}
	}
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
		load = ", load average at the end " + load
	}
	return fmt.Sprintf("%d cores (%s), %s %s/%s%s", runtime.NumCPU(), model, runtime.Version(), runtime.GOOS, runtime.GOARCH, load)
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
