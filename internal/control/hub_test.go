package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
)

func testHub() (h *hub, wall *time.Time) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return newHub(func() time.Time { return at }, maxQueue), &at
}

const maxQueue = 1024

func (h *hub) mustSubscribe(t *testing.T, after string) (s *subscription, missing uint64, lost bool) {
	t.Helper()
	s, missing, lost, err := h.subscribe("default", nil, after)
	require.NoError(t, err)
	return s, missing, lost
}

func seen(h *hub, times int) {
	for range times {
		h.requested(&api.Exchange{ID: "req-1", World: "default", Status: 200})
	}
}

func TestHub_SlowSubscriberLosesTheOldestAndIsToldHowMany(t *testing.T) {
	h, _ := testHub()
	slow, _, _ := h.mustSubscribe(t, "")
	seen(h, maxQueue+5)
	events, dropped, _ := slow.take()
	require.Len(t, events, maxQueue)
	require.Equal(t, uint64(6), events[0].seq)
	require.Equal(t, uint64(5), dropped)
	seen(h, 1)
	_, dropped, _ = slow.take()
	require.Zero(t, dropped, "what is told once is told")
}

func TestHub_ResumesWithinTheRing(t *testing.T) {
	h, wall := testHub()
	s, _, _ := h.mustSubscribe(t, "")
	seen(h, 3)
	s.leave()
	seen(h, 2) // nobody is there, but somebody may come back
	s, missing, lost := h.mustSubscribe(t, h.eventID(3))
	events, _, _ := s.take()
	require.Len(t, events, 2)
	require.False(t, lost)
	require.Zero(t, missing)
	s.leave()

	seen(h, maxRing+maxRing/4)
	_, missing, lost = h.mustSubscribe(t, h.eventID(5))
	require.True(t, lost)
	require.Equal(t, h.ring[0].seq-6, missing)
	require.LessOrEqual(t, len(h.ring), maxRing)

	_, missing, lost = h.mustSubscribe(t, "earlier-5")
	require.True(t, lost, "an earlier process had ids of its own")
	require.Zero(t, missing)
	for sub := range h.subs {
		sub.leave()
	}
	*wall = wall.Add(comeBack + time.Second)
	seen(h, 1)
	require.False(t, h.alive.Load())
	require.Empty(t, h.ring)
	_, _, lost = h.mustSubscribe(t, h.eventID(5))
	require.True(t, lost)
}

func TestHub_CostsNothingWhileNobodyListens(t *testing.T) {
	h, _ := testHub()
	x := api.Exchange{ID: "req-1", World: "default"}
	require.Zero(t, testing.AllocsPerRun(100, func() { h.requested(&x); h.moved("default", nil) }))
	require.Zero(t, h.seq)
}

func TestHub_WatchersSeeEverythingOfTheirWorld(t *testing.T) {
	h, _ := testHub()
	n := 0
	stop := h.watch("default", func(string, int) { n++ })
	other := h.watch("t1", func(string, int) { n += 1000 })
	seen(h, 2*maxQueue)
	require.Equal(t, 2*maxQueue, n)
	stop()
	other()
	seen(h, 1)
	require.Equal(t, 2*maxQueue, n)
	require.Nil(t, h.watching.Load())
}
