package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// rhythm is how streams are kept up.
type rhythm struct {
	heartbeat time.Duration
	// lostAfter is how long a prober may leave a heartbeat unanswered before it is given up:
	// what is lost between the harness and a kubelet says no goodbye.
	lostAfter             time.Duration
	firstRetry, lastRetry time.Duration // doubles from the first to the last
}

func steady() rhythm {
	return rhythm{
		heartbeat: 5 * time.Second, lostAfter: 30 * time.Second,
		firstRetry: 100 * time.Millisecond, lastRetry: 5 * time.Second,
	}
}

// resyncEvery is how many heartbeats pass until a clock is measured again.
const resyncEvery = 4

// gap is a time in which a prober may not have been there to answer others: from its last
// sign of life by the old stream to its first by the new one.
type gap struct {
	from, to time.Duration
	why      error
}

// maxGaps is how many gaps of a prober are remembered.
const maxGaps = 64

// Interrupted is why a prober may not have answered others at some time in from..to, nil
// when it was there: its stream was lost, and with the stream the prober itself, whose
// life hangs on its standard input. A port that it served refused, for that reason and for
// no policy. The answer may change from nil to an error while a loss is not yet noticed.
func (f *Fleet) Interrupted(name string, from, to time.Duration) error {
	f.mu.Lock()
	p, gaps := f.probers[name], f.gaps[name]
	i := slices.IndexFunc(gaps, func(g gap) bool { return g.from <= to && from <= g.to })
	f.mu.Unlock()
	if i >= 0 {
		return fmt.Errorf("the stream of prober %s was interrupted: %w", name, gaps[i].why)
	}
	if p == nil {
		return nil // removed on purpose, or never there
	}
	if err := p.failure(); err != nil && !errors.Is(err, errRemoved) && time.Duration(p.heard.Load()) <= to {
		return fmt.Errorf("the stream of prober %s is interrupted: %w", name, err)
	}
	return nil
}

// keep keeps the stream up until the prober is removed.
func (f *Fleet) keep(p *prober, d Dial) {
	for p != nil {
		p.keepAlive(f.rhythm)
		p = f.reopen(p, d)
	}
}

// reopen opens the lost stream of p again, as often as it takes; nil when it is not wanted
// any more. A first try may well fail: the forerunner may still hold the ports.
func (f *Fleet) reopen(p *prober, d Dial) *prober {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-p.removed:
			cancel()
		case <-ctx.Done():
		}
	}()
	for wait := f.rhythm.firstRetry; ; wait = min(2*wait, f.rhythm.lastRetry) {
		select {
		case <-time.After(wait):
		case <-p.removed:
			return nil
		}
		next, err := f.open(ctx, p.name, d)
		if err != nil {
			continue // Err and Interrupted tell the first reason, which counts
		}
		if f.replace(p, next) {
			return next
		}
		return nil
	}
}

// replace puts next in the place of p, whose stream was lost; false when p was removed
// meanwhile, and next is too then.
func (f *Fleet) replace(p, next *prober) bool {
	next.again = true
	f.mu.Lock()
	wanted := !f.closed && f.probers[p.name] == p
	if wanted {
		gaps := append(f.gaps[p.name], gap{time.Duration(p.heard.Load()), Now(), p.failure()})
		f.gaps[p.name] = gaps[max(len(gaps)-maxGaps, 0):]
		f.probers[p.name] = next
	}
	f.mu.Unlock()
	if !wanted {
		next.remove()
	}
	return wanted
}

// keepAlive returns when the stream has ended. Until then it looks whether the prober is
// there, and measures its clock again now and then: clocks of machines drift apart.
func (p *prober) keepAlive(r rhythm) {
	tick := time.NewTicker(r.heartbeat)
	defer tick.Stop()
	for beat := 1; ; beat++ {
		select {
		case <-tick.C:
		case <-p.ended:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), r.lostAfter)
		check := p.ping
		if beat%resyncEvery == 0 {
			check = p.syncClock
		}
		if err := check(ctx); errors.Is(err, context.DeadlineExceeded) {
			p.end(fmt.Errorf("prober %s did not answer for %v", p.name, r.lostAfter))
		}
		cancel()
	}
}
