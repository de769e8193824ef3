package run

import (
	"context"
	"fmt"
	"time"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/measure"
)

const (
	cyclePolicies = 20
	cycleCIDRs    = 100
	cycleSettle   = time.Second
)

// cycles has hollow pods and policies come and go, and reads the memory when they are gone.
func (r *run) cycles(ctx context.Context) error {
	pods := r.marks()
	policies := cyclePolicy(r.families)
	for n := range r.cfg.Cycles + r.warmUp() {
		if err := r.cycle(ctx, n, func() error {
			if err := r.writer.Pods(ctx, pods); err != nil {
				return err
			}
			if err := r.writer.Policies(ctx, policies); err != nil {
				return err
			}
			if _, err := r.meter.settled(ctx, cycleSettle); err != nil {
				return err
			}
			if err := r.endPods(ctx, pods); err != nil {
				return err
			}
			return r.writer.Each(ctx, "delete policies", len(policies), func(ctx context.Context, i int) error {
				return r.client.NetworkingV1().NetworkPolicies(policies[i].Namespace).Delete(ctx, policies[i].Name, metav1.DeleteOptions{})
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// warmUp is how many cycles come before those that count.
func (r *run) warmUp() int { return min(5, r.cfg.Cycles/4) }

func (r *run) cycle(ctx context.Context, n int, do func() error) error {
	if err := do(); err != nil {
		return err
	}
	if _, err := r.meter.settled(ctx, cycleSettle); err != nil {
		return err
	}
	p := r.node.agent()
	if p == nil {
		return nil
	}
	memory, err := measure.ReadMemory(p.Pid())
	if err != nil {
		return err
	}
	if (n+1)%5 == 0 {
		r.cfg.Log(fmt.Sprintf("cycles: %d of %d, RSS %.1f MiB", n+1, r.cfg.Cycles+r.warmUp(), mib(memory.RSS)))
	}
	if n < r.warmUp() {
		return nil
	}
	r.reading(v1.PhaseCycle, n-r.warmUp()+1, v1.RSS, v1.UnitBytes, float64(memory.RSS))
	page, err := r.meter.page(ctx)
	if err != nil {
		return err
	}
	if heap, ok := page.Sum(heapMetric); ok {
		r.reading(v1.PhaseCycle, n-r.warmUp()+1, "go-heap", v1.UnitBytes, heap)
	}
	return nil
}

// cyclePolicy are policies that select the server and let CIDRs in, each its own.
func cyclePolicy(families []model.Family) []netv1.NetworkPolicy {
	all := blocks(cyclePolicies*cycleCIDRs, families, false)
	var out []netv1.NetworkPolicy
	for i := range cyclePolicies {
		out = append(out, *ingress(fmt.Sprintf("cycle-%d", i), server, append(
			[]netv1.NetworkPolicyPeer{withLabel("", marked, "yes")}, all[i*cycleCIDRs:(i+1)*cycleCIDRs]...)))
	}
	return out
}
