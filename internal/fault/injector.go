package fault

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Injector keeps the rules of all worlds ready for matching. What it keeps is a copy: it changes only after a commit
// or when a world's state was replaced, and is read anew from the world then. All methods may be called from any
// goroutine. Make one with New.
type Injector struct {
	db      *store.DB
	targets Targets
	wall    func() time.Time
	log     zerolog.Logger

	worlds sync.Map // world → *Set, nil where the world has no rules

	mu    sync.Mutex
	epoch uint64 // counts what made copies wrong, so that a copy read meanwhile is not kept

	recording sync.Mutex // versions of worlds are numbered one after the other
}

// New makes an Injector that speaks of the targets' operations and states. Wall is the real clock, on which rules with
// a ttl end.
func New(db *store.DB, engine *statemachine.Engine, targets Targets, log zerolog.Logger, wall func() time.Time) *Injector {
	in := &Injector{db: db, targets: targets, log: log, wall: wall}
	engine.OnReplaced(in.replaced)
	return in
}

// Set is the rules of a world, ready for matching. nil is a world without any.
type Set struct {
	old      bool // to be read anew
	all      []*Ready
	byOp     map[string][]*Ready // those of the phase before first, then by order
	versions bool                // a rule wants earlier versions of the world
}

// Armed answers the rules of a world; nil where there are none, or no such world.
func (in *Injector) Armed(world string) *Set {
	if kept, ok := in.worlds.Load(world); ok {
		if s := kept.(*Set); s == nil || !s.old {
			return s
		}
	}
	return in.load(world)
}

// WantsVersions says whether a rule of the set wants earlier versions of the world.
func (s *Set) WantsVersions() bool { return s != nil && s.versions }

func (in *Injector) load(world string) *Set {
	in.mu.Lock()
	epoch := in.epoch
	in.mu.Unlock()
	var before *Set
	if kept, ok := in.worlds.Load(world); ok {
		before = kept.(*Set)
	}
	var set *Set
	err := in.db.View(world, func(tx *store.Tx) error {
		set = in.read(tx)
		return nil
	})
	if err != nil {
		return nil // the request will find out why
	}
	set.inherit(before)
	in.mu.Lock()
	defer in.mu.Unlock()
	if epoch == in.epoch {
		in.worlds.Store(world, set)
	}
	return set
}

// read makes the set of the transaction's world.
func (in *Injector) read(tx *store.Tx) *Set {
	set := &Set{byOp: map[string][]*Ready{}}
	for _, r := range rules.All(tx.In(""), "", "") {
		ready, err := in.ready(r)
		if err != nil {
			continue // an older program made it for operations that are no more; it is listed as spent
		}
		if left, bounded := r.left(); bounded && left == 0 {
			ready.spent.Store(true)
		}
		set.all = append(set.all, ready)
	}
	if set.all == nil {
		return nil
	}
	slices.SortFunc(set.all, func(a, b *Ready) int {
		if a.Rule.Phase != b.Rule.Phase {
			if a.Rule.Phase == Before {
				return -1
			}
			return 1
		}
		return order(&a.Rule, &b.Rule, a.seq, b.seq)
	})
	for _, ready := range set.all {
		set.versions = set.versions || ready.Rule.Effect.Stale > 0
		for _, op := range ready.ops {
			if ready.concerns(&op) {
				set.byOp[op.ID] = append(set.byOp[op.ID], ready)
			}
		}
	}
	return set
}

// ready makes a stored rule ready for matching.
func (in *Injector) ready(r row) (*Ready, error) {
	ready, err := Check(r.Rule, &in.targets)
	if err != nil {
		return nil, err
	}
	ready.Generation, ready.born, ready.seq, ready.expires = r.Generation, r.Born, r.Seq, r.Expires
	return ready, nil
}

// inherit takes over why rules did not fire that are the same in both sets.
func (s *Set) inherit(before *Set) {
	if s == nil || before == nil {
		return
	}
	for _, r := range s.all {
		if same := before.find(r.Rule.ID, r.Generation); same != nil {
			r.miss.Store(same.miss.Load())
		}
	}
}

func (s *Set) find(id string, generation uint64) *Ready {
	for _, r := range s.all {
		if r.Rule.ID == id && r.Generation == generation {
			return r
		}
	}
	return nil
}

// lastMiss is why a rule did not fire last, as far as that took no counting; "" if that is not known.
func (in *Injector) lastMiss(world, id string, generation uint64) string {
	kept, ok := in.worlds.Load(world)
	if !ok || kept.(*Set) == nil {
		return ""
	}
	if r := kept.(*Set).find(id, generation); r != nil {
		if why := r.miss.Load(); why != nil {
			return *why
		}
	}
	return ""
}

// changedBy has the world's rules read anew once the transaction is committed.
func (in *Injector) changedBy(tx *store.Tx) {
	world := tx.World()
	tx.OnCommit(func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.epoch++
		if kept, ok := in.worlds.Load(world); ok {
			next := &Set{old: true}
			if s := kept.(*Set); s != nil {
				next.all = s.all
			}
			in.worlds.Store(world, next)
		}
	})
}

// replaced forgets what is kept of a world whose state was replaced.
func (in *Injector) replaced(world string) {
	in.mu.Lock()
	in.epoch++
	in.worlds.Delete(world)
	in.mu.Unlock()
	in.renew(world)
}

// Flush stores why rules did not fire as far as that lies in memory only, so that it is known after the next start
// (assumption 110). It is called once nothing is served any more.
func (in *Injector) Flush() error {
	var failed error
	in.worlds.Range(func(world, kept any) bool {
		if s := kept.(*Set); s != nil {
			if err := in.db.Update(world.(string), s.note); !errors.Is(err, store.ErrNoWorld) {
				failed = errors.Join(failed, err)
			}
		}
		return true
	})
	return failed
}

// note stores the reasons in the rows of the rules that are still the same.
func (s *Set) note(tx *store.Tx) error {
	for _, ready := range s.all {
		why := ready.miss.Load()
		r, err := rules.Get(tx.In(""), ready.Rule.ID)
		if err != nil || why == nil || r.Generation != ready.Generation || r.LastMiss == *why {
			continue
		}
		r.LastMiss = *why
		if err := rules.Put(tx.In(""), &r); err != nil {
			return err
		}
	}
	return nil
}
