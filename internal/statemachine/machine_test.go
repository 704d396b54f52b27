package statemachine_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

func TestCheck_AcceptsALifecycle(t *testing.T) {
	require.Empty(t, lamps().Check())
}

func TestCheck_ListsErrors(t *testing.T) {
	m := statemachine.Define(statemachine.Machine[lamp]{
		Kind: "test.wrong", Initial: []statemachine.State{"A"}, Ends: []statemachine.State{"B"},
		Key: func(l *lamp) string { return l.ID },
		Rules: []statemachine.Rule[lamp]{
			{From: []statemachine.State{"A"}, On: "go", To: "B", After: "missing"},
			{From: []statemachine.State{"A"}, On: "go", To: "C"},
			{From: []statemachine.State{"D"}, On: "go", To: "A"},
			{From: []statemachine.State{"B"}, On: "back", To: "A"},
		},
		Guards: []statemachine.Guard{{Operation: "Op", In: []statemachine.State{"Z"}}},
		Delays: map[string]statemachine.DelayDefault{"unused": {Fast: "1s", Realistic: "1s"}},
	})
	require.Equal(t, []string{
		"test.wrong: delay missing is not declared",
		"test.wrong: delay unused is never used",
		"test.wrong: guard of Op has no kind",
		"test.wrong: guard of Op names the unknown state Z",
		"test.wrong: state B is declared an end but has rules",
		"test.wrong: state C is a dead end that is not declared",
		"test.wrong: state D is never reached",
		"test.wrong: two rules for go in A",
	}, m.Check())
}

func TestDescription_MermaidAndGrid(t *testing.T) {
	d := lamps().Describe()
	require.Equal(t, `stateDiagram-v2
    [*] --> Warming
    [*] --> Shining
    Warming --> Shining: shine after test.lamp.warm
    Warming --> Warming: blink
    Warming --> Dead: die
    Shining --> Dead: die
    Shining --> Dimmed: dim
    Dimmed --> Shining: brighten after test.lamp.dim
    Shining --> [*]: putout
`, d.Mermaid())
	require.Equal(t, `Warming: shine=Shining blink=Warming die=Dead dim=- brighten=- putout=-
Shining: shine=- blink=- die=Dead dim=Dimmed brighten=- putout=gone
Dead: shine=- blink=- die=- dim=- brighten=- putout=-
Dimmed: shine=- blink=- die=- dim=- brighten=Shining putout=-
`, d.Grid())
}

func TestGuard_RefusesWithItsCause(t *testing.T) {
	m := statemachine.Define(statemachine.Machine[lamp]{
		Kind: "test.guarded", Initial: []statemachine.State{warming}, Key: func(l *lamp) string { return l.ID },
		Rules: []statemachine.Rule[lamp]{{From: []statemachine.State{warming}, On: "end", To: statemachine.Gone}},
		Guards: []statemachine.Guard{{Operation: "UseLamp", In: []statemachine.State{warming}, Kind: refusal.Unavailable,
			Message: "lamp {id} is {state}"}},
	})
	row := statemachine.Row[lamp]{Body: lamp{ID: "a"}, Life: statemachine.Life{State: warming, Since: start, By: "req-1"}}
	e := refusal.Of(m.Refuse("UseLamp", &row))
	require.Equal(t, "lamp a is Warming", e.Message)
	require.Equal(t, statemachine.StateCause{
		Machine: "test.guarded", ID: "a", Operation: "UseLamp", State: warming, Since: start, By: "req-1",
		Takes: []statemachine.Event{"end"},
	}, e.Cause)
	require.NoError(t, m.Refuse("Other", &row))
}

func TestParseDelay(t *testing.T) {
	for _, form := range []string{`"5s"`, `"0s"`, `"reads:3"`, `"held"`, `{"uniform":["1s","3s"]}`,
		`{"normal":{"mean":"2s","stddev":"500ms"}}`, `{"lognormal":{"median":"2s","p99":"10s"}}`} {
		d, err := statemachine.ParseDelay([]byte(form))
		require.NoError(t, err, form)
		again, err := json.Marshal(d)
		require.NoError(t, err)
		require.JSONEq(t, form, string(again))
	}
	for _, form := range []string{``, `5`, `"5"`, `"-1s"`, `"reads:0"`, `"reads:x"`, `"9999999h"`, `{}`,
		`{"uniform":["3s","1s"]}`,
		`{"uniform":["1s","2s"],"normal":{"mean":"2s","stddev":"1s"}}`, `{"lognormal":{"median":"0s","p99":"1s"}}`,
		`{"unifrom":["1s","2s"]}`, `null`, `[`} {
		_, err := statemachine.ParseDelay([]byte(form))
		require.Error(t, err, form)
	}
}

// Draws come from the world's seed: the same requests wait the same time in a world with the same seed, and another
// time with another seed.
func TestDelay_DrawsFromTheSeed(t *testing.T) {
	due := func(seed uint64) []time.Time {
		b := newBench(t, statemachine.Fast)
		b.clock(statemachine.Frozen)
		b.warmUpTakes(`{"lognormal":{"median":"2s","p99":"10s"}}`)
		b.update(func(tx *store.Tx) error { tx.SetSeed(seed); return nil })
		b.create("a", "b", "c")
		var list []time.Time
		b.update(func(tx *store.Tx) error {
			for _, timer := range statemachine.Pending(tx, 10) {
				list = append(list, timer.Due)
			}
			return nil
		})
		return list
	}
	first, second, other := due(7), due(7), due(8)
	require.Len(t, first, 3)
	require.Equal(t, first, second)
	require.NotEqual(t, first, other)
}

func TestSetDelays_RefusesUnknownNames(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	err := b.engine.Update("w", "test", func(tx *store.Tx) error {
		return b.engine.SetDelays(tx, map[string]*statemachine.Delay{"test.lamp.wram": nil})
	})
	var unknown *statemachine.UnknownDelayError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, []string{"test.lamp.warm", "test.lamp.dim"}, unknown.Valid)
}

func TestRow_Stored(t *testing.T) {
	b := newBench(t, statemachine.Fast)
	b.clock(statemachine.Frozen)
	b.create("a")
	b.advance(time.Minute)
	b.update(func(tx *store.Tx) error {
		row, err := b.lamps.Get(tx, "a")
		require.NoError(t, err)
		require.Equal(t, statemachine.Life{State: shining, Version: 2, Stamp: 2, Since: start.Add(2 * time.Second),
			By: "timer test.lamp.shine"}, row.Life)
		raw, _ := b.lamps.Table().Raw(tx, "a")
		stored := statemachine.Peek(raw)
		require.Equal(t, "Shining", string(stored.State))
		require.True(t, bytes.Equal([]byte(`{"ID":"a","state":"Shining","version":"2"}`), stored.Body),
			"the body is stored in the form of the response: %s", stored.Body)
		require.Empty(t, statemachine.Peek([]byte{0xff}).Body)
		return nil
	})
}
