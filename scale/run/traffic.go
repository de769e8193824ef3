package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// traffic sends packets and sees what becomes of them, while others change something.
type traffic struct {
	*recorder
	*cluster
	*underTest
	maxBlind  time.Duration
	enforced  bool                // the witness's policy is in force
	published engines.Publication // nil: the engine needs none
}

// watcher sees by new connections whether verdicts are right.
func (t *traffic) watcher(patience time.Duration) flows.Watcher {
	return flows.Watcher{Fleet: t.fleet, Silence: t.timing.Silence, Deadline: patience, Refusing: true}
}

func (t *traffic) await(ctx context.Context, all []flows.Flow, allow bool, patience time.Duration) error {
	return t.watcher(patience).Await(ctx, all, allow)
}

// surelyDenied is the silence that is taken for a deny where no change follows that would show it to
// be none: on a busy machine a connection may be slower than the usual one.
const surelyDenied = time.Second

// enforces waits until an engine denies some flows and allows others.
func (t *traffic) enforces(ctx context.Context, denied, allowed []flows.Flow) error {
	w := t.watcher(t.timing.Deadline)
	if err := w.Await(ctx, allowed, true); err != nil {
		return err
	}
	w.Silence = max(w.Silence, surelyDenied)
	return w.Await(ctx, denied, false)
}

// stop stops streams, and notes how well their senders kept their time.
func (t *traffic) stop(ctx context.Context, streams *flows.Streams) ([]flows.Watched, error) {
	watched, err := streams.Stop(ctx)
	for _, w := range watched {
		t.Ticks += w.Report.Sender.Sent + w.Report.Sender.Missed
		t.Missed += w.Report.Sender.Missed
	}
	return watched, err
}

// flip changes the verdict of flows to and fro, to see how long it takes.
type flip struct {
	phase       string
	flows       []flows.Flow
	allow, deny func(context.Context) error // the change, ended when it was acknowledged
	kinds       [2]string                   // of deny and of allow; "" is not measured
	allowed     bool                        // as it is at first
	n           int                         // samples of each direction
}

// flipAll makes the changes: one stream per flow shows, packet by packet, when the verdict
// changed; new connections only set the pace.
func (t *traffic) flipAll(ctx context.Context, f flip) error {
	told := map[int]toldTimes{}
	flips := flows.Flips{
		Flows: f.flows, Allow: persistent(f.allow), Deny: persistent(f.deny), Allowed: f.allowed, N: f.n, Within: t.timing.Phase,
		After: func(ctx context.Context, i int, c flows.Change) {
			told[i] = t.meter.tell(ctx, c)
			if (i+1)%20 == 0 {
				t.log(fmt.Sprintf("%s: %d of %d changes", f.phase, i+1, 2*f.n))
			}
		},
	}
	w := t.watcher(t.timing.Deadline)
	if err := w.Await(ctx, f.flows, f.allowed); err != nil {
		t.note("%s: nothing could be measured: the state before the changes is wrong: %v", f.phase, err)
		return ctx.Err()
	}
	by, err := t.watchBystanders(ctx)
	if err != nil {
		return err
	}
	streams, err := flows.Start(ctx, t.fleet, f.flows, probe.Stream{Interval: t.timing.Interval})
	if err != nil {
		return err
	}
	err = flows.Pause(ctx, flows.PreCheck+flows.Hold)
	cpu, _ := t.meter.cpu()
	var changes flows.Timeline
	var short string
	if err == nil {
		changes, short, err = w.Alternate(ctx, flips)
	}
	if short != "" {
		t.note("%s: %s", f.phase, short)
	}
	t.spent(f.phase, len(changes), cpu)
	stopCtx := context.WithoutCancel(ctx)
	watched, stopErr := t.stop(stopCtx, streams)
	err = errors.Join(err, stopErr, by.end(stopCtx, Beside), flips.Restore(stopCtx, changes))
	for i, c := range changes {
		kind := f.kinds[0]
		if c.Allow {
			kind = f.kinds[1]
		}
		if kind != "" {
			t.keep(judge(kind, c, told[i], watched, t.maxBlind)...)
		}
	}
	return err
}

// persistent makes a change again that an API server under load refused or may have lost. Its
// time counts from the first call. What is there, or gone, already was the first call's doing.
func persistent(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		again := func(err error) bool {
			return ctx.Err() == nil && !apierrors.IsInvalid(err) && !apierrors.IsRequestEntityTooLargeError(err)
		}
		tries := 0
		return retry.OnError(wait.Backoff{Duration: 50 * time.Millisecond, Steps: 5}, again, func() error {
			err := do(ctx)
			if tries++; tries > 1 && (apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)) {
				return nil
			}
			return err
		})
	}
}

// bystanders are running streams of flows that nothing changes for; nil: the witness's policy
// is not in force, and nothing is known of them.
type bystanders struct {
	*traffic
	since   time.Duration
	streams *flows.Streams
}

// bystanderPace is slower than the flows that are measured: a leak of a few milliseconds
// still shows, and the processor has other work.
const bystanderPace = 2 * time.Millisecond

func (t *traffic) watchBystanders(ctx context.Context) (*bystanders, error) {
	if !t.enforced {
		return nil, nil
	}
	since := probe.Now()
	streams, err := t.watchFixed(ctx, t.to(witness, stranger), t.to(witness, near, far), bystanderPace)
	return &bystanders{t, since, streams}, err
}

// watchFixed starts streams of flows that have to be denied, and of flows that have to pass, all the
// time, with a packet each interval.
func (t *traffic) watchFixed(ctx context.Context, closed, open []flows.Flow, interval time.Duration) (*flows.Streams, error) {
	streams, err := flows.Start(ctx, t.fleet, closed, probe.Stream{Interval: interval, Blocked: true})
	if err == nil {
		err = streams.Start(ctx, open, probe.Stream{Interval: interval})
	}
	return streams, err
}

// end stops the streams and keeps what became of them: a sample per flow, of a flow that was
// wrong for as long as its packets say.
func (b *bystanders) end(ctx context.Context, kind string) error {
	if b == nil {
		return nil
	}
	watched, err := b.stop(ctx, b.streams)
	var samples []v1.Sample
	for _, w := range watched {
		// What the receiver's own socket may have lost says nothing.
		count := flows.Count(w.Report)
		wrong := time.Duration(count.Leaked+count.Lost) * bystanderPace
		s := lasted(kind, !w.Report.Stream.Blocked, b.since, wrong)
		s.Leaked, s.Lost, s.Pair, s.Family = count.Leaked, count.Lost, pair(w.Flow), string(w.Flow.Family())
		samples = append(samples, s)
	}
	b.keep(samples...)
	return err
}
