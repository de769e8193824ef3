package run

import (
	"context"
	"fmt"
	"time"

	netv1 "k8s.io/api/networking/v1"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/measure"
)

const (
	policiesOfCycle = 20
	cycleCIDRs      = 100
	cycleSettle     = time.Second
)

// cycles has hollow pods and policies come and go, and reads the memory when they are gone.
type cycles struct {
	*underTest
	*cluster
	n int
}

func (p cycles) Execute(ctx context.Context) error {
	pods, policies := p.marks(), p.policies()
	for n := range p.n + p.warmUp() {
		if err := p.comeAndGo(ctx, pods, policies); err != nil {
			return err
		}
		if err := p.read(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// warmUp is how many cycles come before those that count.
func (p cycles) warmUp() int { return min(5, p.n/4) }

func (p cycles) comeAndGo(ctx context.Context, pods []load.Pod, policies []netv1.NetworkPolicy) error {
	if err := p.writer.Pods(ctx, pods); err != nil {
		return err
	}
	if err := p.writer.Policies(ctx, policies); err != nil {
		return err
	}
	if _, err := p.meter.settled(ctx, cycleSettle); err != nil {
		return err
	}
	if err := p.endPods(ctx, pods); err != nil {
		return err
	}
	err := p.writer.Each(ctx, "delete policies", len(policies), func(ctx context.Context, i int) error { return p.write(ctx, load.Delete, &policies[i]) })
	if err != nil {
		return err
	}
	_, err = p.meter.settled(ctx, cycleSettle)
	return err
}

// read reads the memory after cycle n.
func (p cycles) read(ctx context.Context, n int) error {
	agent := p.node.agent()
	if agent == nil {
		return nil
	}
	memory, err := measure.ReadMemory(agent.Pid())
	if err != nil {
		return err
	}
	if (n+1)%5 == 0 {
		p.log(fmt.Sprintf("cycles: %d of %d, RSS %.1f MiB", n+1, p.n+p.warmUp(), float64(memory.RSS)/(1<<20)))
	}
	if n < p.warmUp() {
		return nil
	}
	p.reading(v1.PhaseCycle, n-p.warmUp()+1, v1.RSS, v1.UnitBytes, float64(memory.RSS))
	page, err := p.meter.page(ctx)
	if heap, ok := page.Sum(heapMetric); ok {
		p.reading(v1.PhaseCycle, n-p.warmUp()+1, "go-heap", v1.UnitBytes, heap)
	}
	return err
}

// policies are policies that select the server and let CIDRs in, each its own.
func (p cycles) policies() []netv1.NetworkPolicy {
	all := blocks(policiesOfCycle*cycleCIDRs, p.families, false)
	var out []netv1.NetworkPolicy
	for i := range policiesOfCycle {
		out = append(out, *p.ingress(fmt.Sprintf("cycle-%d", i), server, append(
			[]netv1.NetworkPolicyPeer{withLabel("", marked, "yes")}, all[i*cycleCIDRs:(i+1)*cycleCIDRs]...)))
	}
	return out
}
