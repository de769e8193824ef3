package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// A puppet is a hollow pod whose address answers: the second node hands what is sent there
// to a real pod. So a pod comes and goes as fast as the API server takes it, and what a
// caller's packets show is the engine's part alone.

// puppetNode is the hollow node of the puppets. Its networks are the last of those that
// loads use, and one of its own.
const puppetNode = "scale-puppets"

// maxPuppets is how many addresses are wired.
const maxPuppets = 20

func puppetIPs(i int) []netip.Addr {
	six := netip.MustParseAddr("fd00:100:7f::").As16()
	six[15] = byte(10 + i)
	return []netip.Addr{netip.AddrFrom4([4]byte{100, 127, 255, byte(10 + i)}), netip.AddrFrom16(six)}
}

func (c *cluster) puppet(i int) load.Pod {
	return load.Pod{
		Namespace: puppetsNS, Name: fmt.Sprintf("puppet-%d", i), Node: puppetNode,
		Labels: map[string]string{called: "yes"}, IPs: c.measured(puppetIPs(i)),
	}
}

// callPolicy lets the caller call puppets that have the label, and nobody else.
func callPolicy() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: serversNS, Name: "calls"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: selectPod(caller), PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
			Egress: []netv1.NetworkPolicyEgressRule{{To: []netv1.NetworkPolicyPeer{withLabel("", called, "yes")}}},
		},
	}
}

// calls are the caller's flows to a puppet.
func (c *cluster) calls(i int) []flows.Flow {
	return flows.To(probe.Pod{Name: fmt.Sprintf("puppet-%d", i), Addrs: c.measured(puppetIPs(i))}, port, c.pods[caller])
}

// allCalls are the caller's flows to the first n puppets.
func (c *cluster) allCalls(n int) []flows.Flow {
	var out []flows.Flow
	for i := range n {
		out = append(out, c.calls(i)...)
	}
	return out
}

// podLife creates a pod that a policy's peer selects, and deletes it.
type podLife struct {
	*traffic
	samples int
}

func (p podLife) Execute(ctx context.Context) error {
	return p.under(ctx, callPolicy(), func() error {
		pod := p.puppet(0)
		err := p.flipAll(ctx, flip{
			phase: "pods", flows: p.calls(0), n: p.samples, kinds: [2]string{PodDelete, v1.PodCreate},
			deny:  func(ctx context.Context) error { return p.writer.EndPod(ctx, pod.Namespace, pod.Name) },
			allow: func(ctx context.Context) error { return p.writer.StartPod(ctx, pod) },
		})
		if endErr := p.writer.EndPod(context.WithoutCancel(ctx), pod.Namespace, pod.Name); err == nil {
			err = endErr
		}
		return err
	})
}

// puppetPatience is for all puppets to be as wanted before a churn.
const puppetPatience = 30 * time.Second

// puppets are puppets whose flows are watched.
type puppets struct {
	*traffic
	streams *flows.Streams // of each puppet
	by      *bystanders
	mu      sync.Mutex
	changes []flows.Timeline // of each
	busy    []sync.Mutex
}

// watchPuppets starts with no puppet there.
func (t *traffic) watchPuppets(ctx context.Context, n int) (*puppets, error) {
	w := &puppets{traffic: t, changes: make([]flows.Timeline, n), busy: make([]sync.Mutex, n)}
	if err := t.await(ctx, t.allCalls(n), false, puppetPatience); err != nil {
		return nil, err
	}
	var err error
	if w.streams, err = flows.Start(ctx, t.fleet, t.allCalls(n), probe.Stream{Interval: churnStep}); err != nil {
		return nil, err
	}
	if w.by, err = t.watchBystanders(ctx); err != nil {
		return nil, err
	}
	return w, flows.Pause(ctx, flows.PreCheck+flows.Hold)
}

// toggle makes puppets come and go by the clock, in turn.
func (w *puppets) toggle(ctx context.Context, d time.Duration) error {
	start, g := probe.Now(), errgroup.Group{}
	for i := 0; ; i++ {
		due := start + time.Duration(float64(i)/churnRate*float64(time.Second))
		if due-start >= d {
			break
		}
		if err := flows.Pause(ctx, due-probe.Now()); err != nil {
			return err
		}
		allow := i/len(w.changes)%2 == 0
		g.Go(func() error { return w.set(ctx, i%len(w.changes), allow, due) })
	}
	return g.Wait()
}

// set brings a puppet or takes it away.
func (w *puppets) set(ctx context.Context, i int, allow bool, due time.Duration) error {
	w.busy[i].Lock() // of one puppet, one change after the other
	defer w.busy[i].Unlock()
	c, p := flows.Change{Allow: allow, Due: due, Call: probe.Now()}, w.puppet(i)
	do := func(ctx context.Context) error { return w.writer.EndPod(ctx, p.Namespace, p.Name) }
	if allow {
		do = func(ctx context.Context) error { return w.writer.StartPod(ctx, p) }
	}
	if err := persistent(do)(ctx); err != nil {
		return fmt.Errorf("puppet %d: %w", i, err)
	}
	c.Ack = probe.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes[i].Add(c)
	return nil
}

func (w *puppets) count() int {
	n := 0
	for _, c := range w.changes {
		n += len(c)
	}
	return n
}

// end lets the last changes become true, takes the puppets away and reads the streams.
func (w *puppets) end(ctx context.Context, phase string, err error) error {
	if err == nil {
		last := map[bool][]flows.Flow{}
		for i, c := range w.changes {
			if n := len(c); n > 0 {
				last[c[n-1].Allow] = append(last[c[n-1].Allow], w.calls(i)...)
			}
		}
		for allow, all := range last {
			_ = w.await(ctx, all, allow, w.timing.Deadline) // the streams tell
		}
		err = flows.Pause(ctx, flows.Hold)
	}
	ctx = context.WithoutCancel(ctx)
	for _, c := range w.changes {
		c.End(probe.Now() - flows.Hold/4)
	}
	watched, stopErr := w.stop(ctx, w.streams)
	errs := []error{err, stopErr}
	for i, changes := range w.changes {
		p := w.puppet(i)
		mine := slices.DeleteFunc(slices.Clone(watched), func(one flows.Watched) bool { return one.Flow.Server != p.Name })
		for _, c := range changes {
			kind := PodDelete
			if c.Allow {
				kind = v1.PodCreate
			}
			w.keep(judge(phase+"/"+kind, c, toldTimes{}, mine, w.maxBlind+churnStep)...)
		}
		errs = append(errs, w.writer.EndPod(ctx, p.Namespace, p.Name))
	}
	return errors.Join(append(errs, w.by.end(ctx, Beside))...)
}
