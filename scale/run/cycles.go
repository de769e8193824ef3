package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/scale/measure"
)

const (
	cyclePolicies = 20
	cycleCIDRs    = 100
	cycleSettle   = time.Second
)

// Cycle is the engine's memory after load came and went once more.
type Cycle struct {
	N    int      `json:"n"`
	RSS  float64  `json:"rss_mib"`
	Anon float64  `json:"rss_anon_mib"`
	PSS  float64  `json:"pss_mib"`
	Heap *float64 `json:"go_heap_mib"`
	Sets int      `json:"ipset_entries"`
}

// cycles has hollow pods and policies come and go, and reads the memory when they are gone.
func (r *run) cycles(ctx context.Context) error {
	pods := r.marks()
	policies := cyclePolicy(r.families)
	for n := range r.cfg.Cycles {
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
	r.result.Slope = slope(r.result.Cycles)
	return nil
}

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
	sets, err := measure.ReadSets(ctx, r.node.Do, "")
	if err != nil {
		return err
	}
	c := Cycle{N: n + 1, RSS: mib(memory.RSS), Anon: mib(memory.Anon), PSS: mib(memory.PSS), Sets: sets.Entries}
	if r.meter.url != "" {
		if page, err := measure.ReadMetrics(ctx, r.meter.client, r.meter.url); err == nil {
			c.Heap = mibs(int64(page["go_memstats_heap_alloc_bytes"]))
		}
	}
	r.result.Cycles = append(r.result.Cycles, c)
	if (n+1)%5 == 0 {
		r.cfg.Log(fmt.Sprintf("cycles: %d of %d, RSS %.1f MiB", n+1, r.cfg.Cycles, c.RSS))
	}
	return nil
}

// cyclePolicy are policies that select the server and let CIDRs in, each its own.
func cyclePolicy(families []corev1.IPFamily) []netv1.NetworkPolicy {
	all := blocks(cyclePolicies*cycleCIDRs, families, false)
	var out []netv1.NetworkPolicy
	for i := range cyclePolicies {
		out = append(out, *ingress(fmt.Sprintf("cycle-%d", i), server, append(
			[]netv1.NetworkPolicyPeer{withLabel("", marked, "yes")}, all[i*cycleCIDRs:(i+1)*cycleCIDRs]...)))
	}
	return out
}

// Slope is how memory grows from cycle to cycle: Theil and Sen's median of the slopes of
// all pairs, with the interval of Sen that holds the true slope in 95 of 100 cases.
type Slope struct {
	PerCycle float64 `json:"mib_per_cycle"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	N        int     `json:"n"` // cycles that count: the first ones warm up
	Skipped  int     `json:"skipped"`
}

// AboveZero says that memory grows: an interval with 0 in it does not say so.
func (s *Slope) AboveZero() bool { return s != nil && s.Low > 0 }

// warmUp is the share of cycles that do not count.
const warmUp = 0.4

// slope is that of the anonymous memory; nil for too few cycles.
func slope(cycles []Cycle) *Slope {
	skip := int(warmUp * float64(len(cycles)))
	kept := cycles[skip:]
	if len(kept) < 5 {
		return nil
	}
	var all []float64
	for i, a := range kept {
		for _, b := range kept[i+1:] {
			all = append(all, (b.Anon-a.Anon)/float64(b.N-a.N))
		}
	}
	slices.Sort(all)
	n, pairs := float64(len(kept)), float64(len(all))
	// The variance of Kendall's score says how far from the middle the bounds are.
	reach := 1.96 * math.Sqrt(n*(n-1)*(2*n+5)/18)
	at := func(x float64) float64 { return all[min(len(all)-1, max(0, int(x)))] }
	return &Slope{
		PerCycle: at(pairs / 2), Low: at((pairs - reach) / 2), High: at((pairs+reach)/2 + 1), N: len(kept), Skipped: skip,
	}
}
