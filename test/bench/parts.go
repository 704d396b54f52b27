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

// fill creates count volumes with consecutive numbers, beginning with from.
func (b *bench) fill(s *server, from, count int) error {
	_, err := b.load(s, load{
		method: "POST", path: volumes, body: volume, connections: 16, from: from, count: count, length: 10 * time.Minute,
	})
	return err
}

// filled starts the simulator on a new directory and creates count volumes.
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
			time.Sleep(4 * time.Second) // longer than the simulator takes to become idle
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
	_, text, err := s.send("GET", volumes+"/?name=obj-000000005", "")
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
	b.note("list 1,000 volumes, 16 connections",
		fmt.Sprintf("%.0f/s (%.2f of bare net/http)", rate, ratio), "≥ 5,000/s", rate >= 5000)
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
	b.note("create volume, 64 connections", fmt.Sprintf("%.0f/s, %.2f of bare net/http", rate, ratio),
		"≥ 15,000/s and ≥ 0.20", rate >= 15000 && ratio >= 0.20)
	return b.survives()
}

// survives counts the volumes that exist after kill -9 immediately after the last response.
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
	_, text, err := s.send("GET", volumes+"?limit=1000", "")
	if err != nil {
		return err
	}
	found := strings.Count(string(text), `"nsid":`)
	b.note("acknowledged creates that exist after kill -9", fmt.Sprintf("%d of %d", found, count), "all", found == count)
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
	b.note("create volume with `--sync=disk`, 64 connections",
		fmt.Sprintf("%.0f/s, %.2f of bare net/http", rate, ratio), "≥ 11,000/s", rate >= 11000)
	return nil
}

// growth compares the time of a create in a small and in a large world, and measures starts on the large one.
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
			m, err := b.load(s, load{
				method: "POST", path: volumes, body: volume, connections: 1, from: next, count: 300, length: time.Minute,
			})
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
	b.note(fmt.Sprintf("create p50 at %d volumes relative to 1,000", b.many),
		fmt.Sprintf("%.2f (%.0f and %.0f µs)", many/few, many, few), "≤ 1.3", many/few <= 1.3)
	time.Sleep(6 * time.Second) // the simulator returns memory when it is idle
	_, own := s.memory()
	b.note(fmt.Sprintf("memory at %d volumes, without pages of the file", b.many),
		fmt.Sprintf("%.0f MiB", own), "≤ 80 MiB", own <= 80)
	for _, end := range []struct {
		name string
		of   func(*server)
	}{{"SIGTERM", (*server).stop}, {"kill -9", (*server).kill}} {
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
		b.note(fmt.Sprintf("exec to first 200 with %d volumes, after %s", b.many, end.name),
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
	if _, _, err := s.send("PUT", "/_sim/clock", `{"mode":"frozen"}`); err != nil {
		return err
	}
	var took []float64
	for i := range b.runs {
		if err := b.fill(s, i*10_000, 10_000); err != nil {
			return err
		}
		d, _, err := s.send("POST", "/_sim/clock/advance", `{"by":"1s"}`)
		if err != nil {
			return err
		}
		took = append(took, d.Seconds()*1000)
	}
	b.note("advance that fires 10,000 timers", fmt.Sprintf("%.0f ms", median(took)), "≤ 300 ms", median(took) <= 300)
	return nil
}

func (b *bench) worlds() error {
	s, err := b.filled(10_000)
	if err != nil {
		return err
	}
	defer s.kill()
	// Timers that are pending in a checkpoint fire in each fork. Fire them before.
	if _, _, err := s.send("POST", "/_sim/clock/advance", `{"by":"2s"}`); err != nil {
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
			if _, _, err := s.send("POST", volumes, strings.ReplaceAll(volume, "{n}", step.name+n)); err != nil {
				return err
			}
			d, _, err := s.send(step.method, step.path, strings.ReplaceAll(step.body, "fN", "f"+n))
			if err != nil {
				return err
			}
			took = append(took, d.Seconds()*1000)
		}
		m := median(took)
		b.note(step.name+" at 10,000 volumes, median of 60", fmt.Sprintf("%.2f ms", m), "≤ 1 ms", m <= 1)
	}
	return nil
}

// forks makes 1,000 forks of a world of 10,000 volumes and creates a volume in each. It measures the growth of the file
// plus that of the resident memory; pages of the file that are in memory count twice.
func (b *bench) forks() error {
	const count = 1000
	dir := filepath.Join(b.dir, "forked")
	flags := []string{"--fixture", "large", "--max-worlds", strconv.Itoa(count + 1)}
	s, err := b.on(dir, flags...)
	if err != nil {
		return err
	}
	_, _, err = s.send("PUT", "/_sim/checkpoints/c", "")
	s.kill()
	if err != nil {
		return err
	}
	if s, err = b.on(dir, flags...); err != nil { // a new process: the memory used to make the world would hide the growth
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
	if _, _, err := s.send("GET", volumes+"?limit=1000", ""); err != nil {
		return err
	}
	memory, _ := s.memory()
	file := size()
	for i := range count {
		n := strconv.Itoa(i)
		if _, _, err := s.send("POST", "/_sim/worlds", `{"name":"f`+n+`","from":"c"}`); err != nil {
			return err
		}
		if _, _, err := s.send("POST", volumes, strings.ReplaceAll(volume, "{n}", n), "X-Sim-World", "f"+n); err != nil {
			return err
		}
	}
	after, _ := s.memory()
	grown := after - memory + size() - file
	b.note("1,000 forks at 10,000 volumes, each with a new volume: growth of file and memory",
		fmt.Sprintf("%.0f MiB (%.0f and %.0f)", grown, size()-file, after-memory), "≤ 200 MiB", grown <= 200)
	return nil
}

// armedRule compares the CPU time of requests with and without a fault rule for another operation.
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
		// The CPU time includes the generator's warm-up of half a second, the count of requests does not.
		share := b.length.Seconds() / (b.length.Seconds() + 0.5)
		return (s.processor() - before) * 1e6 * share / float64(m.Requests), nil
	}
	for range b.runs {
		without, err := cost()
		if err != nil {
			return err
		}
		rules := `{"rules":[{"match":{"operation":"lightbits.DeleteVolume"},"effect":{"status":503}}]}`
		if _, _, err := s.send("PUT", "/_sim/faults", rules); err != nil {
			return err
		}
		with, err := cost()
		if err != nil {
			return err
		}
		if _, _, err := s.send("DELETE", "/_sim/faults", ""); err != nil {
			return err
		}
		differences = append(differences, with-without)
	}
	d := median(differences)
	b.note("additional CPU time per request with one fault rule that does not match",
		fmt.Sprintf("%.1f µs", d), "≤ 1 µs", d <= 1)
	return nil
}

func (b *bench) size() error {
	info, err := os.Stat(b.simulator)
	if err != nil {
		return err
	}
	mib := float64(info.Size()) / (1 << 20)
	b.note("size of the binary in the image", fmt.Sprintf("%.1f MiB", mib), "≤ 16 MiB", mib <= 16)
	return nil
}
