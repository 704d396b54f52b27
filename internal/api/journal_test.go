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
)

func ids(list []api.Exchange) string {
	var names []string
	for _, x := range list {
		names = append(names, x.ID)
	}
	return strings.Join(names, " ")
}

func everything(*api.Exchange) bool { return true }

func TestJournal_IsBoundedByCount(t *testing.T) {
	j := api.NewJournal(3, 1<<20)
	for i := range 5 {
		j.Add(api.Exchange{ID: strconv.Itoa(i), Status: 200 + i%2})
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
	j.Clear()
	list, dropped = j.List(10, everything)
	require.Empty(t, list)
	require.Zero(t, dropped)
	j.Add(api.Exchange{ID: "again"})
	list, _ = j.List(10, everything)
	require.Equal(t, "again", ids(list))
}

func TestJournal_IsBoundedByBytes(t *testing.T) {
	j := api.NewJournal(100, 10_000)
	for i := range 10 {
		j.Add(api.Exchange{ID: strconv.Itoa(i), Body: strings.Repeat("x", 1000), Answer: strings.Repeat("x", 1000),
			Header: http.Header{"A": {strings.Repeat("x", 500)}}})
	}
	list, dropped := j.List(100, everything)
	require.Equal(t, "7 8 9", ids(list))
	require.EqualValues(t, 7, dropped)
	j.Add(api.Exchange{ID: "small"})
	list, _ = j.List(100, everything)
	require.Equal(t, "7 8 9 small", ids(list))
	j.Add(api.Exchange{ID: "huge", Body: strings.Repeat("x", 20_000)})
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
				j.Add(api.Exchange{ID: "x"})
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
		j.Add(x)
		list, _ := j.List(1, everything)
		require.Equal(t, []api.Exchange{x}, list)
	}
}
