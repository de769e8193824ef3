package audit

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/reach/shadow"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/judge"
)

// asked is a flow and all that was seen of it.
type asked struct {
	flow    *shadow.Flow
	reading shadow.Reading
	cell    judge.Cell
	seen    []probe.Observation // of the cell, one for each
	// outcome and reason, once they are known.
	outcome   v1.Outcome
	reason    string
	judgement judge.Judgement
	witness   int  // a pod that may talk to the server, -1: none
	witnessed bool // it did in a round that counts
}

// asker sends rounds of probes and keeps what came of them.
type asker struct {
	fleet  Fleet
	plan   *shadow.Plan
	pods   []probe.Pod
	timing Timing
	asked  []*asked
	window judge.Window
	probes int
}

func newAsker(fleet Fleet, plan *shadow.Plan, pods []probe.Pod, t Timing) asker {
	k := asker{fleet: fleet, plan: plan, pods: pods, timing: t}
	for i := range plan.Flows {
		k.asked = append(k.asked, &asked{flow: &plan.Flows[i], witness: -1})
	}
	return k
}

// call is one probe from a pod to a port of a pod, by their places in the plan.
type call struct {
	client, server int
	family         model.Family
	port           shadow.Port
}

func (f *asked) call() call { return call{f.flow.Client, f.flow.Server, f.flow.Family, f.flow.Port} }

// round makes these calls at once, each one time however often it is named.
func (k *asker) round(ctx context.Context, calls []call) (map[call]probe.Observation, error) {
	by := map[int][]call{}
	seen := map[call]bool{}
	for _, c := range calls {
		if !seen[c] {
			seen[c] = true
			by[c.client] = append(by[c.client], c)
		}
	}
	k.probes += len(seen)
	out := map[call]probe.Observation{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for client, all := range by {
		wg.Go(func() {
			got, _ := k.fleet.Probe(ctx, k.pods[client].Name, k.targets(all)) // its error is that of ctx
			mu.Lock()
			defer mu.Unlock()
			for i, c := range all {
				out[c] = got[i]
			}
		})
	}
	wg.Wait()
	return out, ctx.Err()
}

func (k *asker) targets(calls []call) []probe.Target {
	out := make([]probe.Target, len(calls))
	for i, c := range calls {
		addr := c.family.First(k.pods[c.server].Addrs)
		out[i] = probe.Target{Cell: i, Addr: netip.AddrPortFrom(addr, c.port.Number), Protocol: string(c.port.Protocol), Timeout: k.timing.Timeout}
	}
	return out
}

// before asks each flow until it has connected, before any policy is there: else its silence later
// would say nothing.
func (k *asker) before(ctx context.Context) error {
	left, last, err := k.open(ctx, k.asked)
	unopened(left, last, "before the policies were there", err)
	return err
}

// after asks each flow that was silent until it connects again, now that the policies are gone.
func (k *asker) after(ctx context.Context) error {
	silent := slices.DeleteFunc(slices.Clone(k.asked), func(a *asked) bool {
		a.judge(k.window)
		return a.outcome != v1.Pass && a.outcome != v1.Fail || a.judgement.Seen == judge.Connected
	})
	left, last, err := k.open(ctx, silent)
	unopened(left, last, "again once the policies were gone", err)
	return err
}

// unopened says of flows that did not connect that nothing is proved of them.
func unopened(left []*asked, last map[call]probe.Observation, when string, stopped error) {
	for _, a := range left {
		a.outcome, a.reason = v1.Inconclusive, "did not connect "+when+": "+told(last[a.call()])
		if stopped != nil {
			a.outcome, a.reason = v1.Unfinished, "the run was stopped before it had connected "+when
		}
	}
}

// open asks until all have connected, or the deadline is over, and gives those that have not.
func (k *asker) open(ctx context.Context, all []*asked) (left []*asked, last map[call]probe.Observation, err error) {
	left = slices.DeleteFunc(slices.Clone(all), func(a *asked) bool { return !k.possible(a) })
	for over := probe.Now() + k.timing.Deadline; len(left) > 0; {
		began := probe.Now()
		if last, err = k.round(ctx, calls(left)); err != nil {
			return left, last, err
		}
		left = slices.DeleteFunc(left, func(a *asked) bool { return k.reached(a.call(), last[a.call()]) })
		if probe.Now() >= over {
			break
		}
		if err = k.pause(ctx, began, len(left)); err != nil {
			return left, last, err
		}
	}
	return left, last, nil
}

// possible reports whether both ends have an address of the family.
func (k *asker) possible(a *asked) bool {
	ok := a.flow.Family.First(k.pods[a.flow.Client].Addrs).IsValid() && a.flow.Family.First(k.pods[a.flow.Server].Addrs).IsValid()
	if !ok {
		a.outcome, a.reason = v1.Skipped, fmt.Sprintf("a probe pod has no %s address", a.flow.Family)
	}
	return ok
}

func calls(all []*asked) []call {
	out := make([]call, len(all))
	for i, a := range all {
		out[i] = a.call()
	}
	return out
}

// pause waits until the next round may begin, if there is one.
func (k *asker) pause(ctx context.Context, began time.Duration, left int) error {
	if left == 0 {
		return nil
	}
	return flows.Pause(ctx, max(began+k.timing.Every-probe.Now(), 0))
}

// under asks, with the policies there, until every flow was right for long enough or has had its
// time.
func (k *asker) under(ctx context.Context) error {
	for {
		left := slices.DeleteFunc(slices.Clone(k.asked), func(a *asked) bool { return a.outcome != "" || k.settled(a) })
		began := probe.Now()
		if len(left) == 0 {
			break
		}
		got, err := k.round(ctx, k.withControls(left))
		if err != nil {
			return err
		}
		for _, a := range left {
			k.take(a, got)
		}
		if began >= k.window.Due()+k.timing.Hold {
			break
		}
		if err := k.pause(ctx, began, len(left)); err != nil {
			return err
		}
	}
	k.window.Ended = probe.Now()
	return nil
}

// settled reports whether more probes would change nothing.
func (k *asker) settled(a *asked) bool {
	p := judge.Look(&a.cell, k.window)
	return p.Violated || p.Right && p.Last-max(p.Since, k.window.Acked) >= k.timing.Hold
}

// withControls are the calls of a round: the flows, and beside each the server's own word, that of
// somebody who may talk to it, and the client's own, that it is alive.
func (k *asker) withControls(all []*asked) []call {
	out := calls(all)
	for _, a := range all {
		f := a.flow
		out = append(out, call{f.Server, f.Server, f.Family, f.Port}, k.alive(f.Client, f.Family))
		if a.witness >= 0 {
			out = append(out, call{a.witness, f.Server, f.Family, f.Port})
		}
	}
	return out
}

// alive is how a pod shows that its network is up: it talks to itself.
func (k *asker) alive(pod int, f model.Family) call {
	listen := k.plan.Pods[pod].Listen
	i := slices.IndexFunc(listen, func(p shadow.Port) bool { return p.Protocol == corev1.ProtocolTCP })
	return call{pod, pod, f, listen[i]}
}

// reached reports whether the call was answered by whom it was for.
func (k *asker) reached(c call, o probe.Observation) bool {
	return o.Result == probe.Connected && (o.Answered == "" || o.Answered == k.pods[c.server].Name)
}

// take adds what a round showed of a flow, with the controls of the same round.
func (k *asker) take(a *asked, got map[call]probe.Observation) {
	c := a.call()
	o := got[c]
	server, client := judge.ControlDead, judge.ControlDead
	for other, seen := range got {
		if !k.reached(other, seen) || other.family != c.family {
			continue
		}
		if other.server == c.server && other.port == c.port {
			server = judge.ControlLive
			a.witnessed = a.witnessed || other.client != other.server && other != c
		}
		if other.client == c.client || other.server == c.client {
			client = judge.ControlLive
		}
	}
	a.seen = append(a.seen, o)
	a.cell.Observations = append(a.cell.Observations, judge.Observation{
		Result: judge.Result(o.Result), Err: o.Err, Sent: o.Sent, Done: o.Done, Packets: o.Packets,
		Delivered: o.Receiver != "" && o.Receiver == k.pods[c.server].Name, Answered: o.Answered, Server: server, Client: client,
	})
	k.doubt(a)
}

// doubt takes back what was seen while a prober may have been away, or read too late: that was our
// doing, and is neither a block nor an allow.
func (k *asker) doubt(a *asked) {
	for i := range a.cell.Observations {
		o := &a.cell.Observations[i]
		if o.Result == judge.Inconclusive {
			continue
		}
		for _, pod := range []int{a.flow.Client, a.flow.Server} {
			if err := k.fleet.Interrupted(k.pods[pod].Name, o.Sent, o.Done); err != nil {
				o.Result, o.Err = judge.Inconclusive, err.Error()
			}
		}
		if o.Result == judge.Dropped {
			if err := k.fleet.Late(a.seen[i]); err != nil {
				o.Result, o.Err = judge.Inconclusive, err.Error()
			}
		}
	}
}

// told is what a probe saw, in words.
func told(o probe.Observation) string {
	if o.Err != "" {
		return fmt.Sprintf("%s: %s", o.Result, o.Err)
	}
	return string(o.Result)
}
