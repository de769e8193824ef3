package runner

import (
	"context"
	"time"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/judge"
)

const (
	// tick is how often a watch looks at its cells when nothing arrives.
	tick = 5 * time.Millisecond
	// silence is how long a probe to a denied cell must go unanswered to be presumed
	// dropped. What is presumed steers the probing; it is never judged.
	silence = 60 * time.Millisecond
	// calmAfter is when fast rounds begin to become rarer.
	calmAfter = 250 * time.Millisecond
)

// cell is one cell of a step while it is watched.
type cell struct {
	key      cellKey
	judge    judge.Cell
	progress judge.Progress
	pending  []time.Duration // when the probes that are on their way were handed over
	flow     model.Flow      // as last probed
}

func (c *cell) undefined() bool { return c.judge.Want == model.Undefined }

// standing is where a cell stands if what is presumed is true.
type standing struct {
	right       bool
	since, last time.Duration // of the probes' sending
	proven      bool          // since is observed, not presumed
}

// watch probes the cells of one step until enough is seen. One goroutine owns it; calls of
// the prober run beside and report through results.
type watch struct {
	a       *arena
	cells   []*cell
	window  judge.Window
	acked   bool
	results chan batch
	flying  int // batches that have not reported yet

	fullSent, fastSent time.Duration // last launch; 0 before the first
	fastEvery          time.Duration
	rounds, probes     int
}

// run probes until every cell is settled, hopeless at the deadline, or ctx is done. acks
// gives the time of the ack once.
func (w *watch) run(ctx context.Context, acks <-chan time.Duration) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		now := w.a.run.cfg.Now()
		if w.acked && w.finished(now) {
			return
		}
		w.launchDue(ctx, now)
		select {
		case <-ctx.Done():
			return
		case at, ok := <-acks:
			if !ok {
				return // the step could not be done
			}
			w.ack(at)
			acks = nil
		case b := <-w.results:
			w.receive(b)
		case <-ticker.C:
		}
		w.receiveReady()
	}
}

func (w *watch) ack(at time.Duration) {
	w.acked = true
	w.window.Acked = at
	for _, c := range w.cells {
		c.progress = judge.Look(&c.judge, w.window)
	}
}

// receiveReady takes all that has already arrived.
func (w *watch) receiveReady() {
	for {
		select {
		case b := <-w.results:
			w.receive(b)
		default:
			return
		}
	}
}

// drain waits for the probes that are still on their way; each ends at its timeout.
func (w *watch) drain() {
	for w.flying > 0 {
		w.receive(<-w.results)
	}
}

// launchDue starts the rounds that are due.
func (w *watch) launchDue(ctx context.Context, now time.Duration) {
	if !w.acked {
		if w.due(w.fullSent, w.fullEvery(len(w.cells)), now) {
			w.fullSent = now
			w.launch(ctx, now, w.unchanged())
		}
		return
	}
	switch wrong := w.wrong(now); {
	case w.due(w.fullSent, w.fullEvery(len(w.cells)), now) || w.lastRoundDue(now):
		// At once after the ack the changing cells are alone: their time counts.
		if w.fastSent == 0 && len(wrong) > 0 {
			w.launchFast(ctx, now, wrong)
			return
		}
		w.fullSent = now
		w.launch(ctx, now, w.full())
		w.rounds++
	case len(wrong) > 0 && w.due(w.fastSent, w.fastPace(len(wrong), now), now):
		w.launchFast(ctx, now, wrong)
	}
}

func (w *watch) launchFast(ctx context.Context, now time.Duration, wrong []*cell) {
	w.fastSent = now
	w.launch(ctx, now, wrong)
}

func (w *watch) due(last, every, now time.Duration) bool { return last == 0 || now-last >= every }

// fullEvery spaces full rounds so that an arena keeps to its rate.
func (w *watch) fullEvery(n int) time.Duration {
	t := w.a.run.cfg.Timing
	return max(t.RoundEvery, perRound(n, t.CellsPerSecond))
}

// fastPace spaces fast rounds. They may take twice the rate of full ones, because they are
// soon over; a cell that stays wrong for long is probed ever more slowly.
func (w *watch) fastPace(n int, now time.Duration) time.Duration {
	t := w.a.run.cfg.Timing
	pace := max(t.FastEvery, perRound(n, 2*t.CellsPerSecond))
	if late := now - w.window.Acked; late > calmAfter {
		pace = max(pace, min(late/8, 2*t.RoundEvery))
	}
	return pace
}

func perRound(cells, perSecond int) time.Duration {
	return time.Duration(cells) * time.Second / time.Duration(perSecond)
}

// unchanged are the cells that must not change: those worth probing before the ack.
func (w *watch) unchanged() []*cell {
	var cells []*cell
	for _, c := range w.cells {
		if !c.judge.Changed() && !c.undefined() {
			cells = append(cells, c)
		}
	}
	return cells
}

// full are the cells of a full round: all, but what is undefined need be seen only once.
func (w *watch) full() []*cell {
	var cells []*cell
	for _, c := range w.cells {
		if !c.undefined() || (!c.progress.Seen && len(c.pending) == 0) {
			cells = append(cells, c)
		}
	}
	return cells
}

// wrong are the cells that a fast round is for: changing, and not right yet.
func (w *watch) wrong(now time.Duration) []*cell {
	var cells []*cell
	for _, c := range w.cells {
		if c.judge.Changed() && !c.undefined() && !w.stands(c, now).right {
			cells = append(cells, c)
		}
	}
	return cells
}

// stands presumes that probes to a denied cell that are silent for long were dropped.
func (w *watch) stands(c *cell, now time.Duration) standing {
	p := c.progress
	s := standing{right: p.Right, since: p.Since, last: p.Last, proven: p.Right}
	if c.judge.Want != model.Deny {
		return s
	}
	from := w.window.Begun
	if c.judge.Changed() {
		from = w.window.Acked
	}
	for _, sent := range c.pending {
		if sent < from || now-sent < silence || sent <= p.Last {
			continue
		}
		if !s.right {
			s.right, s.since = true, sent
		}
		s.last = max(s.last, sent)
	}
	return s
}

// lastRoundDue says that every cell is right or lost, was so for the hold window, and only
// the round that shows it is missing.
func (w *watch) lastRoundDue(now time.Duration) bool {
	due := time.Duration(0)
	for _, c := range w.cells {
		if c.undefined() || c.progress.Violated {
			continue
		}
		s := w.stands(c, now)
		if !s.right {
			return false
		}
		due = max(due, w.heldFrom(s)+w.window.Hold)
	}
	return now >= due && w.fullSent < due
}

func (w *watch) heldFrom(s standing) time.Duration { return max(s.since, w.window.Acked) }

// finished says that more probing is of no use.
func (w *watch) finished(now time.Duration) bool {
	deadline := w.window.Acked + w.window.Deadline
	hopeful, open := false, false
	for _, c := range w.cells {
		if c.progress.Violated || (c.undefined() && (c.progress.Seen || len(c.pending) > 0)) {
			continue
		}
		s := w.stands(c, now)
		if s.proven && s.last >= w.window.Acked && s.last-w.heldFrom(s) >= w.window.Hold {
			continue
		}
		open = true
		hopeful = hopeful || s.right
	}
	switch {
	case !open:
		return true
	case now < deadline:
		return false
	default:
		return !hopeful || now >= deadline+2*w.window.Hold+w.a.run.cfg.Timing.Timeout
	}
}
