package fault

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// Injector keeps the rules of all worlds ready for matching. It keeps copies: a world's copy is dropped when its rules
// change or its state is replaced, and is read again when a request needs it. All methods may be called from any
// goroutine. Make one with New.
type Injector struct {
	db      *store.DB
	targets func() *Targets                      // lists them when a rule is first checked
	check   func(Rule, *Targets) (*Ready, error) // Check; tests count its calls
	wall    func() time.Time
	log     zerolog.Logger

	worlds sync.Map // world → *Set, nil if the world has no rules

	mu      sync.Mutex
	epoch   uint64                   // counts changes; a copy that was read before a change is not kept after it
	changes map[string]chan struct{} // by world; see Changed

	keeping sync.Mutex // is held while kept versions of worlds are created or deleted
}

// New returns an Injector whose rules may refer to the targets. It calls targets when it first needs them, since they
// take longer to list than all other parts of a start. The ttl of a rule is measured on the real clock, wall.
func New(
	db *store.DB, engine *statemachine.Engine, targets func() Targets, log zerolog.Logger, wall func() time.Time,
) *Injector {
	once := sync.OnceValue(func() *Targets {
		t := targets()
		return &t
	})
	in := &Injector{db: db, targets: once, check: Check, log: log, wall: wall, changes: map[string]chan struct{}{}}
	engine.OnReplaced(in.replaced)
	return in
}

// Set is the rules of a world, ready for matching. A nil Set has no rules.
type Set struct {
	stale    bool // must be read again
	byID     map[string]*Ready
	byOp     map[string][]*Ready // in the phase before, then in the phase after, each in order
	leftOut  map[string][]leftOut
	versions bool // a rule needs earlier versions of the world
}

// leftOut is a rule that does not apply to an operation which its glob matches.
type leftOut struct {
	rule *Ready
	why  string
}

// Armed returns the rules of a world; nil if there are none, or no such world.
func (in *Injector) Armed(world string) *Set {
	if s, ok := in.kept(world); ok && (s == nil || !s.stale) {
		return s
	}
	return in.load(world)
}

// kept returns the copy of a world's rules, which may be stale.
func (in *Injector) kept(world string) (*Set, bool) {
	kept, ok := in.worlds.Load(world)
	if !ok {
		return nil, false
	}
	return kept.(*Set), true
}

// WantsVersions reports whether a rule of the set needs earlier versions of the world.
func (s *Set) WantsVersions() bool { return s != nil && s.versions }

func (in *Injector) load(world string) *Set {
	in.mu.Lock()
	epoch := in.epoch
	in.mu.Unlock()
	var set *Set
	err := in.db.View(world, func(tx *store.Tx) error {
		set = in.read(tx)
		return nil
	})
	if err != nil {
		return nil // the request fails for the same reason later
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if epoch == in.epoch {
		in.worlds.Store(world, set)
	}
	return set
}

// read makes the set of the transaction's world.
func (in *Injector) read(tx *store.Tx) *Set {
	set := &Set{byID: map[string]*Ready{}, byOp: map[string][]*Ready{}, leftOut: map[string][]leftOut{}}
	var list []*Ready
	for _, r := range rules.All(tx.In(""), "", "") {
		ready, err := in.ready(tx.World(), &r)
		if err != nil {
			continue // made by an older version for operations that no longer exist; listed as spent
		}
		if left, bounded := r.left(); bounded && left == 0 {
			ready.spent.Store(true)
		}
		set.byID[r.Rule.ID] = ready
		list = append(list, ready)
	}
	if list == nil {
		return nil
	}
	slices.SortFunc(list, func(a, b *Ready) int {
		if a.Rule.Phase != b.Rule.Phase {
			if a.Rule.Phase == Before {
				return -1
			}
			return 1
		}
		return order(&a.Rule, &b.Rule, a.seq, b.seq)
	})
	for _, ready := range list {
		set.versions = set.versions || ready.Rule.Effect.Stale > 0
		for _, op := range ready.ops {
			if _, why := ready.exclusion(&op); why != "" {
				set.leftOut[op.ID] = append(set.leftOut[op.ID], leftOut{ready, why})
			} else {
				set.byOp[op.ID] = append(set.byOp[op.ID], ready)
			}
		}
	}
	return set
}

// ready returns a stored rule ready for matching. A rule that the world's copy has is not checked again.
func (in *Injector) ready(world string, r *row) (*Ready, error) {
	if s, _ := in.kept(world); s != nil {
		if ready := s.find(r); ready != nil {
			return ready, nil
		}
	}
	ready, err := in.check(r.Rule, in.targets())
	if err != nil {
		return nil, err
	}
	ready.carry(r)
	return ready, nil
}

// carry copies the rule and its generation, creation, place and expiry from a row.
func (r *Ready) carry(from *row) {
	r.Rule = from.Rule
	r.Generation, r.born, r.seq, r.expires = from.Generation, from.Born, from.Seq, from.Expires
}

// find returns the rule of a row. It returns nil if the set has no rule with that ID and generation.
func (s *Set) find(r *row) *Ready {
	if ready := s.byID[r.Rule.ID]; ready != nil && ready.Generation == r.Generation {
		return ready
	}
	return nil
}

// lastMiss returns why a rule did not fire last, if that was decided without counting; otherwise "".
func (in *Injector) lastMiss(world string, r *row) string {
	s, _ := in.kept(world)
	if s == nil {
		return ""
	}
	if ready := s.find(r); ready != nil {
		if why := ready.miss.Load(); why != nil {
			return *why
		}
	}
	return ""
}

// changedBy marks the copy of the world's rules as stale once the transaction is committed. It adds the rules that the
// transaction stored, so that they are not checked again.
func (in *Injector) changedBy(tx *store.Tx, stored ...*Ready) {
	world := tx.World()
	tx.OnCommit(func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.epoch++
		next := &Set{stale: true, byID: map[string]*Ready{}}
		if s, _ := in.kept(world); s != nil {
			next.byID = maps.Clone(s.byID)
		}
		for _, ready := range stored {
			next.byID[ready.Rule.ID] = ready
		}
		in.worlds.Store(world, next)
		in.signal(world)
	})
}

// Changed returns a channel that is closed when the rules of the world change next.
func (in *Injector) Changed(world string) <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.changes[world] == nil {
		in.changes[world] = make(chan struct{})
	}
	return in.changes[world]
}

// signal closes the channel of Changed. The caller holds in.mu.
func (in *Injector) signal(world string) {
	if changed := in.changes[world]; changed != nil {
		close(changed)
		delete(in.changes, world)
	}
}

// Has reports whether the rule is still armed, as it was when it hit a request.
func (s *Set) Has(r *Ready) bool {
	return s != nil && s.byID[r.Rule.ID] != nil && s.byID[r.Rule.ID].Generation == r.Generation
}

// replaced drops the copy of a world whose state was replaced.
func (in *Injector) replaced(world string) {
	in.mu.Lock()
	in.epoch++
	in.worlds.Delete(world)
	in.signal(world)
	in.mu.Unlock()
	in.restartVersions(world)
}

// Flush stores the last miss reasons that are only in memory, so that they are still listed after a restart
// (assumption 110). The server must have stopped.
func (in *Injector) Flush() error {
	var failed error
	in.worlds.Range(func(world, kept any) bool {
		if s := kept.(*Set); s != nil {
			if err := in.db.Update(world.(string), s.storeMisses); !errors.Is(err, store.ErrNoWorld) {
				failed = errors.Join(failed, err)
			}
		}
		return true
	})
	return failed
}

// storeMisses stores the last miss reasons in the rows of the rules.
func (s *Set) storeMisses(tx *store.Tx) error {
	for _, id := range slices.Sorted(maps.Keys(s.byID)) {
		ready := s.byID[id]
		why := ready.miss.Load()
		r, err := rules.Get(tx.In(""), id)
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
