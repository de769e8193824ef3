package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/suites/probe"
)

// flip changes the verdict of flows to and fro, to see how long it takes.
type flip struct {
	phase       string
	flows       []flow
	allow, deny func(context.Context) error // the change, ended when it was acknowledged
	ready       func(context.Context, bool) error
	kinds       [2]Kind // of deny and of allow; "" is not measured
	allowed     bool    // as it is at first
	n           int     // samples of each direction
}

// hold is how long a verdict is left alone once it was seen to be right, so that a flip
// back would be seen.
const hold = 40 * time.Millisecond

// giveUp is after how many changes in a row that never became true a kind is left alone.
const giveUp = 3

// flipAll makes the changes: one stream per flow shows, packet by packet, when the verdict
// changed; new connections only set the pace.
func (r *run) flipAll(ctx context.Context, f flip) error {
	if err := r.await(ctx, f.flows, f.allowed, r.cfg.Timing.Deadline); err != nil {
		r.note("%s: nothing could be measured: the state before the changes is wrong: %v", f.phase, err)
		return ctx.Err()
	}
	by, err := r.watchBystanders(ctx)
	if err != nil {
		return err
	}
	ids, err := r.startStreams(ctx, f.flows, r.cfg.Timing.Interval)
	if err != nil {
		return err
	}
	err = pause(ctx, preCheck+hold)
	var changes []Change
	cpu, known := r.meter.cpu()
	if err == nil {
		changes, err = r.flipping(ctx, f)
	}
	if after, ok := r.meter.cpu(); ok && known && len(changes) > 0 {
		r.result.CPU = append(r.result.CPU, PhaseCPU{f.phase, len(changes), (after.Total() - cpu.Total()).Seconds()})
	}
	stopCtx := context.WithoutCancel(ctx)
	reports, stopErr := r.stopStreams(stopCtx, ids)
	err = errors.Join(err, stopErr, r.endBystanders(stopCtx, by, f.phase, len(changes)))
	for _, c := range changes {
		if c.Kind != "" {
			r.record(f.phase, Judge(c, reports, r.cfg.Limits.MaxBlind))
		}
	}
	return err
}

func (r *run) startStreams(ctx context.Context, flows []flow, interval time.Duration) ([]probe.StreamID, error) {
	var ids []probe.StreamID
	for _, f := range flows {
		id, err := r.fleet.StartStream(ctx, f.client, probe.Stream{Addr: f.addr, Interval: interval})
		if err != nil {
			_, stopErr := r.stopStreams(ctx, ids)
			return nil, errors.Join(err, stopErr)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (r *run) stopStreams(ctx context.Context, ids []probe.StreamID) ([]probe.StreamReport, error) {
	var reports []probe.StreamReport
	var errs []error
	for _, id := range ids {
		report, err := r.fleet.StopStream(ctx, id)
		errs = append(errs, err)
		reports = append(reports, report)
		r.ticks(report)
	}
	return reports, errors.Join(errs...)
}

// ticks notes how well a sender kept its time.
func (r *run) ticks(report probe.StreamReport) {
	r.result.Ticks += report.Sender.Sent + report.Sender.Missed
	r.result.Missed += report.Sender.Missed
}

func (r *run) flipping(ctx context.Context, f flip) (changes []Change, err error) {
	allowed, late := f.allowed, 0
	for i := 0; i < 2*f.n && late < giveUp; i++ {
		allow := !allowed
		if f.ready != nil {
			if err := f.ready(ctx, allow); err != nil {
				return ended(changes), err
			}
		}
		c := Change{Allow: allow, Call: probe.Now(), Kind: f.kinds[0]}
		do := f.deny
		if allow {
			do, c.Kind = f.allow, f.kinds[1]
		}
		c.Due = c.Call
		if len(changes) > 0 {
			changes[len(changes)-1].Until = c.Call
		}
		if err := do(ctx); err != nil {
			return changes, err
		}
		c.Ack = probe.Now()
		changes = append(changes, c)
		allowed = allow
		late, err = r.pace(ctx, f, allowed, late)
		if err != nil {
			return ended(changes), err
		}
		if (i+1)%20 == 0 {
			r.cfg.Log(fmt.Sprintf("%s: %d of %d changes", f.phase, i+1, 2*f.n))
		}
	}
	if late >= giveUp {
		r.note("%s: given up: the verdict did not become right within %v, %d times in a row", f.phase, r.cfg.Timing.Deadline, late)
	}
	return ended(changes), pause(ctx, 2*hold)
}

// pace waits until the change is seen to be true, or for the deadline, and then for the hold.
func (r *run) pace(ctx context.Context, f flip, allowed bool, late int) (int, error) {
	err := r.await(ctx, f.flows, allowed, r.cfg.Timing.Deadline)
	if ctx.Err() != nil {
		return late, ctx.Err()
	}
	late++
	if err == nil {
		late = 0
	}
	return late, pause(ctx, hold)
}

// ended ends the last change now.
func ended(changes []Change) []Change {
	if n := len(changes); n > 0 {
		changes[n-1].Until = probe.Now() - hold/4
	}
	return changes
}

// Bystanders is what became of flows that no change was about: the packets of a flow that
// is denied all the time and of two that are allowed all the time.
type Bystanders struct {
	Phase    string `json:"phase"`
	Changes  int    `json:"changes"`
	MustDrop uint64 `json:"must_drop"`
	Leaked   uint64 `json:"leaked"`
	MustPass uint64 `json:"must_pass"`
	Lost     uint64 `json:"lost"`
	Unsure   uint64 `json:"unsure"` // lost, but maybe by the receiver's own socket
}

// bystanders are running streams.
type bystanders struct {
	drop, pass []probe.StreamID
}

// bystanderPace is slower than the flows that are measured: a leak of a few milliseconds
// still shows, and the processor has other work.
const bystanderPace = 2 * time.Millisecond

func (r *run) watchBystanders(ctx context.Context) (bystanders, error) {
	var b bystanders
	if !r.enforced {
		return b, nil
	}
	var err error
	if b.drop, err = r.startStreams(ctx, r.flows(witness, stranger), bystanderPace); err != nil {
		return b, err
	}
	b.pass, err = r.startStreams(ctx, r.flows(witness, near, far), bystanderPace)
	return b, err
}

func (r *run) endBystanders(ctx context.Context, b bystanders, phase string, changes int) error {
	if len(b.drop) == 0 {
		return nil
	}
	out := Bystanders{Phase: phase, Changes: changes}
	dropped, err := r.stopStreams(ctx, b.drop)
	passed, passErr := r.stopStreams(ctx, b.pass)
	for _, s := range dropped {
		out.MustDrop += s.Sender.Sent
		out.Leaked += s.Received
	}
	for _, s := range passed {
		out.MustPass += s.Sender.Sent
		unsure := min(s.Lost, s.Overflow)
		out.Lost += s.Lost - unsure
		out.Unsure += unsure
	}
	r.result.Bystanders = append(r.result.Bystanders, out)
	return errors.Join(err, passErr)
}
