package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/internal/process"
)

// How often a starting program is asked whether it is ready, and how long one question
// and the whole start may take.
const (
	askEvery   = 20 * time.Millisecond
	askTimeout = 2 * time.Second
	startLimit = 2 * time.Minute
)

// until waits until ready says yes, or the process ends, or ctx does.
func until(ctx context.Context, p *process.Process, what string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for !ready(ctx) {
		select {
		case <-p.Done():
			return fmt.Errorf("start %s: it ended; the end of its log:\n%s", what, process.Tail(p.LogPath()))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("wait for %s to be ready: %w", what, ctx.Err())
			}
			return fmt.Errorf("wait for %s to be ready: %w; the end of its log:\n%s", what, ctx.Err(), process.Tail(p.LogPath()))
		case <-tick.C:
		}
	}
	return nil
}
