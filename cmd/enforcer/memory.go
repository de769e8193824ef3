package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage collector is told to keep the process small, unless the environment says
// otherwise: the start-up list is short-lived garbage several times the live heap.
const (
	memoryLimit = 48 << 20
	gcPercent   = 50
)

// memoryLimitFor is the limit for so many bytes of live heap. Near to the limit the collector
// would run for each MiB of garbage and take half of a processor, so that a cluster of more
// than some 25,000 pods gets more: the live heap, two fifths of it for garbage, and what the
// runtime itself takes.
func memoryLimitFor(live uint64) int64 {
	const runtimeOwn = 6 << 20
	return max(memoryLimit, runtimeOwn+int64(live)*7/5)
}

const (
	lookAtHeap = 2 * time.Second
	limitStep  = 1 << 20 // changes below it are not worth the moment for which all stops
)

// followHeap moves the limit with the live heap until ctx ends.
func followHeap(ctx context.Context) {
	tick := time.NewTicker(lookAtHeap)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	limit := int64(memoryLimit)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(live)
		if now := memoryLimitFor(live[0].Value.Uint64()); now > limit+limitStep || now < limit-limitStep {
			limit = now
			debug.SetMemoryLimit(limit)
		}
	}
}
