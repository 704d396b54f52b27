package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/store"
)

func ids(list []api.Exchange) string {
	var names []string
	for _, x := range list {
		names = append(names, x.ID)
	}
	return strings.Join(names, " ")
}

func everything(*api.Exchange) bool { return true }

// one and two are lives of two worlds. They do not end.
var one, two = &store.Life{Number: 1}, &store.Life{Number: 2}

func inLife(j *api.Journal, life *store.Life) (list []api.Exchange, dropped uint64) {
	found, _, dropped := j.Find(api.Scope{Life: life}, 1000, 0, everything)
	for _, f := range found {
		if x, ok := j.Read(f); ok {
			list = append(list, x)
		}
	}
	return list, dropped
}

func TestJournal_IsBoundedByCount(t *testing.T) {
	j := api.NewJournal(3, 1<<20)
	for i := range 5 {
		j.Add(one, api.Exchange{ID: strconv.Itoa(i), Status: 200 + i%2})
	}
	list, dropped := j.List(10, everything)
	require.Equal(t, "2 3 4", ids(list))
	require.EqualValues(t, 2, dropped)
	list, _ = j.List(2, everything)
	require.Equal(t, "3 4", ids(list))
	list, _ = j.List(1, func(x *api.Exchange) bool { return x.Status == 201 })
	require.Equal(t, "3", ids(list))
	list, _ = j.List(0, everything)
	require.Empty(t, list)
	j.ClearAll()
	list, dropped = j.List(10, everything)
	require.Empty(t, list)
	require.Zero(t, dropped)
	j.Add(one, api.Exchange{ID: "again"})
	list, _ = j.List(10, everything)
	require.Equal(t, "again", ids(list))
}

func TestJournal_IsBoundedByBytes(t *testing.T) {
	j := api.NewJournal(100, 11_000)
	for i := range 10 {
		j.Add(one, api.Exchange{ID: strconv.Itoa(i), Body: strings.Repeat("x", 1000), Answer: strings.Repeat("x", 1000),
			Header: http.Header{"A": {strings.Repeat("x", 500)}}})
	}
	list, dropped := j.List(100, everything)
	require.Equal(t, "7 8 9", ids(list))
	require.EqualValues(t, 7, dropped)
	j.Add(one, api.Exchange{ID: "small"})
	list, _ = j.List(100, everything)
	require.Equal(t, "7 8 9 small", ids(list))
	j.Add(one, api.Exchange{ID: "huge", Body: strings.Repeat("x", 20_000)})
	list, after := j.List(100, everything)
	require.Equal(t, "7 8 9 small", ids(list), "what cannot fit drives nothing out")
	require.Equal(t, dropped+1, after)
}

func TestJournal_Concurrent(t *testing.T) {
	j := api.NewJournal(0, 1<<20) // at least one
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 100 {
				j.Add(one, api.Exchange{ID: "x"})
				j.List(5, everything)
			}
		})
	}
	work.Wait()
	list, dropped := j.List(10, everything)
	require.Len(t, list, 1)
	require.EqualValues(t, 799, dropped)
}

// The beginning of a long body is kept, in whole characters, and the entry has the number of missing bytes.
func TestJournal_KeepsTheBeginningOfALongBody(t *testing.T) {
	for length, cut := range map[int]int{16 << 10: 0, 16<<10 + 1: 1} {
		text, missing := api.Kept([]byte(strings.Repeat("x", length)))
		require.Equal(t, cut, missing)
		require.Len(t, text, length-cut)
	}
	text, missing := api.Kept([]byte("x" + strings.Repeat("é", 16<<10)))
	require.True(t, utf8.Valid(text))
	require.Equal(t, 1+2*(16<<10)-len(text), missing)
}

// List returns an exchange exactly as it was added.
func TestJournal_ReturnsWhatWasAdded(t *testing.T) {
	j := api.NewJournal(10, 1<<20)
	for _, x := range []api.Exchange{
		{ID: "req-1", World: "w", Cluster: "c", Vendor: "toys", Operation: "toys.MakeToy", Method: "POST", URL: "/toys?x=1",
			Host:  "h:1",
			Proto: "HTTP/1.1", Header: http.Header{"A": {"1", ""}, "B": {"2"}}, Body: "b\n\n", BodyCut: 3, Status: 409,
			AnswerHeader: http.Header{"Content-Type": {"x"}}, Answer: "a\x00\n", AnswerCut: 4, RetryAfter: 5, Fault: "f",
			Hint: "over there"},
		{ID: "req-2", Header: http.Header{}, AnswerHeader: http.Header{"A": {"\u00e4"}}},
		{ID: "req-3", World: "w", Header: http.Header{"": {""}}, AnswerHeader: http.Header{}, Body: "only", Answer: ""},
	} {
		j.Add(one, x)
		list, _ := j.List(1, everything)
		require.Equal(t, []api.Exchange{x}, list)
	}
}

// A life that fills the journal does not drop the exchanges of another one that has few.
func TestJournal_FairShareOfTheLives(t *testing.T) {
	for name, j := range map[string]*api.Journal{
		"by count": api.NewJournal(10, 1<<30), "by bytes": api.NewJournal(1000, 12_000),
	} {
		t.Run(name, func(t *testing.T) {
			j.Add(two, api.Exchange{ID: "kept"})
			for i := range 100 {
				j.Add(one, api.Exchange{ID: strconv.Itoa(i)})
			}
			list, dropped := inLife(j, two)
			require.Equal(t, "kept", ids(list))
			require.Zero(t, dropped, "nothing of this life is missing")
			list, dropped = inLife(j, one)
			require.Equal(t, "99", list[len(list)-1].ID)
			require.Equal(t, 100, len(list)+int(dropped))
			for i := range 100 {
				j.Add(two, api.Exchange{ID: strconv.Itoa(i)})
			}
			first, _ := inLife(j, one)
			second, dropped := inLife(j, two)
			require.InDelta(t, len(first), len(second), 1, "two that want all of it have a half each")
			require.Equal(t, 101, len(second)+int(dropped))
		})
	}
}

// What belongs to no life is dropped first: otherwise requests to worlds with invented names would drive out others.
func TestJournal_DropsStraysFirst(t *testing.T) {
	j := api.NewJournal(10, 1<<30)
	for i := range 8 {
		j.Add(one, api.Exchange{ID: strconv.Itoa(i)})
	}
	for i := range 100 {
		j.Add(nil, api.Exchange{ID: "stray", World: strconv.Itoa(i)})
	}
	list, dropped := inLife(j, one)
	require.Len(t, list, 8)
	require.Zero(t, dropped)
	_, dropped = j.List(0, everything)
	require.EqualValues(t, 98, dropped)
}

func TestJournal_PagesToEarlierOnes(t *testing.T) {
	j := api.NewJournal(100, 1<<20)
	for range 10 {
		j.Add(one, api.Exchange{})
	}
	found, more, _ := j.Find(api.Scope{Life: one}, 4, 0, everything)
	require.True(t, more)
	require.Equal(t, "req-7", found[0].ID())
	found, more, _ = j.Find(api.Scope{Life: one}, 4, 7, everything)
	require.True(t, more)
	require.Equal(t, "req-3", found[0].ID())
	found, more, _ = j.Find(api.Scope{Life: one}, 4, 3, everything)
	require.False(t, more)
	require.Len(t, found, 2)
	_, ok := j.Get("req-2")
	require.True(t, ok)
	j.ClearAll()
	_, ok = j.Read(found[0])
	require.False(t, ok, "it was cleared since")
	_, ok = j.Get("req-2")
	require.False(t, ok)
}

func TestJournal_ReservesIDs(t *testing.T) {
	j := api.NewJournal(10, 1<<20)
	var reserved []uint64
	j.ContinueAfter(41, func(until uint64) { reserved = append(reserved, until) })
	for range 10_001 {
		j.Add(one, api.Exchange{})
	}
	require.EqualValues(t, 10_042, j.LastID())
	require.Equal(t, []uint64{10_041, 20_041}, reserved)
}
