package runner

import (
	"context"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

const (
	// tick is how often a watch looks at its cells when nothing arrives.
	tick = 5 * time.Millisecond
	// silence is how long a probe to a denied cell must go unanswered at least, beyond what
	// the probers lag behind, to be presumed dropped. What is presumed steers the probing;
	// it is never judged.
	silence = 60 * time.Millisecond
	// secondPacket is the part of a probe's time, one in that many, within which its second
	// packet has gone out: a step that ended before would have it meet the next one's policies.
	secondPacket = 8
	// calmAfter is when fast rounds begin to become rarer.
	calmAfter = 250 * time.Millisecond
	// calmRound is the longest time between rounds over all cells.
	calmRound = 2 * time.Second
	// prompt is how little probers must lag to be trusted to have sent what they were
	// handed.
	prompt = 25 * time.Millisecond
	// heldEvery is the pace of packets of long-lived flows.
	heldEvery = 25 * time.Millisecond
	// sliceCount is into how many parts a round over all cells is spread.
	sliceCount = 4
)

// standing is where a cell stands if what is presumed is true.
type standing struct {
	right       bool
	since, last time.Duration // of the probes' sending
	proven      bool          // since is observed, not presumed
}

// watch probes the cells of one step until enough is seen. One goroutine owns it; calls of
// the prober run beside and report through results.
type watch struct {
	prober  Prober
	flow    func(k cases.Cell) uint64 // the number of a long-lived flow
	pod     func(key string) *pod     // that can be probed, nil when there is none of that key (yet)
	timing  Timing
	now     func() time.Duration
	turn    *atomic.Int64 // how long an answered probe takes from here and back, lately; watches of a set may overlap
	patient bool          // presume nothing

	cells           []*cell
	starved         *starvation
	suspects        map[controlKey]*cell // servers that their own node did not reach
	window          judge.Window
	acked           bool
	results         chan batch
	batchesInFlight int // batches that have not reported yet
	probesInFlight  int // probes in them

	sweep      *sweep        // the round over all cells that is under way
	sweepBegun time.Duration // of the last sweep; 0 before the first
	heldSent   time.Duration // last look at long-lived flows; 0 before the first
	fastSent   time.Duration // last fast round; 0 before the first
	lag        time.Duration // from handing a batch over to its sending, lately
	worst      time.Duration // the largest lag of all
	rounds     int
	probes     int
}

// run probes until every cell is settled, hopeless at the deadline, or ctx is done. acks
// gives the time of the ack once.
func (w *watch) run(ctx context.Context, acks <-chan time.Duration) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		now := w.now()
		if w.acked {
			w.stretch(now)
			if w.finished(now) {
				return
			}
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
			w.receive(ctx, b)
		case <-ticker.C:
		}
		w.receiveReady(ctx)
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
func (w *watch) receiveReady(ctx context.Context) {
	for {
		select {
		case b := <-w.results:
			w.receive(ctx, b)
		default:
			return
		}
	}
}

// drain waits for the probes that are still on their way; each ends at its timeout.
func (w *watch) drain(ctx context.Context) {
	for w.batchesInFlight > 0 {
		w.receive(ctx, <-w.results)
	}
}

// launchDue starts the probes that are due. Right after the ack the changing cells go
// first and alone: their time counts.
func (w *watch) launchDue(ctx context.Context, now time.Duration) {
	if w.probesInFlight > w.most() {
		return
	}
	if held := w.held(); len(held) > 0 && w.due(w.heldSent, heldEvery, now) {
		w.heldSent = now
		w.launch(ctx, now, newRound(held), held)
	}
	if w.acked {
		if wrong := w.wrong(now); len(wrong) > 0 && w.due(w.fastSent, w.fastPace(len(wrong), now), now) {
			w.fastSent = now
			w.launch(ctx, now, newRound(wrong), wrong)
			return
		}
		if last := w.lastLook(now); len(last) > 0 {
			w.launch(ctx, now, newRound(last), last)
			return
		}
		if last, over := w.lastRound(now); over {
			w.launch(ctx, now, newRound(last), last)
			return
		}
	}
	w.launchSweep(ctx, now)
}

// launchSweep starts the next slice of the round over all cells when it is due, and the
// next round when that is. Slices spread the load, and find holes between them.
func (w *watch) launchSweep(ctx context.Context, now time.Duration) {
	every := w.sweepEvery(now)
	if w.sweep == nil && w.due(w.sweepBegun, every, now) {
		w.sweepBegun = now
		w.sweep = newSweep(w.sweepable(now))
		w.rounds++
	}
	if w.sweep == nil || now < w.sweepBegun+time.Duration(w.sweep.next)*every/sliceCount {
		return
	}
	slice := w.sweep.slices[w.sweep.next]
	w.launch(ctx, now, newRound(slice), slice)
	if w.sweep.next++; w.sweep.next == sliceCount {
		w.sweep = nil
	}
}

// most is how many probes may be on their way when a round is begun. More would not be
// answered any sooner: a machine that can't keep up would only fall behind further, and
// mistake its own slowness for dropped packets.
func (w *watch) most() int { return w.timing.CellsPerSecond / 4 }

func (w *watch) due(last, every, now time.Duration) bool { return last == 0 || now-last >= every }

// sweepEvery spaces the rounds over all cells so that a fixture set keeps to its rate. What
// takes long, a namespace that goes away or cells that stay wrong, is watched less closely.
func (w *watch) sweepEvery(now time.Duration) time.Duration {
	t := w.timing
	lasts := now - w.window.Begun
	if w.acked {
		lasts = now - w.window.Acked
	}
	return max(t.RoundEvery, perRound(len(w.cells), t.CellsPerSecond), min(lasts/2, calmRound))
}

// fastPace spaces fast rounds. They may take twice the rate of full ones, because they are
// soon over; a cell that stays wrong for long is probed ever more slowly.
func (w *watch) fastPace(n int, now time.Duration) time.Duration {
	t := w.timing
	pace := max(t.FastEvery, perRound(n, 2*t.CellsPerSecond))
	if late := now - w.window.Acked; late > calmAfter {
		pace = max(pace, min(late/8, 2*t.RoundEvery))
	}
	return pace
}

func perRound(cells, perSecond int) time.Duration {
	return time.Duration(cells) * time.Second / time.Duration(perSecond)
}

// sweepable are the cells of the next round: before the ack those that must not change,
// afterwards all; but of what stays allowed one half in turn until the hold window is over, and
// what is undefined need be seen only once, or at the end when asked for.
func (w *watch) sweepable(now time.Duration) []*cell {
	var cells []*cell
	for _, c := range w.cells {
		switch {
		case c.key.Held != "":
			continue
		case c.undefined():
			if !w.acked || !w.open(c) || w.underway(c, now) {
				continue
			}
		case !w.acked && c.judge.Changed(), w.spared(c, now), w.underway(c, now):
			continue
		}
		cells = append(cells, c)
	}
	return cells
}

// spared reports whether it is not the turn of a cell that stays allowed. Each client and each
// server has as many cells in one half as in the other: what goes wrong on the way with an end,
// a port or all meets those that are looked at. All are looked at when the window is over.
func (w *watch) spared(c *cell, now time.Duration) bool {
	return c.trusted() && c.half != w.rounds%2 && (!w.acked || now < w.window.Acked+w.window.Hold)
}

// held are the long-lived flows, which carry packets all the time once they are open.
func (w *watch) held() []*cell {
	var cells []*cell
	for _, c := range w.cells {
		if c.key.Held != "" && len(c.pending) == 0 && (w.acked || !c.opens) {
			cells = append(cells, c)
		}
	}
	return cells
}

// wrong are the cells that a fast round is for: changing, and not right yet.
func (w *watch) wrong(now time.Duration) []*cell {
	var cells []*cell
	for _, c := range w.cells {
		if c.key.Held == "" && c.judge.Changed() && !c.undefined() && !w.underway(c, now) && !w.stands(c, now).right {
			cells = append(cells, c)
		}
	}
	return cells
}

// underway reports whether the answer to a probe of the cell may still be on its way. Another
// probe would tell no more, and where they take long it would make all of them take longer.
func (w *watch) underway(c *cell, now time.Duration) bool {
	return len(c.pending) > 0 && now-c.newest() < 2*time.Duration(w.turn.Load())
}

// stands presumes that probes to a denied cell that are silent for long were dropped.
func (w *watch) stands(c *cell, now time.Duration) standing {
	p := c.progress
	s := standing{right: p.Right, since: p.Since, last: p.Last, proven: p.Right}
	if c.trusted() && !p.Seen {
		s.right, s.since = true, w.window.Begun // as it was before the step
	}
	if c.judge.Want != model.Deny {
		return s
	}
	from := w.window.Begun
	if c.judge.Changed() {
		from = w.window.Acked
	}
	for _, sent := range c.pending {
		if sent < from || now-sent < w.quiet() || sent <= p.Last {
			continue
		}
		if !s.right {
			s.right, s.since = true, sent
		}
		s.last = max(s.last, sent)
	}
	return s
}

// quiet is how long a probe to a denied cell must go unanswered to be presumed dropped.
func (w *watch) quiet() time.Duration { return max(silence, w.timing.Silence/secondPacket) + 2*w.lag }

// mayPresume reports whether a step may end before the last probes of the cell have come back.
// Datagrams may not: they are sent again, and a copy could meet the next step's policies. A
// silent SYN is sent again once, so early that it belongs to the step.
// Nor may anything while probers lag: what was handed over may not have been sent yet.
func (w *watch) mayPresume(c *cell) bool {
	return c.key.Probe.Protocol == corev1.ProtocolTCP && c.key.Held == "" && w.lag < prompt && !w.patient
}

// lastRound are the cells that must be probed once more now that every cell is right or
// lost and was so for the hold window: those that were not probed since their own window
// was over. over reports whether it is so: then answers are waited for, and nothing else.
func (w *watch) lastRound(now time.Duration) (last []*cell, over bool) {
	for _, c := range w.cells {
		switch {
		case c.undefined() && w.open(c):
			return nil, false
		case !w.open(c):
			continue
		}
		s := w.stands(c, now)
		due := w.heldFrom(s) + w.window.Hold
		if !s.right || now < due {
			return nil, false
		}
		if max(s.last, c.newest()) < due {
			last = append(last, c)
		}
	}
	return last, true
}

// lastLook are the cells that are not right at the deadline, and were not asked since: only
// what is wrong then convicts.
func (w *watch) lastLook(now time.Duration) []*cell {
	due := w.window.Due()
	if now < due {
		return nil
	}
	var last []*cell
	for _, c := range w.cells {
		if w.open(c) && !c.progress.Right && max(c.progress.Last, c.newest()) < due {
			last = append(last, c)
		}
	}
	return last
}

// open reports whether more probing can still tell something about the cell. What a case asks
// for is what an engine does once it has had some time. An outage that is looked for once more is
// watched to its end: whether it has one decides.
func (w *watch) open(c *cell) bool {
	switch {
	case c.asked:
		return c.progress.Last < w.window.Acked+w.window.Hold
	case c.undefined():
		return !c.progress.Seen && len(c.pending) == 0
	case w.patient && c.trusted():
		return true
	}
	return !c.progress.Violated
}

func (w *watch) heldFrom(s standing) time.Duration { return max(s.since, w.window.Acked) }

// finished reports whether more probing is of no use. Cells that are not right by the deadline
// are given up when they were seen wrong since; those that are right, or of which nothing is
// known, have a little longer.
func (w *watch) finished(now time.Duration) bool {
	due := w.window.Due()
	hopeful, open := false, false
	for _, c := range w.cells {
		if !w.open(c) {
			continue
		}
		s := w.stands(c, now)
		if !w.mayPresume(c) {
			s.last = c.progress.Last
		}
		if s.proven && s.last >= w.window.Acked && s.last-w.heldFrom(s) >= w.window.Hold {
			continue
		}
		open = true
		hopeful = hopeful || s.right || c.progress.Last < due
	}
	switch {
	case !open:
		return true
	case now < due:
		return false
	default:
		return !hopeful || now >= due+2*w.window.Hold+w.timing.Timeout
	}
}
