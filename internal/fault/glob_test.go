package fault

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGlob(t *testing.T) {
	for pattern, texts := range map[string][2][]string{
		"lightbits.*": {{"lightbits.GetVolume", "lightbits."}, {"lightbits", "dms.lightbits.x"}},
		"cinder*":     {{"cinder/1.0 (a; b)", "cinder"}, {"Cinder", "a cinder"}},
		"*a*b*":       {{"ab", "xaxbx", "aabb"}, {"ba", "b", ""}},
		"v?l":         {{"vol"}, {"vl", "vool"}},
		"":            {{""}, {"x"}},
		"**":          {{"", "x"}, nil},
		"a":           {{"a"}, {"", "aa"}},
	} {
		for _, text := range texts[0] {
			require.True(t, glob(pattern, text), "%q %q", pattern, text)
		}
		for _, text := range texts[1] {
			require.False(t, glob(pattern, text), "%q %q", pattern, text)
		}
	}
	began := time.Now()
	require.False(t, glob(strings.Repeat("*a", 2000)+"b", strings.Repeat("a", 60_000)))
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestLatency_SamplesFollowTheDistribution(t *testing.T) {
	for name, c := range map[string]struct {
		latency Latency
		low     time.Duration
		high    time.Duration
		median  time.Duration
	}{
		"fixed": {Latency{Fixed: "5ms"}, 5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond},
		"uniform": {Latency{Uniform: []string{"10ms", "20ms"}},
			10 * time.Millisecond, 20 * time.Millisecond, 15 * time.Millisecond},
		"normal": {Latency{Normal: &Spread{"10ms", "20ms"}, Cap: "30ms"}, 0, 30 * time.Millisecond, 10 * time.Millisecond},
		"lognormal": {Latency{Lognormal: &LogRange{"10ms", "100ms"}, Cap: "50ms"},
			0, 50 * time.Millisecond, 10 * time.Millisecond},
	} {
		p, err := (spans{pathLatency, maxLatency}).compile(&c.latency)
		require.NoError(t, err, name)
		below := 0
		for n := range uint64(2000) {
			d := p.sample(generator(1, name, n))
			require.GreaterOrEqual(t, d, c.low, name)
			require.LessOrEqual(t, d, c.high, name)
			if d < c.median || d == c.median && n%2 == 0 {
				below++
			}
		}
		require.InDelta(t, 1000, below, 120, name)
	}
}

func TestGenerator_DependsOnSeedRuleAndCount(t *testing.T) {
	first := generator(1, "a", 1).Uint64()
	require.Equal(t, first, generator(1, "a", 1).Uint64())
	for _, other := range []*rand.Rand{generator(2, "a", 1), generator(1, "b", 1), generator(1, "a", 2)} {
		require.NotEqual(t, first, other.Uint64())
	}
}
