package skiplist_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"storagesim/internal/store/skiplist"
)

func newList(nodes *skiplist.Nodes[int]) *skiplist.List[int] {
	var l skiplist.List[int]
	l.Init(nodes)
	return &l
}

// put sets the value of a key.
func put(l *skiplist.List[int], key string, value int) {
	var path skiplist.Path[int]
	if n := l.Find([]byte(key), &path); n != nil {
		n.Value = value
		return
	}
	n := l.NewNode()
	n.Key, n.Value = []byte(key), value
	l.Insert(n, &path)
}

func keys(l *skiplist.List[int]) (list []string) {
	for n := l.First(); n != nil; n = n.Next() {
		list = append(list, string(n.Key))
	}
	return list
}

func TestList_SortedMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	l := newList(&skiplist.Nodes[int]{})
	want := map[string]int{}
	for i := range 3000 {
		key := fmt.Sprint(random.IntN(1500))
		put(l, key, i)
		want[key] = i
	}
	require.Equal(t, len(want), l.Len())
	sorted := keys(l)
	require.True(t, slices.IsSorted(sorted))
	require.Len(t, sorted, len(want))
	for key, value := range want {
		require.Equal(t, value, l.Get([]byte(key)).Value)
	}
	require.Nil(t, l.Get([]byte("no")))
}

func TestList_Before(t *testing.T) {
	l := newList(&skiplist.Nodes[int]{})
	require.Nil(t, l.First())
	require.Nil(t, l.Before([]byte("b")).Key, "the head of an empty list")
	put(l, "b", 0)
	put(l, "d", 0)
	for key, want := range map[string]string{"a": "", "b": "", "c": "b", "d": "b", "e": "d"} {
		require.Equal(t, want, string(l.Before([]byte(key)).Key), "before %s", key)
	}
	require.Equal(t, "d", string(l.Before([]byte("c")).Next().Key))
}

func TestNodes_ReusedAfterReset(t *testing.T) {
	var nodes skiplist.Nodes[int]
	for range 3 {
		l := newList(&nodes)
		for i := range 300 { // more than two blocks
			put(l, fmt.Sprintf("%03d", i), i)
		}
		require.Len(t, keys(l), 300)
		nodes.Reset()
	}
	require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
		l := newList(&nodes)
		for range 10 {
			if n := l.NewNode(); n.Key != nil || n.Value != 0 {
				t.Error("a node is not zero")
			}
		}
		nodes.Reset()
	}), 1.0, "the list itself")
}

// Readers always find complete nodes in order, and never fewer than before.
func TestList_ConcurrentReaders(t *testing.T) {
	const n = 5000
	l := newList(&skiplist.Nodes[int]{})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for seen := 0; ; {
				select {
				case <-done:
					return
				default:
				}
				count, last := 0, ""
				for node := l.First(); node != nil; node = node.Next() {
					if key := string(node.Key); key <= last {
						t.Errorf("%q after %q", key, last)
					} else {
						last = key
					}
					if node.Value == 0 {
						t.Errorf("%q has no value yet", node.Key)
					}
					count++
				}
				if count < seen {
					t.Errorf("%d keys after %d", count, seen)
				}
				seen = count
			}
		})
	}
	for i, at := range rand.New(rand.NewPCG(3, 4)).Perm(n) {
		put(l, fmt.Sprintf("%05d", at), i+1)
	}
	close(done)
	readers.Wait()
	require.Len(t, keys(l), n)
}
