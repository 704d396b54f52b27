package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	volumes = "/api/v2/projects/default/volumes"
	volume  = `{"name":"obj-{n}","size":"1GiB","replicaCount":1,"acl":{"values":["ALLOW_ANY"]}}`
)

// fill creates count volumes from the number on.
func (b *bench) fill(s *server, from, count int) error {
	_, err := b.load(s, load{method: "POST", path: volumes, body: volume, connections: 16, from: from, count: count, length: 10 * time.Minute})
	return err
}

// filled starts the simulator on a directory of its own and creates count volumes.
func (b *bench) filled(count int) (*server, error) {
	s, err := b.fresh()
	if err != nil {
		return nil, err
	}
	if err := b.fill(s, 0, count); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

func (b *bench) startUp() error {
	var took []float64
	var idle float64
	for i := range b.runs + 2 {
		s, err := b.fresh()
		if err != nil {
			return err
		}
		took = append(took, s.ready.Seconds()*1000)
		if i == 0 {
			time.Sleep(4 * time.Second) // longer than it takes to notice that nobody asks
			idle, _ = s.memory()
		}
		s.kill()
	}
	b.note("exec to first 200", fmt.Sprintf("%.0f ms", median(took)), "≤ 15 ms", median(took) <= 15)
	b.note("idle memory, resident", fmt.Sprintf("%.1f MiB", idle), "≤ 20 MiB", idle <= 20)
	return nil
}

func (b *bench) reads() error {
	s, err := b.filled(1000)
	if err != nil {
		return err
	}
	defer s.kill()
	_, text, err := s.ask("GET", volumes+"/?name=obj-000000005", "")
	if err != nil {
		return err
	}
	_, id, _ := strings.Cut(string(text), `"UUID":"`)
	id, _, _ = strings.Cut(id, `"`)
	for _, how := range []struct{ name, path string }{{"name", "/?name=obj-000000005"}, {"UUID", "/" + id}} {
		for _, c := range []int{16, 64} {
			rate, ratio, _, err := b.paired(s, load{path: volumes + how.path, connections: c})
			if err != nil {
				return err
			}
			b.note(fmt.Sprintf("GET one volume by %s, %d connections", how.name, c),
				fmt.Sprintf("%.2f of bare net/http (%.0f/s)", ratio, rate), "≥ 0.80", ratio >= 0.80)
		}
	}
	rate, ratio, _, err := b.paired(s, load{path: volumes + "?limit=1000", connections: 16})
	if err != nil {
		return err
	}
	b.note("list 1,000 volumes, 16 connections", fmt.Sprintf("%.0f/s (%.2f of bare net/http)", rate, ratio), "≥ 5,000/s", rate >= 5000)
	_, _, p50, err := b.paired(s, load{path: volumes + "?limit=1000", connections: 1})
	if err != nil {
		return err
	}
	b.note("list 1,000 volumes, p50 at one connection", fmt.Sprintf("%.2f ms", p50/1000), "≤ 0.5 ms", p50 <= 500)
	return nil
}

func (b *bench) creates() error {
	s, err := b.fresh()
	if err != nil {
		return err
	}
	defer s.kill()
	rate, ratio, _, err := b.paired(s, load{method: "POST", path: volumes, body: volume, connections: 64})
	if err != nil {
		return err
	}
	b.note("create volume, 64 connections", fmt.Sprintf("%.0f/s, %.2f of bare net/http", rate, ratio), "≥ 15,000/s and ≥ 0.20",
		rate >= 15000 && ratio >= 0.20)
	return b.survives()
}

// survives counts what is there after kill -9 right behind the last answer.
func (b *bench) survives() error {
	dir := filepath.Join(b.dir, "killed")
	s, err := b.on(dir)
	if err != nil {
		return err
	}
	const count = 900
	err = b.fill(s, 0, count)
	s.kill()
	if err != nil {
		return err
	}
	if s, err = b.on(dir); err != nil {
		return err
	}
	defer s.kill()
	_, text, err := s.ask("GET", volumes+"?limit=1000", "")
	if err != nil {
		return err
	}
	found := strings.Count(string(text), `"nsid":`)
	b.note("acknowledged creates found after kill -9", fmt.Sprintf("%d of %d", found, count), "all", found == count)
	return nil
}

func (b *bench) createsOnDisk() error {
	s, err := b.fresh("--sync", "disk")
	if err != nil {
		return err
	}
	defer s.kill()
	rate, ratio, _, err := b.paired(s, load{method: "POST", path: volumes, body: volume, connections: 64})
	if err != nil {
		return err
	}
	b.note("the same with `--sync=disk`", fmt.Sprintf("%.0f/s, %.2f of bare net/http", rate, ratio), "≥ 11,000/s", rate >= 11000)
	return nil
}

// growth compares creates one at a time in a small and in a large world, and starts again on the large one.
func (b *bench) growth() error {
	dir := filepath.Join(b.dir, "large")
	s, err := b.on(dir)
	if err != nil {
		return err
	}
	defer func() { s.kill() }()
	next := 0
	to := func(count int) (p50 float64, err error) {
		if err := b.fill(s, next, count-next); err != nil {
			return 0, err
		}
		next = count
		var all []float64
		for range b.runs {
			m, err := b.load(s, load{method: "POST", path: volumes, body: volume, connections: 1, from: next, count: 300, length: time.Minute})
			if err != nil {
				return 0, err
			}
			next += 300
			all = append(all, m.P50)
		}
		return median(all), nil
	}
	few, err := to(1000)
	if err != nil {
		return err
	}
	many, err := to(b.many)
	if err != nil {
		return err
	}
	b.note(fmt.Sprintf("create p50 at %d volumes against 1,000", b.many), fmt.Sprintf("%.2f (%.0f and %.0f µs)", many/few, many, few),
		"≤ 1.3", many/few <= 1.3)
	time.Sleep(6 * time.Second) // it gives memory back when nobody asks
	_, own := s.memory()
	b.note(fmt.Sprintf("memory at %d volumes, pages of the file aside", b.many), fmt.Sprintf("%.0f MiB", own), "≤ 80 MiB", own <= 80)
	for _, end := range []struct {
		words string
		of    func(*server)
	}{{"stopped", (*server).stop}, {"killed", (*server).kill}} {
		var took []float64
		for range b.runs {
			if err := b.fill(s, next, 1); err != nil {
				return err
			}
			next++
			end.of(s)
			if s, err = b.on(dir); err != nil {
				return err
			}
			took = append(took, s.ready.Seconds()*1000)
		}
		b.note(fmt.Sprintf("exec to first 200 on a directory of %d volumes, of a process that was %s", b.many, end.words),
			fmt.Sprintf("%.0f ms", median(took)), "≤ 75 ms", median(took) <= 75)
	}
	return nil
}

func (b *bench) time() error {
	s, err := b.fresh()
	if err != nil {
		return err
	}
	defer s.kill()
	if _, _, err := s.ask("PUT", "/_sim/clock", `{"mode":"frozen"}`); err != nil {
		return err
	}
	var took []float64
	for i := range b.runs {
		if err := b.fill(s, i*10_000, 10_000); err != nil {
			return err
		}
		d, _, err := s.ask("POST", "/_sim/clock/advance", `{"by":"1s"}`)
		if err != nil {
			return err
		}
		took = append(took, d.Seconds()*1000)
	}
	b.note("advance over 10,000 due timers", fmt.Sprintf("%.0f ms", median(took)), "≤ 300 ms", median(took) <= 300)
	return nil
}

func (b *bench) worlds() error {
	s, err := b.filled(10_000)
	if err != nil {
		return err
	}
	defer s.kill()
	// What is pending in a checkpoint falls due again in each of its forks: let it happen before.
	if _, _, err := s.ask("POST", "/_sim/clock/advance", `{"by":"2s"}`); err != nil {
		return err
	}
	steps := []struct{ name, method, path, body string }{
		{"checkpoint", "PUT", "/_sim/checkpoints/c", ""},
		{"fork", "POST", "/_sim/worlds", `{"name":"fN","from":"c"}`},
		{"restore", "POST", "/_sim/checkpoints/c/restore", ""},
		{"reset", "POST", "/_sim/reset", ""},
	}
	for _, step := range steps {
		var took []float64
		for i := range 60 {
			n := strconv.Itoa(i)
			if _, _, err := s.ask("POST", volumes, strings.ReplaceAll(volume, "{n}", step.name+n)); err != nil {
				return err
			}
			d, _, err := s.ask(step.method, step.path, strings.ReplaceAll(step.body, "fN", "f"+n))
			if err != nil {
				return err
			}
			took = append(took, d.Seconds()*1000)
		}
		m := median(took)
		b.note(step.name+" at 10,000 volumes, median of 60 over HTTP", fmt.Sprintf("%.2f ms", m), "≤ 1 ms", m <= 1)
	}
	return nil
}

// forks makes 1,000 forks of a world of 10,000 volumes, each of which then changes a thing of its own, and says by how much
// the file and the memory of the process have grown together; pages of the file that are in memory count twice.
func (b *bench) forks() error {
	const count = 1000
	dir, flags := filepath.Join(b.dir, "forked"), []string{"--fixture", "large", "--max-worlds", strconv.Itoa(count + 1)}
	s, err := b.on(dir, flags...)
	if err != nil {
		return err
	}
	_, _, err = s.ask("PUT", "/_sim/checkpoints/c", "")
	s.kill()
	if err != nil {
		return err
	}
	if s, err = b.on(dir, flags...); err != nil { // anew: what making the world took in memory would hide the growth
		return err
	}
	defer s.kill()
	size := func() float64 {
		info, err := os.Stat(s.file)
		if err != nil {
			return 0
		}
		return float64(info.Size()) / (1 << 20)
	}
	if _, _, err := s.ask("GET", volumes+"?limit=1000", ""); err != nil {
		return err
	}
	memory, _ := s.memory()
	file := size()
	for i := range count {
		n := strconv.Itoa(i)
		if _, _, err := s.ask("POST", "/_sim/worlds", `{"name":"f`+n+`","from":"c"}`); err != nil {
			return err
		}
		if _, _, err := s.ask("POST", volumes, strings.ReplaceAll(volume, "{n}", n), "X-Sim-World", "f"+n); err != nil {
			return err
		}
	}
	after, _ := s.memory()
	grown := after - memory + size() - file
	b.note("1,000 forks at 10,000 volumes, each with a volume of its own: file and memory",
		fmt.Sprintf("%.0f MiB (%.0f and %.0f)", grown, size()-file, after-memory), "≤ 200 MiB", grown <= 200)
	return nil
}

// armedRule compares the processor time of requests with and without a rule that concerns their operation and never matches.
func (b *bench) armedRule() error {
	s, err := b.filled(10)
	if err != nil {
		return err
	}
	defer s.kill()
	var differences []float64
	cost := func() (float64, error) {
		before := s.processor()
		m, err := b.load(s, load{path: volumes + "/?name=obj-000000005", connections: 16})
		if err != nil {
			return 0, err
		}
		// The generator's warm-up is in the processor time and not in its count: a quarter of the sample's length.
		share := b.length.Seconds() / (b.length.Seconds() + 0.5)
		return (s.processor() - before) * 1e6 * share / float64(m.Requests), nil
	}
	for range b.runs {
		without, err := cost()
		if err != nil {
			return err
		}
		if _, _, err := s.ask("PUT", "/_sim/faults", `{"rules":[{"match":{"operation":"lightbits.DeleteVolume"},"effect":{"status":503}}]}`); err != nil {
			return err
		}
		with, err := cost()
		if err != nil {
			return err
		}
		if _, _, err := s.ask("DELETE", "/_sim/faults", ""); err != nil {
			return err
		}
		differences = append(differences, with-without)
	}
	d := median(differences)
	b.note("one armed rule that does not match, more processor time a request", fmt.Sprintf("%.1f µs", d), "≤ 1 µs", d <= 1)
	return nil
}

func (b *bench) size() error {
	info, err := os.Stat(b.simulator)
	if err != nil {
		return err
	}
	mib := float64(info.Size()) / (1 << 20)
	b.note("image: the binary on scratch", fmt.Sprintf("%.1f MiB", mib), "≤ 16 MiB", mib <= 16)
	return nil
}
