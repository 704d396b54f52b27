package storagesim_test

import (
	"sync"
	"testing"
	"time"

	"storagesim"
	"storagesim/lightbits"
)

// A world without requests: Start and the end of the test, after the first.
func BenchmarkStart(b *testing.B) {
	storagesim.Start(b)
	for b.Loop() {
		observe(func(tb storagesim.TB) { storagesim.Start(tb) })
	}
}

func BenchmarkStart_WithVolume(b *testing.B) {
	storagesim.Start(b)
	for b.Loop() {
		observe(func(tb storagesim.TB) { volume(b, storagesim.Start(tb), "vol1") })
	}
}

// 200 tests at the same time, each with a volume that becomes Available.
func BenchmarkStart_200Parallel(b *testing.B) {
	storagesim.Start(b)
	for b.Loop() {
		var tests sync.WaitGroup
		for range 200 {
			tests.Go(func() {
				observe(func(tb storagesim.TB) { volume(b, storagesim.Start(tb), "vol1") })
			})
		}
		tests.Wait()
	}
}

func BenchmarkFork(b *testing.B) {
	w := storagesim.Start(b)
	volume(b, w, "vol1")
	cp := w.Checkpoint()
	for b.Loop() {
		observe(func(tb storagesim.TB) { storagesim.Start(tb, storagesim.From(cp)) })
	}
}

func BenchmarkBubble(b *testing.B) {
	for name, f := range map[string]func(*testing.T, *storagesim.World){
		"empty":         func(*testing.T, *storagesim.World) {},
		"twentyMinutes": twentyMinutes,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
					Name: "bubble", F: func(t *testing.T) {
						storagesim.Bubble(t, f, storagesim.Delays{lightbits.DelayVolumeCreate: "20m"})
					}}})
			}
		})
	}
}

// twentyMinutes waits for a volume as a client does, with a poll every five seconds.
func twentyMinutes(t *testing.T, w *storagesim.World) {
	began := time.Now()
	create(t, w, "vol1")
	for w.Volume("vol1").State() != "Available" {
		get(t, w, "vol1")
		sleep(5 * time.Second)
	}
	if took := time.Since(began); took < 20*time.Minute || took > 20*time.Minute+6*time.Second {
		t.Fatalf("it took %s", took)
	}
}
