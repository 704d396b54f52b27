package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

func newTestBus() (_ *eventBus, wall *time.Time) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return newEventBus(func() time.Time { return at }, maxQueue), &at
}

const maxQueue = 1024

func (b *eventBus) mustSubscribe(t *testing.T, after string) (s *subscription, missing uint64, lost bool) {
	t.Helper()
	s, missing, lost, err := b.subscribe("default", nil, after)
	require.NoError(t, err)
	return s, missing, lost
}

func seen(b *eventBus, times int) {
	for range times {
		b.requested(&api.Exchange{ID: "req-1", World: "default", Status: 200})
	}
}

func TestEventBus_SlowSubscriberLosesOldestAndCount(t *testing.T) {
	b, _ := newTestBus()
	slow, _, _ := b.mustSubscribe(t, "")
	seen(b, maxQueue+5)
	events, dropped, _ := slow.take()
	require.Len(t, events, maxQueue)
	require.Equal(t, uint64(6), events[0].seq)
	require.Equal(t, uint64(5), dropped)
	seen(b, 1)
	_, dropped, _ = slow.take()
	require.Zero(t, dropped, "what is told once is told")
}

func TestEventBus_ResumesWithinTheRing(t *testing.T) {
	b, wall := newTestBus()
	s, _, _ := b.mustSubscribe(t, "")
	seen(b, 3)
	s.leave()
	seen(b, 2) // nobody is there, but somebody may come back
	s, missing, lost := b.mustSubscribe(t, b.eventID(3))
	events, _, _ := s.take()
	require.Len(t, events, 2)
	require.False(t, lost)
	require.Zero(t, missing)
	s.leave()

	seen(b, maxRing+maxRing/4)
	_, missing, lost = b.mustSubscribe(t, b.eventID(5))
	require.True(t, lost)
	require.Equal(t, b.ring[0].seq-6, missing)
	require.LessOrEqual(t, len(b.ring), maxRing)

	_, missing, lost = b.mustSubscribe(t, "earlier-5")
	require.True(t, lost, "an earlier process had ids of its own")
	require.Zero(t, missing)
	for sub := range b.subs {
		sub.leave()
	}
	*wall = wall.Add(comeBack + time.Second)
	seen(b, 1)
	require.False(t, b.alive.Load())
	require.Empty(t, b.ring)
	_, _, lost = b.mustSubscribe(t, b.eventID(5))
	require.True(t, lost)
}

func TestEventBus_NoCostWithoutSubscribers(t *testing.T) {
	b, _ := newTestBus()
	x := api.Exchange{ID: "req-1", World: "default"}
	require.Zero(t, testing.AllocsPerRun(100, func() { b.requested(&x); b.moved("default", nil) }))
	require.Zero(t, b.seq)
}

func TestEventBus_WatchersReceiveAllEventsOfTheirWorld(t *testing.T) {
	b, _ := newTestBus()
	n := 0
	stop := b.watch("default", func(string, int) { n++ })
	other := b.watch("t1", func(string, int) { n += 1000 })
	seen(b, 2*maxQueue)
	require.Equal(t, 2*maxQueue, n)
	stop()
	other()
	seen(b, 1)
	require.Equal(t, 2*maxQueue, n)
	require.Nil(t, b.watching.Load())
}
