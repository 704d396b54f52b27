package fault_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/fault"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// requests sends requests for toys.GetToy to a world with rules.
type requests struct {
	*testing.T
	in      *fault.Injector
	engine  *statemachine.Engine
	subject fault.Subject
	client  string
	wall    time.Time // of the arrival
	between func()    // runs after the rules were selected, before they are counted
}

func newRequests(t *testing.T, rules ...string) *requests {
	t.Helper()
	in, engine := newInjector(t)
	r := &requests{T: t, in: in, engine: engine, between: func() {}}
	r.subject.Resource = func() *fault.Resource { return nil }
	r.subject.Source = func() *fault.Resource { return nil }
	for _, text := range rules {
		r.put(text)
	}
	return r
}

func (r *requests) put(text string) {
	r.Helper()
	var rule fault.Rule
	require.NoError(r, json.Unmarshal([]byte(text), &rule))
	require.NoError(r, r.engine.Update("w", "test", func(tx *store.Tx) error {
		_, err := r.in.Put(tx, rule)
		return err
	}))
}

// ask sends one request.
func (r *requests) ask() (d fault.Decision) {
	r.Helper()
	candidates := r.in.Armed("w").Candidates(&d, "toys.GetToy", "", nil, r.wall)
	r.between()
	require.NoError(r, r.engine.Update("w", "test", func(tx *store.Tx) error {
		var matching []*fault.Ready
		for _, c := range candidates {
			if d.Matches(c, &r.subject, tx.Now) {
				matching = append(matching, c)
			}
		}
		return r.in.Count(tx, &d, matching, "req-1", r.client)
	}))
	return d
}

// hits sends n requests and returns a digit for each: how many rules hit it.
func (r *requests) hits(n int) string {
	r.Helper()
	var text strings.Builder
	for range n {
		fmt.Fprint(&text, len(r.ask().Marks))
	}
	return text.String()
}

func (r *requests) advance(by time.Duration) {
	r.Helper()
	_, err := r.engine.Advance(r.Context(), "w", statemachine.Advance{By: by})
	require.NoError(r, err)
}

func TestCount_When(t *testing.T) {
	for when, want := range map[string]string{
		`{}`:                                  "11111111",
		`{"skip":2}`:                          "00111111",
		`{"times":2}`:                         "11000000",
		`{"every":3}`:                         "00100100",
		`{"skip":1,"every":2}`:                "00101010",
		`{"attempts":[1,4]}`:                  "10010000",
		`{"skip":2,"attempts":[1,4]}`:         "00100100",
		`{"every":2,"times":2}`:               "01010000",
		`{"probability":0}`:                   "00000000",
		`{"quota":{"requests":3,"per":"1h"}}`: "00011111",
	} {
		t.Run(when, func(t *testing.T) {
			require.Equal(t, want, newRequests(t, `{"when":`+when+`,"effect":{"status":404}}`).hits(len(want)))
		})
	}
}

// The quota is full again in each window of the world's clock, and each client has its own.
func TestCount_Quota(t *testing.T) {
	r := newRequests(t, `{"when":{"quota":{"requests":2,"per":"1h","by":"client"}},"effect":{"status":404}}`)
	r.client = "a"
	require.Equal(t, "001", r.hits(3))
	r.client = "b"
	require.Equal(t, "001", r.hits(3))
	r.advance(59 * time.Minute)
	require.Equal(t, "1", r.hits(1), "the same window")
	r.advance(time.Minute)
	require.Equal(t, "001", r.hits(3), "the next window")
	r.advance(5 * time.Hour)
	require.Equal(t, "001", r.hits(3), "windows without requests are not saved up")
}

// A window has at most 1,000 clients; all others share one quota.
func TestCount_QuotaOfManyClients(t *testing.T) {
	r := newRequests(t, `{"when":{"quota":{"requests":1,"per":"1h","by":"client"}},"effect":{"status":404}}`)
	for i := range 1000 {
		r.client = fmt.Sprint("client ", i)
		require.Equal(t, "0", r.hits(1), r.client)
	}
	r.client = "one too many"
	require.Equal(t, "0", r.hits(1))
	r.client = "another one"
	require.Equal(t, "1", r.hits(1))
	r.client = "client 7"
	require.Equal(t, "1", r.hits(1), "its own quota is used up")
}

func TestCount_Several(t *testing.T) {
	for _, c := range []struct {
		name          string
		rules         []string
		before, after string // the rule that decides in the phase
		delay         time.Duration
		marks         []string
	}{
		{"latencies add up",
			[]string{`{"id":"a","effect":{"latency":"1s"}}`, `{"id":"b","effect":{"latency":"2s"}}`, `{"id":"c","effect":{"status":404}}`},
			"c", "", 3 * time.Second, []string{"a", "b", "c"}},
		{"the first one decides",
			[]string{`{"id":"a","effect":{"status":404}}`, `{"id":"b","effect":{"status":404}}`},
			"a", "", 0, []string{"a"}},
		{"a higher priority decides",
			[]string{`{"id":"a","effect":{"status":404}}`, `{"id":"b","priority":1,"effect":{"status":404}}`},
			"b", "", 0, []string{"b"}},
		{"an operation that does not run has no response to change",
			[]string{`{"id":"a","effect":{"status":404}}`, `{"id":"b","phase":"after","effect":{"latency":"1s"}}`},
			"a", "", 0, []string{"a"}},
		{"the first change of the response decides",
			[]string{`{"id":"a","phase":"after","effect":{"status":404}}`, `{"id":"b","effect":{"malformed":true}}`,
				`{"id":"c","phase":"after","effect":{"latency":"1s"}}`},
			"", "a", 0, []string{"a", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newRequests(t, c.rules...).ask()
			require.Equal(t, c.marks, d.Marks)
			require.Equal(t, c.before, d.Before.By)
			require.Equal(t, c.after, d.After.By)
			require.Equal(t, c.delay, d.Before.Delay)
		})
	}
}

// A rule that is replaced while a request is on its way does not count the request: it never matched the new rule.
func TestCount_ReplacedRule(t *testing.T) {
	r := newRequests(t, `{"id":"r","when":{"skip":1},"effect":{"status":404}}`)
	r.between = func() {
		r.put(`{"id":"r","when":{"skip":1},"effect":{"latency":"1s"}}`)
		r.between = func() {}
	}
	require.Equal(t, "0", r.hits(1))
	require.Equal(t, "01", r.hits(2), "the first request of the new rule is skipped")
}

func TestCandidates_Expired(t *testing.T) {
	r := newRequests(t, `{"id":"r","ttl":"1m","effect":{"status":404}}`)
	born := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.wall = born.Add(time.Minute - 1)
	require.Equal(t, "1", r.hits(1))
	r.wall = born.Add(time.Minute)
	d := r.ask()
	require.Empty(t, d.Marks)
	require.Equal(t, []fault.Verdict{{Rule: "r", Why: "the rule's ttl of 1m has expired"}}, d.Verdicts)
}

func TestDecision_NotesTwentyVerdicts(t *testing.T) {
	r := newRequests(t)
	for i := range 30 {
		r.put(fmt.Sprintf(`{"id":"r%d","effect":{"latency":"1ms"}}`, i))
	}
	d := r.ask()
	require.Len(t, d.Marks, 30)
	require.Len(t, d.Verdicts, 20)
}

// A rule about a state matches the resource that the request names or, if it creates another one, its source.
func TestMatches_StateOfTheSource(t *testing.T) {
	r := newRequests(t, `{"match":{"operation":"toys.GetToy","state":"Broken"},"effect":{"status":404}}`)
	whole, broken := &fault.Resource{ID: "1", State: "Whole"}, &fault.Resource{ID: "2", State: "Broken"}
	none := func() *fault.Resource { return nil }
	for _, c := range []struct {
		name             string
		resource, source func() *fault.Resource
		want             string
	}{
		{"the resource", func() *fault.Resource { return broken }, none, "1"},
		{"a resource in another state", func() *fault.Resource { return whole }, func() *fault.Resource { return broken }, "0"},
		{"the source", none, func() *fault.Resource { return broken }, "1"},
		{"a source in another state", none, func() *fault.Resource { return whole }, "0"},
		{"neither", none, none, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.T, r.subject.Resource, r.subject.Source = t, c.resource, c.source
			require.Equal(t, c.want, r.hits(1))
		})
	}
}

func TestKeepVersion_KeepsSixtyFour(t *testing.T) {
	r := newRequests(t)
	for range 70 {
		require.NoError(t, r.in.KeepVersion("w"))
	}
	names, err := r.in.Versions("w")
	require.NoError(t, err)
	require.Len(t, names, 64)
	require.True(t, strings.HasSuffix(names[0], "00069"), "the newest comes first: %s", names[0])
}
