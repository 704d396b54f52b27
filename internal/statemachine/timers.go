package statemachine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"storagesim/internal/store"
	"storagesim/internal/varint"
)

// Timer is a pending timed transition: at Due, Event is fired for the row if the row still has the stamp. A timer that
// waits for observations or for a release has no Due.
type Timer struct {
	Seq       uint64    `json:"seq"`
	Due       time.Time `json:"due,omitzero"`
	Partition string    `json:"partition,omitempty"`
	Kind      string    `json:"kind"`
	Key       string    `json:"key"`
	ID        string    `json:"id"`
	Event     Event     `json:"event"`
	Stamp     uint64    `json:"stamp"`
	Reads     int       `json:"reads,omitempty"` // observations that are left
	Held      bool      `json:"held,omitempty"`
	Seen      int       `json:"seen,omitempty"` // observations so far, for the clock mode auto
}

// timersOf is the index of timers by row.
const timersOf = "of"

// timers is the queue: keys sort by due time, then by order of creation. Timers without a due time sort last.
var timers = store.NewTable("timers", timerKey, timerCodec, store.Index[Timer]{
	Name: timersOf,
	Keys: func(t *Timer) []string { return []string{timerOwner(t.Partition, t.Kind, t.Key)} },
})

var timerCodec = store.Codec[Timer]{
	Append: func(dst []byte, t *Timer) ([]byte, error) {
		dst = appendTime(binary.AppendUvarint(dst, t.Seq), t.Due)
		for _, text := range [...]string{t.Partition, t.Kind, t.Key, t.ID, string(t.Event)} {
			dst = varint.AppendBytes(dst, text)
		}
		held := uint64(0)
		if t.Held {
			held = 1
		}
		for _, n := range [...]uint64{t.Stamp, uint64(t.Reads), held, uint64(t.Seen)} {
			dst = binary.AppendUvarint(dst, n)
		}
		return dst, nil
	},
	Decode: func(src []byte, t *Timer) error {
		r := varint.NewReader(src)
		t.Seq, t.Due = r.Uint(), readTime(&r)
		t.Partition, t.Kind, t.Key, t.ID, t.Event = r.Text(), r.Text(), r.Text(), r.Text(), Event(r.Text())
		t.Stamp, t.Reads, t.Held, t.Seen = r.Uint(), int(r.Uint()), r.Uint() != 0, int(r.Uint())
		return r.End()
	},
}

// sequence holds the number of a world's last timer, and the key of the last one that fired. No pending timer has that
// key or a lower one, so the search for the first timer skips the deleted ones.
type sequence struct {
	Next  uint64
	Fired string
}

var sequences = store.NewTable("timerseq", func(*sequence) string { return "seq" }, store.Codec[sequence]{
	Append: func(dst []byte, s *sequence) ([]byte, error) {
		return append(binary.BigEndian.AppendUint64(dst, s.Next), s.Fired...), nil
	},
	Decode: func(src []byte, s *sequence) error {
		if len(src) != 8 && len(src) != 8+timerKeySize {
			return fmt.Errorf("timer sequence has %d bytes", len(src))
		}
		s.Next, s.Fired = binary.BigEndian.Uint64(src), string(src[8:])
		return nil
	},
})

// sequenceOf returns the timer sequence of the transaction's world.
func sequenceOf(tx *store.Tx) sequence {
	s, err := sequences.Get(tx.In(""), "seq")
	if err != nil {
		return sequence{} // nothing was ever scheduled
	}
	return s
}

const timerKeySize = 16

func timerKey(t *Timer) string {
	due := uint64(math.MaxUint64)
	if !t.Due.IsZero() {
		due = dueBits(t.Due)
	}
	key := binary.BigEndian.AppendUint64(make([]byte, 0, timerKeySize), due)
	return string(binary.BigEndian.AppendUint64(key, t.Seq))
}

// dueBits maps an instant to an unsigned integer with the same order.
func dueBits(t time.Time) uint64 { return uint64(t.UnixMilli()) ^ 1<<63 }

func timerOwner(partition, kind, key string) string {
	return partition + "\x00" + kind + "\x00" + key
}

// firstDue returns the due time of the earliest timer. ok is false if no timer has one.
func firstDue(tx *store.Tx) (due time.Time, ok bool) {
	key, _, ok := timers.First(tx.In(""), "", sequenceOf(tx).Fired)
	if !ok {
		return time.Time{}, false
	}
	return dueOf(key)
}

// dueOf returns the due time in a timer's key. ok is false for a timer without one.
func dueOf(key string) (due time.Time, ok bool) {
	bits := binary.BigEndian.Uint64([]byte(key[:8]))
	return time.UnixMilli(int64(bits ^ 1<<63)).UTC(), bits != math.MaxUint64
}

// firstTimer returns the earliest timer if it is due by limit.
func firstTimer(tx *store.Tx, limit time.Time) (Timer, bool) {
	key, raw, ok := timers.First(tx.In(""), "", sequenceOf(tx).Fired)
	if !ok {
		return Timer{}, false
	}
	if due, ok := dueOf(key); !ok || due.After(limit) {
		return Timer{}, false
	}
	return timers.Decode(key, raw), true
}

// schedule puts a timer into the queue of the transaction's world. Its due time is rounded up to the clock's
// resolution. A timer that would be due after the last instant of all clocks is held.
func schedule(tx *store.Tx, t Timer) error {
	seq := sequenceOf(tx)
	seq.Next++
	t.Seq = seq.Next
	if !t.Due.IsZero() {
		t.Due = whole(t.Due)
	}
	if t.Due.After(lastInstant) {
		t.Due, t.Held = time.Time{}, true
	}
	stateOf(tx).touch(t.Due)
	return enqueue(tx, seq, &t)
}

// enqueue inserts a timer whose number is set.
func enqueue(tx *store.Tx, seq sequence, t *Timer) error {
	if timerKey(t) <= seq.Fired {
		seq.Fired = ""
	}
	if err := sequences.Put(tx.In(""), &seq); err != nil {
		return err
	}
	return timers.Insert(tx.In(""), t)
}

// dequeue removes the first timer.
func dequeue(tx *store.Tx, t *Timer) error {
	seq := sequenceOf(tx)
	seq.Fired = timerKey(t)
	if err := sequences.Put(tx.In(""), &seq); err != nil {
		return err
	}
	return timers.Delete(tx.In(""), seq.Fired)
}

// unschedule removes the pending timers of a row.
func unschedule(tx *store.Tx, kind, key string) error {
	for _, t := range pending(tx, kind, key) {
		if err := timers.Delete(tx.In(""), timerKey(&t)); err != nil {
			return err
		}
	}
	return nil
}

// pending lists a row's timers in order of creation.
func pending(tx *store.Tx, kind, key string) []Timer {
	var list []Timer
	for _, t := range timers.By(tx.In(""), timersOf, timerOwner(tx.Partition(), kind, key)) {
		list = append(list, t)
	}
	return list
}

// Pending lists the first timers of the transaction's world, at most limit, in the order in which they will fire.
// Timers
// that wait for observations or a release come last.
func Pending(tx *store.Tx, limit int) []Timer {
	var list []Timer
	for _, t := range timers.All(tx.In(""), "", "") {
		if len(list) == limit {
			break
		}
		list = append(list, t)
	}
	return list
}

// CountTimers returns the number of pending timers in the transaction's world.
func CountTimers(tx *store.Tx) int {
	n := 0
	for range timers.Scan(tx.In(""), "", "") {
		n++
	}
	return n
}

// Elapsed returns how much of the row's pending timed transition has passed, from 0 to 1, for a progress that grows
// with every look. It is 0 if no such transition is pending, or if it waits for observations or a release.
func (m *Machine[B]) Elapsed(tx *store.Tx, row *Row[B], on Event) float64 {
	for _, t := range pending(tx, m.Kind, m.Key(&row.Body)) {
		if t.Event != on || t.Due.IsZero() || !t.Due.After(row.Life.Since) {
			continue
		}
		return min(1, float64(tx.Now.Sub(row.Life.Since))/float64(t.Due.Sub(row.Life.Since)))
	}
	return 0
}

// delayOverride is a named delay that was set in the world.
type delayOverride struct {
	Name  string
	Delay Delay
}

var delayOverrides = store.NewTable("delays",
	func(d *delayOverride) string { return d.Name }, store.JSON[delayOverride]())

// delayOf returns the effective delay for a name: the one that was set in the world, or else the profile's default.
func (e *Engine) delayOf(tx *store.Tx, name string) (Delay, error) {
	if o, err := delayOverrides.Get(tx.In(""), name); err == nil {
		return o.Delay, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return Delay{}, err
	}
	return e.defaults[name], nil
}
