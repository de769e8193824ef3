package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// signalError is why a run was stopped: the user, or the machine, wants it to end.
type signalError struct {
	signal os.Signal
}

func (e *signalError) Error() string { return "signal: " + e.signal.String() }

// lifetime is a context for all that a test does. It ends early enough before go test's
// own -timeout, which kills without cleaning up, and with the first SIGINT, SIGTERM or
// SIGHUP; context.Cause says which. Further signals only get a line: what is still to do
// is bounded, and cutting it short would leave a cluster behind.
func (s *Suite) lifetime(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	t.Cleanup(func() { cancel(nil) })
	if deadline, ok := t.Deadline(); ok {
		early := margin(time.Until(deadline))
		var stop context.CancelFunc
		ctx, stop = context.WithDeadlineCause(ctx, deadline.Add(-early),
			fmt.Errorf("the -timeout of go test is %s away, which is left for cleaning up: give it more, as in -timeout 30m", early.Round(time.Second)))
		t.Cleanup(stop)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	over := make(chan struct{})
	t.Cleanup(func() {
		signal.Stop(signals)
		close(over)
	})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case got := <-signals:
				cancel(&signalError{got})
				fmt.Fprintf(os.Stderr, "%s: %s\n", got, []string{"stopping, and cleaning up", "still cleaning up"}[min(n, 1)])
			}
		}
	}()
	return ctx
}

// margin is how long before the end of the time that is left a run stops.
func margin(left time.Duration) time.Duration {
	return min(max(left/5, 10*time.Second), time.Minute, left/2)
}

// cause prefers the reason why ctx ended to what followed from it.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(err, why) {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return err
}

// moduleRoot is the nearest directory at or above dir that has a go.mod, or dir.
func moduleRoot(dir string) string {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}
