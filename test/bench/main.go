// Command bench measures build/simulator against its performance goals and writes the results to docs/performance.md.
//
// The load generator is not part of this repository (see the Makefile). Each sample of the simulator follows one of a
// bare net/http server with the same number of connections, so that the ratio is meaningful on a busy machine. The
// machine should be idle otherwise, since the generator and the server share its cores.
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
	flag.StringVar(&b.tools, "tools", "build/perf/bin",
		"directory of the load generator, perf, and the bare server, perf-baseline")
	flag.DurationVar(&b.length, "d", 2*time.Second, "length of a sample")
	flag.IntVar(&b.runs, "runs", 5, "samples of each figure; medians are reported")
	flag.IntVar(&b.many, "many", 100_000, "number of volumes in the large world")
	out := flag.String("out", "docs/performance.md", "the document to write; its part after the table is kept")
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
