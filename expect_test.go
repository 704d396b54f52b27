package storagesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim"
	"storagesim/lightbits"
)

func TestExpect(t *testing.T) {
	early := func(tb testing.TB, w *storagesim.World) {
		w.Fault(lightbits.GetCluster.Status(500).RetryAfter(time.Hour).Times(1))
		send(tb, w, http.MethodGet, "/cluster", "")
		send(tb, w, http.MethodGet, "/cluster", "")
	}
	lost := func(tb testing.TB, w *storagesim.World) { send(tb, w, http.MethodGet, "/nonsense", "") }
	twice := func(tb testing.TB, w *storagesim.World) {
		volume(tb, w, "vol1")
		create(tb, w, "vol1")
	}
	nothing := func(testing.TB, *storagesim.World) {}
	for name, c := range map[string]struct {
		do     func(testing.TB, *storagesim.World)
		expect storagesim.Expectation
		unmet  string // "" if it holds
	}{
		"called":         {twice, storagesim.Calls(lightbits.CreateVolume), ""},
		"not called":     {nothing, storagesim.Calls(lightbits.CreateVolume), "lightbits.CreateVolume: expected at least 1, but found 0"},
		"max":            {twice, storagesim.Calls(lightbits.CreateVolume).Max(1), "lightbits.CreateVolume: expected at most 1, but found 2"},
		"max 0":          {nothing, storagesim.Calls(lightbits.CreateVolume).Max(0), ""},
		"min":            {twice, storagesim.Calls(lightbits.CreateVolume).Min(3), "expected at least 3, but found 2"},
		"exactly":        {twice, storagesim.Calls("lightbits.*").Exactly(2), ""},
		"met":            {twice, storagesim.Met(lightbits.CreateVolume, 409), ""},
		"not met":        {twice, storagesim.Met(lightbits.CreateVolume, 503), "lightbits.CreateVolume 503: expected at least 1, but found 0"},
		"order":          {twice, storagesim.InOrder(lightbits.CreateVolume, lightbits.DeleteVolume), "no lightbits.DeleteVolume succeeded after"},
		"followed":       {twice, storagesim.NotFollowed(lightbits.CreateVolume, lightbits.CreateVolume), "followed"},
		"early retry":    {early, storagesim.NoEarlyRetry(), "noEarlyRetry: expected no retry before Retry-After"},
		"no early retry": {twice, storagesim.NoEarlyRetry(), ""},
		"leak":           {twice, storagesim.NoLeaks(), "noLeaks: expected no resource created since the world started, but found 1: lightbits.volume"},
		"no leak":        {lost, storagesim.NoLeaks(), ""},
		"unexpected":     {lost, storagesim.NoUnexpected(), "/api/v2/nonsense (404)"},
	} {
		outcome := observe(func(tb storagesim.TB) {
			w := storagesim.Start(tb)
			c.do(t, w)
			w.Expect(c.expect)
		})
		require.False(t, outcome.ended, "%s: %s", name, outcome.errors)
		require.Equal(t, c.unmet != "", outcome.failed, "%s: %s", name, outcome.errors)
		if c.unmet != "" {
			require.Contains(t, outcome.errors[0], c.unmet, name)
		}
	}
}

func TestExpect_AllUnmetAtOnce(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		storagesim.Start(tb).Expect(storagesim.Calls(lightbits.GetNode), storagesim.Calls(lightbits.GetCluster).Max(1),
			storagesim.InOrder(lightbits.GetVolume))
	})
	require.Len(t, outcome.errors, 1)
	require.Contains(t, outcome.errors[0], "GetNode")
	require.Contains(t, outcome.errors[0], "GetVolume")
	require.NotContains(t, outcome.errors[0], "GetCluster")
}

func TestExpect_ATypoEndsTheTest(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		storagesim.Start(tb).Expect(storagesim.Calls("lightbits.CreateVolum").Max(0))
	})
	require.True(t, outcome.ended)
	require.Contains(t, outcome.errors[0], "lightbits.CreateVolume")
}

func TestExpectNoLeaks(t *testing.T) {
	leaky := observe(func(tb storagesim.TB) {
		volume(t, storagesim.Start(tb, storagesim.ExpectNoLeaks()), "forgotten")
	})
	require.True(t, leaky.failed)
	require.Contains(t, leaky.errors[0], "forgotten")
	tidy := observe(func(tb storagesim.TB) {
		w := storagesim.Start(tb, storagesim.ExpectNoLeaks())
		tb.Cleanup(func() { remove(t, w, "kept") }) // runs before the world is judged
		volume(t, w, "kept")
	})
	require.False(t, tidy.failed, tidy.errors)
}

func TestExpectNoUnexpected(t *testing.T) {
	outcome := observe(func(tb storagesim.TB) {
		send(t, storagesim.Start(tb, storagesim.ExpectNoUnexpected()), http.MethodGet, "/nonsense", "")
	})
	require.True(t, outcome.failed)
	require.Contains(t, outcome.errors[0], "/nonsense")
}

func TestExplain(t *testing.T) {
	w := storagesim.Start(t, storagesim.Frozen())
	create(t, w, "vol1")
	e := w.Explain(remove(t, w, "vol1").Response)
	require.Equal(t, []any{"lightbits.DeleteVolume", 503, "guard", "Creating"},
		[]any{e.Operation, e.Status, e.Cause["kind"], e.Cause["state"]})
	require.Contains(t, e.String(), "would work: ")
	require.Nil(t, w.Explain(get(t, w, "vol1").Response).Cause)
	w.Fault(lightbits.GetVolume.Status(500).After().Times(1))
	require.Equal(t, &storagesim.Lost{Status: 200}, w.Explain(get(t, w, "vol1").Response).Lost)

	outcome := observe(func(tb storagesim.TB) {
		storagesim.Start(tb).Explain(&http.Response{Header: http.Header{}})
	})
	require.Contains(t, outcome.errors[0], "did not come from the simulator")
}

func TestCheckpoint(t *testing.T) {
	w := storagesim.Start(t)
	volume(t, w, "base")
	cp := w.Checkpoint()
	remove(t, w, "base")
	w.Restore(cp)
	w.Restore(cp)
	require.Equal(t, "Available", w.Volume("base").State())
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fork := storagesim.Start(t, storagesim.From(cp), storagesim.ExpectNoLeaks())
			volume(t, fork, "own") // the other fork has one of that name
			remove(t, fork, "own")
			remove(t, fork.Fork(t), "base")
			require.Equal(t, "Available", fork.Volume("base").State())
		})
	}
	outcome := observe(func(tb storagesim.TB) { storagesim.Start(tb).Restore(cp) })
	require.True(t, outcome.ended)
	require.Contains(t, outcome.errors[0], "another world")
}
