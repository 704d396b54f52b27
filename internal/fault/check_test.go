package fault_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/fault"
	"storagesim/internal/strict"
)

func targets() *fault.Targets {
	return &fault.Targets{
		Operations: []fault.Operation{
			{ID: "toys.CreateToy", Statuses: []int{200, 400, 409}},
			{ID: "toys.GetToy", Statuses: []int{200, 404}, Reads: true, InPath: true, Names: true, Project: true,
				States: []string{"Broken", "Whole"}},
		},
	}
}

func TestCheck_FillsInThePhase(t *testing.T) {
	for effect, phase := range map[string]fault.Phase{
		`{"status":404}`:                                        fault.Before,
		`{"status":404,"connection":"truncate"}`:                fault.Before,
		`{"connection":"reset"}`:                                fault.Before,
		`{"connection":"stall"}`:                                fault.Before,
		`{"connection":"stall","truncateAt":1}`:                 fault.After,
		`{"connection":"truncate"}`:                             fault.After,
		`{"connection":"dribble"}`:                              fault.After,
		`{"malformed":true}`:                                    fault.After,
		`{"stale":2}`:                                           fault.After,
		`{"interloper":true}`:                                   fault.Before,
		`{"latency":{"fixed":"1s"}}`:                            fault.Before,
		`{"malformed":true,"status":404}`:                       fault.Before,
		`{"latency":{"fixed":"1s"},"stale":1}`:                  fault.After,
		`{"connection":"dribble","status":409}`:                 fault.Before,
		`{"interloper":true,"latency":{"uniform":["0s","1s"]}}`: fault.Before,
	} {
		var e fault.Effect
		require.NoError(t, json.Unmarshal([]byte(effect), &e))
		ready, err := fault.Check(fault.Rule{Effect: e}, targets())
		require.NoError(t, err, effect)
		require.Equal(t, phase, ready.Rule.Phase, effect)
	}
}

// A rule that can never hit a request is refused; the error names the member that keeps it from hitting.
func TestCheck_Refuses(t *testing.T) {
	for name, c := range map[string]struct{ rule, path string }{
		"no resource in the request": {`{"match":{"operation":"toys.CreateToy","resource":"x"},"effect":{"status":409}}`,
			"match.resource"},
		"no project in the request": {`{"match":{"operation":"toys.CreateToy","project":"x"},"effect":{"status":409}}`,
			"match.project"},
		"state of no resource":                  {`{"match":{"operation":"toys.GetToy","state":"Foo"},"effect":{"status":404}}`, "match.state"},
		"status of the one, state of the other": {`{"match":{"state":"Whole"},"effect":{"status":409}}`, "match.state"},
		"times 0":                               {`{"when":{"times":0},"effect":{"status":409}}`, "when.times"},
		"every 0":                               {`{"when":{"every":0},"effect":{"status":409}}`, "when.every"},
		"quota without per": {`{"when":{"quota":{"requests":1}},"effect":{"status":409}}`,
			"when.quota.per"},
		"quota of nobody": {`{"when":{"quota":{"per":"1m","by":"x"}},"effect":{"status":409}}`,
			"when.quota.by"},
		"latency that is no duration": {`{"effect":{"latency":"2 s"}}`, "effect.latency"},
		"retryAfter in an unknown form": {`{"effect":{"status":409,"retryAfter":{"fixed":"1s","as":"x"}}}`,
			"effect.retryAfter.as"},
		"retryAfter too long": {`{"effect":{"status":409,"retryAfter":"25h"}}`, "effect.retryAfter.fixed"},
	} {
		t.Run(name, func(t *testing.T) {
			var rule fault.Rule
			require.NoError(t, json.Unmarshal([]byte(c.rule), &rule))
			_, err := fault.Check(rule, targets())
			var wrong *fault.InvalidError
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, c.path, wrong.Path, wrong.Detail)
		})
	}
}

func TestParseStep(t *testing.T) {
	op := &targets().Operations[0]
	for _, text := range []string{"409", "409;force", "418;force", " 409 ", "reset", "empty", "truncate", "stall",
		"dribble", "malformed", "after:409", "after:reset"} {
		step, err := fault.ParseStep(text, op)
		require.NoError(t, err, text)
		require.NotNil(t, step, text)
	}
	step, err := fault.ParseStep("pass", op)
	require.NoError(t, err)
	require.Nil(t, step)
	valid := []string{"400", "409", "reset", "empty", "truncate", "stall", "dribble", "malformed", "pass", "after:400",
		"after:409", "after:reset", "after:empty", "after:truncate", "after:stall", "after:dribble", "after:malformed"}
	for _, text := range []string{"", "418", "200", "409;forced", "rest", "after:", "after:pass", "600;force", "-1",
		"after:after:409"} {
		_, err := fault.ParseStep(text, op)
		var wrong *fault.InvalidError
		require.ErrorAs(t, err, &wrong, text)
		require.Equal(t, valid, wrong.Valid)
	}
}

// FuzzCheck checks that no document makes Check panic, and that Check accepts the stored form of a rule it accepted.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a","priority":1,"match":{"operation":"toys.*","resource":"x","project":"p","state":"Whole",` +
			`"header":{"User-Agent":"c*"}},"when":{"skip":1,"times":2,"every":1,"attempts":[1,3],` +
			`"probability":0.2,"from":"2026-01-01T00:00:00Z","for":"5m"},` +
			`"phase":"before","effect":{"status":404,"message":"","retryAfter":{"uniform":["2s","3s"],"as":"date"},"latency":"100ms"},"ttl":"10m"}`,
		`{"effect":{"connection":"dribble","dribble":{"bytes":1,"every":"1ms"}}}`,
		`{"effect":{"latency":{"lognormal":{"median":"1ms","p99":"1s"},"cap":"2s"}},"when":{"every":2}}`,
		`{"effect":{"stale":1},"force":true}`, `{"effect":{"connection":"stall","truncateAt":3,"stallFor":"1s"}}`,
	} {
		f.Add([]byte(seed))
	}
	c := targets()
	f.Fuzz(func(t *testing.T, data []byte) {
		var rule fault.Rule
		if err := strict.Decode(data, &rule); err != nil {
			return
		}
		ready, err := fault.Check(rule, c)
		if err != nil {
			var wrong *fault.InvalidError
			if !errors.As(err, &wrong) {
				t.Fatalf("not an InvalidError: %v", err)
			}
			return
		}
		text, err := json.Marshal(ready.Rule)
		require.NoError(t, err)
		var again fault.Rule
		require.NoError(t, strict.Decode(text, &again))
		_, err = fault.Check(again, c)
		require.NoError(t, err, "%s", text)
	})
}

// FuzzParseStep checks that no text makes ParseStep panic or slow.
func FuzzParseStep(f *testing.F) {
	for _, seed := range []string{"503", "after:reset", "pass", "418;force", "stall"} {
		f.Add(seed)
	}
	op := &targets().Operations[1]
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		step, err := fault.ParseStep(text, op)
		if err == nil && step == nil {
			require.Contains(t, text, fault.Pass)
		}
		require.Less(t, time.Since(began), time.Second)
	})
}
