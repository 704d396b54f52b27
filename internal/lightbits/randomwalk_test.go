package lightbits

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// walker runs random steps against a server: operations of the API, actions, and calls of the control surface such as
// checkpoint and fork. The same seed gives the same steps.
type walker struct {
	*server
	random *rand.Rand
	steps  int
	tried  map[string]int // by the name of the step
	done   map[string]int // those of them that succeeded

	checkpoints []string // names

	// The resources that exist before the step: UUIDs and serials, in the order of their keys.
	volumes, failedVolumes, snapshots, nodes, servers, serials, policies, schedules []string
}

// At these limits, a step that creates a resource deletes one instead.
const (
	mostVolumes   = 40
	mostSnapshots = 40
	mostServers   = 7
)

// walkStep is a kind of step. do runs it and returns a description of it and whether it succeeded.
type walkStep struct {
	name   string
	weight int // relative frequency
	do     func(w *walker) (what string, done bool)
}

func newWalker(s *server, seed uint64) *walker {
	return &walker{server: s, random: rand.New(rand.NewPCG(seed, 1)), tried: map[string]int{}, done: map[string]int{}}
}

// step runs a random step and returns its description.
func (w *walker) step(steps []walkStep) string {
	w.look()
	w.steps++
	total := 0
	for i := range steps {
		total += steps[i].weight
	}
	at := w.random.IntN(total)
	i := slices.IndexFunc(steps, func(d walkStep) bool { at -= d.weight; return at < 0 })
	d := &steps[i]
	what, done := d.do(w)
	w.tried[d.name]++
	if done {
		w.done[d.name]++
	}
	return d.name + ": " + strings.TrimSpace(what)
}

// look updates the lists of resources.
func (w *walker) look() {
	s := w.service
	w.view(func(tx *store.Tx) error {
		w.volumes, w.failedVolumes = nil, nil
		for key, raw := range s.volumes.Table().Scan(tx, "", "") {
			_, id, _ := strings.Cut(key, "\x00")
			w.volumes = append(w.volumes, id)
			if string(statemachine.Peek(raw).State) == string(VolumeFailed) {
				w.failedVolumes = append(w.failedVolumes, id)
			}
		}
		w.snapshots = idsOf(tx, s.snapshots.Table())
		w.nodes = idsOf(tx, s.nodes.Table())
		w.servers = idsOf(tx, s.servers.Table())
		w.serials = idsOf(tx, s.nvmeDevices.Table())
		w.policies = idsOf(tx, s.policies.Table())
		w.schedules = idsOf(tx, s.resourcePolicies.Table())
		return nil
	})
}

// idsOf returns the keys of a table, without the project.
func idsOf[T any](tx *store.Tx, table *store.Table[T]) []string {
	var list []string
	for key := range table.Scan(tx, "", "") {
		if _, id, scoped := strings.Cut(key, "\x00"); scoped {
			key = id
		}
		list = append(list, key)
	}
	return list
}

func (w *walker) pick(from []string) string {
	if len(from) == 0 {
		return ""
	}
	return from[w.random.IntN(len(from))]
}

func (w *walker) chance(oneIn int) bool { return w.random.IntN(oneIn) == 0 }

func (w *walker) flip() bool { return w.chance(2) }

// call sends a request. It must succeed or be refused with a documented status.
func (w *walker) call(method, path, format string, args ...any) (string, bool) {
	w.t.Helper()
	body := fmt.Sprintf(format, args...)
	status, answer := w.do(method, path, admin, body)
	require.Contains(w.t, []int{200, 400, 404, 409, 412, 429, 501, 503}, status, "%s %s %s: %s", method, path, body,
		answer)
	return fmt.Sprintln(method, path, body, status, answer), status == 200
}

// act runs an action. It must succeed or be refused.
func (w *walker) act(name, format string, args ...any) (string, bool) {
	w.t.Helper()
	params := fmt.Sprintf(format, args...)
	_, err := w.action(name, params)
	var refused *refusal.Error
	var input *strict.Error
	if err != nil && !errors.As(err, &refused) && !errors.As(err, &input) {
		require.NoError(w.t, err, "%s %s", name, params)
	}
	return fmt.Sprintln(name, params, err), err == nil
}

// fire fires an event at a resource, as the control surface does.
func (w *walker) fire(kind, id string, on statemachine.Event) (string, bool) {
	w.t.Helper()
	err := w.engine.Update(api.DefaultWorld, "test", func(tx *store.Tx) error {
		_, err := w.engine.Fire(tx, kind, []string{cluster}, id, on)
		return err
	})
	w.mayRefuse(err)
	return fmt.Sprintln(kind, id, on, err), err == nil
}

// mayRefuse fails the test for an error that is not a refusal.
func (w *walker) mayRefuse(err error) {
	w.t.Helper()
	var illegal *statemachine.IllegalError
	var nothing *statemachine.NothingPendingError
	var refused *refusal.Error
	if err != nil && !errors.As(err, &illegal) && !errors.As(err, &nothing) && !errors.As(err, &refused) &&
		!errors.Is(err, store.ErrNotFound) {
		require.NoError(w.t, err)
	}
}

// resources returns the resources of a kind.
func (w *walker) resources(kind string) []statemachine.Resource {
	var list []statemachine.Resource
	require.NoError(w.t, w.engine.View(api.DefaultWorld, "test", func(tx *store.Tx) error {
		return w.engine.Resources(tx, kind, []string{cluster}, func(r statemachine.Resource) bool {
			list = append(list, r)
			return true
		})
	}))
	return list
}

// inWorld reads the cluster of a world.
func (w *walker) inWorld(world string, fn func(tx *store.Tx)) {
	require.NoError(w.t, w.engine.View(world, "test", func(tx *store.Tx) error {
		fn(tx.In(cluster))
		return nil
	}))
}

// rest recovers everything and advances by an hour. After that nothing may be in progress.
func (w *walker) rest() (string, bool) {
	w.unblock()
	for range 8 {
		w.look()
		for _, node := range w.nodes {
			w.act("recover-node", `{"node":%q}`, node)
		}
		for _, id := range w.servers {
			w.act("recover-server", `{"server":%q}`, id)
			w.call("POST", "/api/v2/servers/"+id+"/enable", "")
		}
		w.advance(2 * time.Minute)
	}
	w.advance(48 * time.Hour) // a delay of minutes is for each 64 GiB
	w.view(func(tx *store.Tx) error {
		w.checkQuiet(tx)
		return nil
	})
	return "everything has recovered and is at rest", true
}

// unblock removes what could keep operations from completing or start new ones: the partition, the flags that move
// replicas, changed delays, held timers and schedules.
func (w *walker) unblock() {
	w.act("partition-cluster", `{"unreachable":false}`)
	for _, flag := range walkFlags {
		w.act("set-feature-flag", `{"name":%q,"enabled":false}`, flag)
	}
	for _, id := range w.schedules {
		w.call("DELETE", "/api/v2/projects/default/resourcePolicies/"+id, "")
	}
	for _, name := range walkDelays {
		w.setDelay(name, nil)
	}
	for _, kind := range w.engine.Kinds() {
		for _, r := range w.resources(kind) {
			if slices.ContainsFunc(r.Timers, func(t statemachine.Timer) bool { return t.Held }) {
				w.release(kind, r.ID)
			}
		}
	}
}

func (w *walker) setDelay(name string, d *statemachine.Delay) {
	require.NoError(w.t, w.engine.Update(api.DefaultWorld, "test", func(tx *store.Tx) error {
		return w.engine.SetDelays(tx, map[string]*statemachine.Delay{name: d})
	}))
}

func (w *walker) release(kind, id string) (string, bool) {
	err := w.engine.Update(api.DefaultWorld, "test", func(tx *store.Tx) error {
		_, err := w.engine.Release(tx, kind, []string{cluster}, id)
		return err
	})
	w.mayRefuse(err)
	return fmt.Sprintln("release", kind, id, err), err == nil
}
