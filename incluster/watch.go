package incluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/netassay/netassay/incluster/outcome"
	"github.com/netassay/netassay/internal/flock"
)

// Watch waits until Run, in another container with the same volume, has left results in dir. If
// Run is killed, or doesn't come to it, Watch leaves results in its place: what is there, as
// unfinished. A cancelled ctx says that the pod is being deleted; Watch still waits then, as Run
// has results to write.
func Watch(ctx context.Context, dir string, start time.Duration, log io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make results directory: %w", err)
	}
	w := watcher{
		place: place{dir: dir}, began: time.Now(),
		patience: outcome.Patience{Start: start, Late: 2 * time.Minute, Last: 20 * time.Second},
	}
	defer w.release()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for asked := ctx.Done(); ; {
		if w.retract() {
			fmt.Fprintln(log, "netassay: Sonobuoy's worker was about to send what there is, before the experiment's end: it waits on")
		}
		sight, err := w.look()
		if err != nil {
			return err
		}
		leave, reason := w.patience.Decide(sight)
		switch {
		case leave:
			return nil
		case reason != "":
			fmt.Fprintf(log, "netassay: unfinished: %s\n", reason)
			_, err := w.finish(outcome.Ending{Failed: reason})
			return err
		}
		select {
		case <-tick.C:
		case <-asked:
			asked, w.stopped = nil, time.Now()
		}
	}
}

type watcher struct {
	place
	patience       outcome.Patience
	began, stopped time.Time
}

// look sees what there is. Before Run has begun the lock is left alone, for Run to take.
func (w *watcher) look() (outcome.Sight, error) {
	s := outcome.Sight{Begun: w.hasBegun(), Watched: time.Since(w.began)}
	if !w.stopped.IsZero() {
		s.Stopped = time.Since(w.stopped)
	}
	if s.Begun && w.lock == nil {
		if err := w.take(); err != nil && !errors.Is(err, flock.ErrHeld) {
			return s, fmt.Errorf("lock results directory: %w", err)
		}
	}
	if s.Begun {
		noted := w.earlier()
		s.Grace = noted.Grace
		if !noted.Until.IsZero() {
			s.Late = time.Since(noted.Until)
		}
	}
	s.Free = w.lock != nil
	s.Done = w.done() // after the lock: who had it may just have written it
	return s, nil
}
