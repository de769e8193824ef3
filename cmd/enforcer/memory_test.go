package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// At the size that the enforcer is bounded for, the limit is what it always was; beyond, the
// collector has room.
func TestMemoryLimitFor(t *testing.T) {
	for _, tc := range []struct{ live, want int64 }{
		{0, 48 << 20},
		{24 << 20, 48 << 20}, // 20,000 pods
		{30 << 20, 48 << 20},
		{40 << 20, 62 << 20},
		{100 << 20, 146 << 20},
	} {
		if got := memoryLimitFor(uint64(tc.live)); got != tc.want {
			t.Errorf("limit for %d MiB is %d MiB, want %d", tc.live>>20, got>>20, tc.want>>20)
		}
	}
}

// The limit follows the heap up, and down again.
func TestFollowHeap(t *testing.T) {
	before := debug.SetMemoryLimit(memoryLimit)
	defer debug.SetMemoryLimit(before)
	go followHeap(t.Context())
	held := make([]byte, 100<<20)
	debug.FreeOSMemory() // a collection
	untilLimit(t, "above 100 MiB", func(limit int64) bool { return limit > 100<<20 })
	runtime.KeepAlive(held)
	debug.FreeOSMemory()
	untilLimit(t, "back", func(limit int64) bool { return limit == memoryLimit })
}

func untilLimit(t *testing.T, what string, ok func(int64) bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !ok(debug.SetMemoryLimit(-1)) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the limit is not %s after 30 s: %d", what, debug.SetMemoryLimit(-1))
		}
	}
}
