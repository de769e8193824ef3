package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
)

// flip changes the verdict of flows to and fro, to see how long it takes.
type flip struct {
	phase       string
	flows       []flow
	allow, deny func(context.Context) error // the change, ended when it was acknowledged
	kinds       [2]Kind                     // of deny and of allow; "" is not measured
	allowed     bool                        // as it is at first
	n           int                         // samples of each direction
}

// Hold is how long a verdict is left alone once it was seen to be right, so that a flip
// back would be seen.
const Hold = 40 * time.Millisecond

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
	err = pause(ctx, preCheck+Hold)
	var changes []Change
	cpu, _ := r.meter.cpu()
	if err == nil {
		changes, err = r.flipping(ctx, f)
	}
	r.spent(f.phase, len(changes), cpu)
	stopCtx := context.WithoutCancel(ctx)
	reports, stopErr := r.stopStreams(stopCtx, ids)
	err = errors.Join(err, stopErr, r.endBystanders(stopCtx, by, Beside), f.restore(stopCtx, changes))
	for _, c := range changes {
		if c.Kind != "" {
			r.keep(Judge(c, f.flows, reports, r.cfg.Limits.MaxBlind)...)
		}
	}
	return err
}

// restore makes the verdict what it was at first, where changes were given up on the way.
func (f flip) restore(ctx context.Context, changes []Change) error {
	n := len(changes)
	if n == 0 || changes[n-1].Allow == f.allowed {
		return nil
	}
	do := f.deny
	if f.allowed {
		do = f.allow
	}
	return persist(ctx, do)
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
	reports, errs := make([]probe.StreamReport, len(ids)), make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids { // each waits for what is still on its way
		wg.Go(func() { reports[i], errs[i] = r.fleet.StopStream(ctx, id) })
	}
	wg.Wait()
	for _, report := range reports {
		r.ticks(report)
	}
	return reports, errors.Join(errs...)
}

// ticks notes how well a sender kept its time.
func (r *run) ticks(report probe.StreamReport) {
	r.result.Ticks += report.Sender.Sent + report.Sender.Missed
	r.result.Missed += report.Sender.Missed
}

func (r *run) flipping(ctx context.Context, f flip) ([]Change, error) {
	var changes []Change
	allowed, late := f.allowed, map[bool]int{} // by verdict: how many in a row
	end := probe.Now() + r.cfg.Timing.Phase
	for i := 0; i < 2*f.n && max(late[true], late[false]) < giveUp; i++ {
		if probe.Now() > end {
			r.note("%s: %d of %d changes were made in %v", f.phase, i, 2*f.n, r.cfg.Timing.Phase)
			break
		}
		allow := !allowed
		c := Change{Allow: allow, Call: probe.Now(), Kind: f.kinds[0]}
		do := f.deny
		if allow {
			do, c.Kind = f.allow, f.kinds[1]
		}
		c.Due = c.Call
		if len(changes) > 0 {
			changes[len(changes)-1].Until = c.Call
		}
		if err := persist(ctx, do); err != nil {
			return changes, err
		}
		c.Ack = probe.Now()
		changes = append(changes, c)
		allowed = allow
		right, err := r.pace(ctx, f, allowed)
		if err != nil {
			return ended(changes), err
		}
		r.meter.tell(ctx, &changes[len(changes)-1])
		late[allowed]++
		if right {
			late[allowed] = 0
		}
		if (i+1)%20 == 0 {
			r.cfg.Log(fmt.Sprintf("%s: %d of %d changes", f.phase, i+1, 2*f.n))
		}
	}
	for allow, n := range late {
		if n >= giveUp {
			r.note("%s: given up: flows were not seen to be %s within %v, %d times in a row", f.phase, past(allow), r.cfg.Timing.Deadline, n)
		}
	}
	return ended(changes), pause(ctx, 2*Hold)
}

// persist makes a change again that an API server under load refused or may have lost. Its
// time counts from the first call. What is there, or gone, already was the first call's doing.
func persist(ctx context.Context, do func(context.Context) error) error {
	for tries := 1; ; tries++ {
		err := do(ctx)
		again := tries > 1 && (apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err))
		switch {
		case err == nil || again:
			return nil
		case tries == 5 || ctx.Err() != nil || apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err):
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// pace waits until the change is seen to be true, or for the deadline, and then for the hold.
func (r *run) pace(ctx context.Context, f flip, allowed bool) (right bool, err error) {
	err = r.await(ctx, f.flows, allowed, r.cfg.Timing.Deadline)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil, pause(ctx, Hold)
}

func past(allow bool) string {
	if allow {
		return "allowed"
	}
	return "denied"
}

// ended ends the last change now.
func ended(changes []Change) []Change {
	if n := len(changes); n > 0 {
		changes[n-1].Until = probe.Now() - Hold/4
	}
	return changes
}

// bystanders are running streams.
type bystanders struct {
	since      time.Duration
	drop, pass []probe.StreamID
}

// bystanderPace is slower than the flows that are measured: a leak of a few milliseconds
// still shows, and the processor has other work.
const bystanderPace = 2 * time.Millisecond

func (r *run) watchBystanders(ctx context.Context) (bystanders, error) {
	b := bystanders{since: probe.Now()}
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

// endBystanders stops the streams and keeps what became of them: a sample per flow, of a
// flow that was wrong for as long as its packets say.
func (r *run) endBystanders(ctx context.Context, b bystanders, kind Kind) error {
	if len(b.drop) == 0 {
		return nil
	}
	dropped, err := r.stopStreams(ctx, b.drop)
	passed, passErr := r.stopStreams(ctx, b.pass)
	var samples []v1.Sample
	for i, s := range dropped {
		sample := lasted(kind, "deny", b.since, time.Duration(s.Received)*bystanderPace)
		sample.Leaked, sample.Pair, sample.Family = s.Received, stranger+" to "+witness, r.flows(witness, stranger)[i].family()
		samples = append(samples, sample)
	}
	for i, s := range passed {
		// What the receiver's own socket may have lost says nothing.
		lost := s.Lost - min(s.Lost, s.Overflow)
		f := r.flows(witness, near, far)[i]
		sample := lasted(kind, "allow", b.since, time.Duration(lost)*bystanderPace)
		sample.Lost, sample.Pair, sample.Family = lost, f.client+" to "+witness, f.family()
		samples = append(samples, sample)
	}
	r.keep(samples...)
	return errors.Join(err, passErr)
}
