package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	v1 "github.com/netassay/netassay/reports/v1"
)

// bornFlow is what came of the packets of one flow from or to a new pod.
type bornFlow struct {
	flow    flows.Flow
	at      time.Duration // since when it was sent in
	leaked  uint64
	running float64 // ms from the request for the pod until it was seen to run
	void    string  // why it is no sample
}

// bornPace is between the packets of a new pod.
const bornPace = 2 * time.Millisecond

// newcomer is a new pod, the flows from it, and the streams in these.
type newcomer struct {
	pods.Resident
	leaving  []flows.Flow
	expected []probe.Expected
}

// newcomer is a pod to be, which sends from its first instant on to one that takes everything.
func (b *births) newcomer(name string) newcomer {
	n := newcomer{
		Resident: pods.Resident{Name: name, Namespace: b.space(newNS), Pod: name, Listen: "80/tcp,80/udp", Main: true},
		leaving:  flows.To(b.pods[far], port, probe.Pod{Name: name}),
	}
	for _, f := range n.leaving {
		n.expected = append(n.expected, b.fleet.Expect(name, probe.Stream{Addr: f.Addr, Interval: bornPace, Blocked: true}))
	}
	return n
}

// guestPod has a pod be born that sends from its first instant on, and that is sent to as soon as
// its address is known. A sealed one is waited for until nothing passes, another until all does.
func (b *births) guestPod(ctx context.Context, name string, sealed bool) (out []bornFlow, err error) {
	n, start := b.newcomer(name), time.Now()
	pod := b.proberPod(n.Namespace, name, 0, nil)
	pod.Spec.Containers[0].Command = n.Command(n.expected...)
	if _, err := b.client.CoreV1().Pods(n.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("create pod %s: %w", name, err)
	}
	defer func() {
		b.fleet.Remove(name)
		err = errors.Join(err, b.bury(ctx, name))
	}()
	runCtx, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	p, err := pods.AwaitRunning(runCtx, b.client, n.Namespace, name)
	if err != nil {
		return nil, err
	}
	running, begun := ms(time.Since(start)), probe.Now()
	p.Addrs = b.measured(p.Addrs)
	arriving := flows.To(p, port, b.pods[near], b.pods[far])
	streams, err := flows.Start(ctx, b.fleet, arriving, probe.Stream{Interval: bornPace, Blocked: true})
	if err == nil {
		err = b.fleet.Add(runCtx, name, n.Dial(b.home))
	}
	if err == nil {
		_ = b.await(ctx, append(arriving, n.leaving...), !sealed, b.timing.Deadline) // the streams tell
		err = flows.Pause(ctx, newPodQuiet)
	}
	told, toldErr := b.told(context.WithoutCancel(ctx), n, streams, begun)
	for i := range told {
		told[i].running = running
	}
	return told, errors.Join(err, toldErr)
}

// told stops all streams of a new pod and says what came of each. Those to it began at begun.
func (b *births) told(ctx context.Context, n newcomer, arriving *flows.Streams, begun time.Duration) (out []bornFlow, err error) {
	watched, err := b.stop(ctx, arriving)
	for _, w := range watched {
		out = append(out, bornOf(w.Flow, w.Report, begun))
	}
	for i, f := range n.leaving {
		report, err := b.fleet.StopStream(ctx, n.expected[i].ID)
		one := bornOf(f, report, report.Sender.Start)
		if err != nil {
			one.void = err.Error()
		}
		out = append(out, one)
	}
	return out, err
}

// bornOf reads the report of a flow's stream.
func bornOf(f flows.Flow, r probe.StreamReport, at time.Duration) bornFlow {
	b := bornFlow{flow: f, at: at, leaked: r.Received}
	switch {
	case r.Sender.Sent == 0:
		b.void = "the sender sent nothing"
	case len(r.Unasked) > 0:
		b.void = "a receiver could not be asked"
	}
	return b
}

// keepBorn keeps a sample for each flow.
func (b *births) keepBorn(all []bornFlow) {
	var samples []v1.Sample
	for _, one := range all {
		s := lasted(NewPod, false, one.at, time.Duration(one.leaked)*bornPace)
		s.Leaked, s.Void, s.Pair, s.Family = one.leaked, one.void, "from the new pod", string(one.flow.Family())
		if one.flow.Client == near || one.flow.Client == far {
			s.Pair = one.flow.Client + " to the new pod"
		}
		samples = append(samples, s)
	}
	b.keep(samples...)
}

// clockError is how far off the clock of a watched pod's node may be.
func (c *cluster) clockError() time.Duration {
	var worst time.Duration
	for _, name := range c.fleet.Names() {
		if clock, ok := c.fleet.Clock(name); ok {
			worst = max(worst, clock.Error)
		}
	}
	return worst
}
