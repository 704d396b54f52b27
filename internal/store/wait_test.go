package store_test

import (
	"sync"
	"testing"
	"time"
)

// patience bounds each wait. It is long, since the machine may be busy; a test that waits longer has failed.
const patience = 2 * time.Minute

// await waits for a group of goroutines. It ends the test if they take longer than patience.
func await(t *testing.T, group *sync.WaitGroup) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	receive(t, ended)
}

// receive waits for a channel. It ends the test if that takes longer than patience.
func receive(t *testing.T, from <-chan struct{}) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(patience):
		t.Fatalf("nothing happened within %s", patience)
	}
}
