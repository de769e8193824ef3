package agent

import (
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// A loop with nothing to do turns a few times, in case something comes, and then sleeps until
// something does.
func TestAnIdleLoopSleeps(t *testing.T) {
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	turns := 0
	var woken time.Duration
	l.eachTurn = append(l.eachTurn, func() { turns++ })
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run()
	}()
	time.AfterFunc(4*awake*brief*time.Millisecond, func() {
		l.post(func() { woken, l.stopped = wire.Now(), true })
	})
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("what was posted to a loop that sleeps was not done")
	}
	if turns > awake+2 {
		t.Errorf("%d turns until %v, want %d at most", turns, woken, awake+2)
	}
}
