package probe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// reserve is how much longer than the probes' own timeouts a prober may take for a round.
const reserve = 5 * time.Second

// round is one call of Probe.
type round struct {
	targets []Target

	mu       sync.Mutex
	obs      []Observation
	have     []bool
	missing  int
	complete chan struct{}
}

// Probe makes all probes at once from one prober and gives one observation per target, in
// their order, whatever happens: a prober that is unknown, dies or does not answer gives
// Inconclusive observations. The error is that of ctx, when it ended first; the
// observations are complete then too.
func (f *Fleet) Probe(ctx context.Context, client string, ts []Target) ([]Observation, error) {
	r := newRound(ts)
	p, err := f.prober(client)
	if err != nil {
		r.giveUp(err.Error())
		return r.obs, nil
	}
	err = r.run(ctx, p)
	f.attachReceipts(ctx, r)
	return r.obs, err
}

func newRound(ts []Target) *round {
	r := &round{
		targets: ts, obs: make([]Observation, len(ts)), have: make([]bool, len(ts)),
		missing: len(ts), complete: make(chan struct{}),
	}
	for i, t := range ts {
		r.obs[i] = Observation{Cell: t.Cell, To: t.Addr, Protocol: t.Protocol, Nonce: max(1, rand.Uint64())}
	}
	if len(ts) == 0 {
		close(r.complete)
	}
	return r
}

// run sends the requests and waits until each target has its observation.
func (r *round) run(ctx context.Context, p *prober) error {
	var ids []uint64
	for first := 0; first < len(r.targets); first += wire.MaxTargets {
		last := min(first+wire.MaxTargets, len(r.targets))
		ids = append(ids, p.call(wire.Request{Probe: r.request(first, last)}, func(ev wire.Event, err error) {
			r.take(p, first, last, ev, err)
		}))
	}
	defer func() {
		for _, id := range ids {
			p.forget(id)
		}
	}()
	why, err := "", error(nil)
	select {
	case <-r.complete:
		return nil
	case <-ctx.Done():
		why, err = ctx.Err().Error(), ctx.Err()
	case <-time.After(r.patience()):
		why = fmt.Sprintf("prober %s did not answer", p.name)
	}
	for _, id := range ids {
		p.forget(p.call(wire.Request{Cancel: id}, func(wire.Event, error) {}))
	}
	r.giveUp(why)
	return err
}

func (r *round) request(first, last int) []wire.Target {
	ts := make([]wire.Target, 0, last-first)
	for i, t := range r.targets[first:last] {
		ts = append(ts, wire.Target{
			Addr: t.Addr, Protocol: t.Protocol, From: t.From, Timeout: t.Timeout, Bare: t.Bare, Size: t.Size, Flow: t.Flow, Open: t.Open, Form: t.Form, Nonce: r.obs[first+i].Nonce,
		})
	}
	return ts
}

// patience is how long the whole round may take: a prober has at least half of
// wire.MaxTargets probes in flight.
func (r *round) patience() time.Duration {
	longest := time.Duration(0)
	for _, t := range r.targets {
		longest = max(longest, t.Timeout)
	}
	waves := time.Duration(2*len(r.targets)/wire.MaxTargets + 1)
	return waves*longest + reserve
}

// take enters what the prober answered to the request for targets first..last-1.
func (r *round) take(p *prober, first, last int, ev wire.Event, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && ev.Error != "" {
		err = fmt.Errorf("prober %s: %s", p.name, ev.Error)
	}
	if err != nil {
		r.fail(first, last, err.Error())
	}
	for _, o := range ev.Observations {
		i := first + o.Index
		if o.Index < 0 || i >= last || r.have[i] {
			continue
		}
		to := &r.obs[i]
		to.Result, to.Err, to.Answered, to.Packets = o.Result, o.Err, o.Answered, o.Packets
		to.Sent, to.Done = p.translate(o.Sent), p.translate(o.Done)
		to.Local, to.LocalPort = o.Local.Addr(), o.Local.Port()
		r.enter(i)
	}
}

func (r *round) enter(i int) {
	r.have[i] = true
	if r.missing--; r.missing == 0 {
		close(r.complete)
	}
}

// fail makes what is missing of targets first..last-1 Inconclusive.
func (r *round) fail(first, last int, why string) {
	now := Now()
	for i := first; i < last; i++ {
		if !r.have[i] {
			o := &r.obs[i]
			o.Result, o.Err, o.Sent, o.Done = Inconclusive, why, now, now
			r.enter(i)
		}
	}
}

func (r *round) giveUp(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(0, len(r.targets), why)
}

// certainGrace is how long a receipt is waited for that is sure to come, as the receiver has
// answered: only a machine that is overloaded takes longer.
const certainGrace = 250 * time.Millisecond

// attachReceipts puts the receivers' evidence beside the observations. It waits for what
// may come, at most Grace after the last observation, and longer for what must.
func (f *Fleet) attachReceipts(ctx context.Context, r *round) {
	waiting := make([]int, 0, len(r.obs))
	last := time.Duration(0)
	for i := range r.obs {
		waiting = append(waiting, i)
		last = max(last, r.obs[i].Done)
	}
	for {
		changed := f.book.next()
		waiting = f.attach(r, waiting)
		wait := last + f.grace(r, waiting) - Now()
		if wait <= 0 {
			return
		}
		select {
		case <-changed:
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// attach enters the receipts that are there and gives the observations without one.
func (f *Fleet) attach(r *round, waiting []int) []int {
	left := waiting[:0]
	for _, i := range waiting {
		o := &r.obs[i]
		receipt, ok := f.book.find(o)
		if !ok {
			left = append(left, i)
			continue
		}
		o.Receiver, o.ReceivedAt, o.Source = receipt.Receiver, receipt.At, receipt.From.Addr().Unmap()
		if r.targets[i].Form.Raw() && o.Result == Dropped { // which was never to be answered
			o.Result, o.Answered, o.Done = Connected, receipt.Receiver, max(o.Sent, receipt.At)
		}
		doubtSilence(o, receipt)
	}
	return left
}

// grace is how long to wait for the receipts that are missing.
func (f *Fleet) grace(r *round, missing []int) time.Duration {
	grace := time.Duration(0)
	for _, i := range missing {
		switch o := &r.obs[i]; o.Result {
		case Dropped:
			grace = max(grace, Grace)
		case Connected:
			if o.Answered != "" && f.Err(o.Answered) == nil {
				return certainGrace
			}
		case Refused, Unreachable, Inconclusive:
		}
	}
	return grace
}

// answerTime is what a receiver's answer may need on its way back.
const answerTime = 2 * time.Millisecond

// doubtSilence takes back a Dropped when the receiver read the packet so late that its
// answer can't have been in time: that may be a receiver that did not get the CPU, or a
// packet that was long on its way. The kernel answers a SYN by itself, but no sooner than
// it comes.
func doubtSilence(o *Observation, r Receipt) {
	if o.Result == Dropped && r.late(o.Done) {
		o.Result, o.Err = Inconclusive, r.excuse(o.Done)
	}
}

func (r Receipt) late(done time.Duration) bool { return r.At > done-answerTime }

func (r Receipt) excuse(done time.Duration) string {
	return fmt.Sprintf("receiver %s read the packet only %v before the deadline", r.Receiver, done-r.At)
}

// Late is why a probe that was Dropped proves nothing after all, nil when it does: the
// receiver's evidence has come since, and says that its answer can't have been in time.
// Evidence takes long to come from a receiver that does not get the CPU, or is far away.
func (f *Fleet) Late(o Observation) error {
	if r, ok := f.book.find(&o); ok && r.late(o.Done) {
		return errors.New(r.excuse(o.Done))
	}
	return nil
}
