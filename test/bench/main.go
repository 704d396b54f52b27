// Command bench measures build/simulator against what it promises, and writes the result into docs/performance.md.
//
// The load comes from the generator beside the project (see the Makefile); each sample of the simulator is taken right
// after one of a bare net/http server with the same connections, so that ratios hold on noisy machines. Nothing else
// should run meanwhile: generator and server share the cores.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	b := &bench{}
	flag.StringVar(&b.simulator, "simulator", "build/simulator", "the program to measure")
	flag.StringVar(&b.tools, "tools", "build/perf/bin", "where the generator, perf, and the bare server, perf-baseline, are")
	flag.DurationVar(&b.length, "d", 2*time.Second, "length of a sample")
	flag.IntVar(&b.runs, "runs", 5, "samples of each figure; medians are reported")
	flag.IntVar(&b.many, "many", 100_000, "volumes of the large world")
	out := flag.String("out", "docs/performance.md", "the document whose upper part is written")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if err := write(*out, b.results); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run() (err error) {
	if b.dir, err = os.MkdirTemp("", "storagesim-bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.bare, err = b.start(filepath.Join(b.tools, "perf-baseline"), "/hello", "-addr", "127.0.0.1:PORT"); err != nil {
		return err
	}
	defer b.bare.kill()
	for _, part := range []func() error{
		b.startUp, b.reads, b.creates, b.createsOnDisk, b.growth, b.time, b.worlds, b.forks, b.armedRule, b.size,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}
