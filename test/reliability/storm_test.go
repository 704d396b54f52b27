package reliability

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/test/reliability/program"
)

const (
	stormWorlds  = 16
	stormClients = 3 // of each world, beside the client that begins its lives
)

// life is a life of a world of the storm. The client that begins a world's lives numbers them from 1.
type life struct {
	world  string
	number int64
}

// span is what a client can tell about a request: it ran in one of the lives first to last of a world. A request that
// began no other life and ended before the next one began has first == last.
type span struct{ first, last int64 }

const forever = 1 << 62

func (s span) definite() bool { return s.first == s.last }

// stormWorld is a world of the storm. Begun is the number of the life that began last or is being begun, done that of
// the last one that surely began.
type stormWorld struct {
	storm       *storm
	name        string
	begun, done atomic.Int64

	mu      sync.Mutex
	origins map[int64][]life     // for each life, the lives that its initial content comes from
	how     map[int64]string     // for each life, the request that began it
	dials   map[int64]startClock // for each life, its clock at the beginning
	moves   []*moved
}

// storm is a program under test and what its clients know about it.
type storm struct {
	*testing.T
	p      *program.Program
	client *http.Client
	until  time.Time
	worlds []*stormWorld

	mu       sync.Mutex
	requests map[string]span    // for each request: when it ran
	volumes  map[string]span    // for each volume that was asked for: when its request ran; absent if it must not exist
	marks    map[string]life    // the checkpoints, with the life that each was made in
	counts   map[string]float64 // of each kind of check, for the report
}

// count counts a check that was made.
func (s *storm) count(what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what] += float64(n)
}

// ask sends a request to the world and returns the response and the lives in which it may have run. Lost is true if a
// fault took the response away.
func (w *stormWorld) ask(method, path, body string, header ...string) (a program.Response, ran span, lost bool) {
	ran.first = w.done.Load()
	mark := w.storm.sent(w.name, ran.first)
	defer func() { w.storm.ended(mark, ran) }()
	header = append(header, "X-Mark", mark)
	a, err := program.Call(w.storm.client, method, w.storm.p.HTTP+path, w.name, body, header...)
	ran.last = w.begun.Load()
	w.storm.count("requests", 1)
	if err != nil {
		lost = true
		if !strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "reset by peer") {
			w.storm.Errorf("%s %s in %s: %v\n%s", method, path, w.name, err, w.storm.p.Stderr())
		}
	}
	// 503 follows from state: a volume that is still Creating.
	if a.Status >= 500 && a.Status != 503 && a.Header.Get("X-Sim-Fault") == "" {
		w.storm.Errorf("%s %s in %s returned %d %s", method, path, w.name, a.Status, a.Text)
	}
	return a, ran, lost
}

// sent notes that a request to a world is being sent and returns a mark for it.
func (s *storm) sent(world string, from int64) (mark string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mark = fmt.Sprint(world, "/", len(s.requests))
	s.requests[mark] = span{from, forever}
	return mark
}

func (s *storm) ended(mark string, ran span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[mark] = ran
}

// mayHaveRun reports whether the marked request may have run in a life of a world.
func (s *storm) mayHaveRun(mark, world string, number int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ran, known := s.requests[mark]
	return known && strings.HasPrefix(mark, world+"/") && ran.first <= number && number <= ran.last
}

// within returns the lives that a life may have content of: itself, and the lives that it began from.
func (s *storm) within(of life) map[life]bool {
	in, todo := map[life]bool{}, []life{of}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if in[next] {
			continue
		}
		in[next] = true
		w := s.world(next.world)
		w.mu.Lock()
		todo = append(todo, w.origins[next.number]...)
		w.mu.Unlock()
	}
	return in
}

func (s *storm) world(name string) *stormWorld {
	for _, w := range s.worlds {
		if w.name == name {
			return w
		}
	}
	s.Fatalf("there is no world %s", name)
	return nil
}

// volumeName returns a name that tells where and when a volume was asked for.
func (w *stormWorld) volumeName(c *rand.Rand) string {
	return fmt.Sprintf("%s-%d-%08x", w.name, w.done.Load(), c.Uint32())
}

// asked notes that a volume is being asked for. Until answered it may be in every life from then on.
func (s *storm) asked(name string, from int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[name] = span{from, forever}
}

// answered notes in which lives the request for a volume ran.
func (s *storm) answered(name string, ran span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.volumes[name] = ran
}

// belongs requires that a volume can be in a definite life of the world.
func (w *stormWorld) belongs(name string, now int64, where string) {
	w.storm.mu.Lock()
	made, known := w.storm.volumes[name]
	w.storm.mu.Unlock()
	home, _, _ := strings.Cut(name, "-")
	if known {
		for in := range w.storm.within(life{w.name, now}) {
			if in.world == home && made.first <= in.number && in.number <= made.last {
				return
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.storm.Errorf("%s of %s, life %d, begun by %s, has volume %s, which was asked for in lives %d to %d (known: %t)",
		where, w.name, now, w.how[now], name, made.first, made.last, known)
}

// stormLength returns how long the storm lasts: STORM, or some seconds.
func stormLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("STORM")
	if text == "" {
		return 5 * time.Second
	}
	length, err := time.ParseDuration(text)
	require.NoError(t, err, "STORM")
	return length
}

// 64 clients use 16 worlds whose lives begin and end all the time: by resets, restores, new states, deletions and
// forks. Nothing of one life or world is in another: no volume, exchange, event, fault, scenario, advance or instant.
// With a program that was built with -race, a data race ends it.
func TestStorm_LivesDoNotMix(t *testing.T) {
	if binary == "" {
		t.Skip("SIMULATOR names no binary")
	}
	random := seeded(t)
	s := &storm{
		T: t, p: startAfter(t, "export GORACE=halt_on_error=1", "--data", t.TempDir(), "--max-worlds=64"),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}},
		until:  time.Now().Add(stormLength(t)), volumes: map[string]span{}, requests: map[string]span{}, marks: map[string]life{},
		counts: map[string]float64{},
	}
	defer s.client.CloseIdleConnections()
	for i := range stormWorlds {
		s.worlds = append(s.worlds, &stormWorld{storm: s, name: fmt.Sprint("w", i), origins: map[int64][]life{}, how: map[int64]string{},
			dials: map[int64]startClock{}})
	}
	var work sync.WaitGroup
	for _, w := range s.worlds {
		own := rand.New(rand.NewPCG(random.Uint64(), 1))
		w.create(own)
		work.Go(func() { w.rule(own) })
		work.Go(w.listen)
		for range stormClients {
			own := rand.New(rand.NewPCG(random.Uint64(), 2))
			work.Go(func() { w.visit(own) })
		}
	}
	work.Wait()
	for what, n := range s.counts {
		t.Logf("%s: %.0f", what, n)
	}
	require.NotContains(t, s.p.Stderr(), "DATA RACE")
	require.NotContains(t, s.p.Stderr(), "panic")
	require.Zero(t, s.p.Stop(), s.p.Stderr())
	require.False(t, t.Failed(), "%s", s.p.Stderr())
	for _, must := range []string{"lives", "volumes seen", "exchanges seen", "events with a life seen", "traps", "sums of advances", "scenarios"} {
		require.NotZero(t, s.counts[must], "the storm checked no %s", must)
	}
}
