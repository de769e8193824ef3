package audit

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/shadow"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/oracle"
)

// phase is where a run is: the fake engine knows what policies there are.
type phase int

const (
	before phase = iota
	under
	after
)

// fakeFleet is pods in one network; drops says which probes get no answer.
type fakeFleet struct {
	mu    sync.Mutex
	plan  *shadow.Plan
	phase phase
	drops func(p phase, from, to int, f model.Flow) bool
}

func (f *fakeFleet) Interrupted(string, time.Duration, time.Duration) error { return nil }
func (f *fakeFleet) Late(probe.Observation) error                           { return nil }

func (f *fakeFleet) Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]probe.Observation, len(ts))
	for i, t := range ts {
		from, to := f.named(client), int(t.Addr.Addr().As4()[3])
		flow := model.Flow{Client: addr(from), Server: t.Addr.Addr(), Protocol: corev1.Protocol(t.Protocol), Port: t.Addr.Port()}
		now := probe.Now()
		out[i] = probe.Observation{Result: probe.Connected, Sent: now, Done: now, Answered: f.plan.Pods[to].Name, Receiver: f.plan.Pods[to].Name, Packets: 1}
		if f.drops(f.phase, from, to, flow) {
			out[i].Result, out[i].Answered, out[i].Receiver, out[i].Packets = probe.Dropped, "", "", 3
		}
	}
	return out, ctx.Err()
}

func (f *fakeFleet) named(name string) int {
	for i := range f.plan.Pods {
		if f.plan.Pods[i].Name == name {
			return i
		}
	}
	return -1
}

func addr(pod int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(pod)}) }

// planOf is a plan of three kinds of pods, one of which lets one in and not the other.
func planOf(t *testing.T) (*shadow.Plan, model.Snapshot) {
	t.Helper()
	v := &inventory.Inventory{}
	v.Namespaces = []model.Namespace{{Name: "shop", Labels: map[string]string{corev1.LabelMetadataName: "shop"}}}
	for i, app := range []string{"web", "db", "job"} {
		v.Pods = append(v.Pods, model.Pod{Namespace: "shop", Name: app, Node: "n", Labels: map[string]string{"app": app}, IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})}})
	}
	selects := func(app string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
	web := selects("web")
	v.Policies = []*netv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Spec: netv1.NetworkPolicySpec{
		PodSelector: selects("db"), Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{PodSelector: &web}}}},
	}}}
	p, err := shadow.New(v, shadow.Options{ID: "t", MaxPods: 9, MaxFlows: 99, Seed: 3, Nodes: []string{"n"}})
	if err != nil {
		t.Fatal(err)
	}
	s := model.Snapshot{}
	for _, n := range p.Namespaces {
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: n.Name, Labels: map[string]string{corev1.LabelMetadataName: n.Name}})
	}
	for i := range p.Pods {
		pod := &p.Pods[i]
		s.Pods = append(s.Pods, model.Pod{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Node: pod.Node, IPs: []netip.Addr{addr(i)}})
	}
	for _, policy := range p.Policies {
		s.Policies = append(s.Policies, policy.Object)
	}
	return p, s
}

// outcomes are what becomes of flows that policies allow, and of those that they deny.
func outcomes(t *testing.T, drops func(s model.Snapshot) func(p phase, from, to int, f model.Flow) bool) (allow, deny map[v1.Outcome]int, all []v1.AuditStratum) {
	t.Helper()
	plan, s := planOf(t)
	fleet := &fakeFleet{plan: plan, drops: drops(s)}
	var pods []probe.Pod
	for i := range plan.Pods {
		pods = append(pods, probe.Pod{Name: plan.Pods[i].Name, Addrs: []netip.Addr{addr(i)}})
	}
	k := newAsker(fleet, plan, pods, Timing{Every: time.Millisecond, Hold: 20 * time.Millisecond, Deadline: 150 * time.Millisecond})
	enter := func(p phase) {
		fleet.mu.Lock()
		fleet.phase = p
		fleet.mu.Unlock()
	}
	enter(before)
	for _, do := range []func() error{
		func() error { return k.before(t.Context()) },
		func() error { enter(under); k.expect(s); return k.under(t.Context()) },
		func() error { enter(after); return k.after(t.Context()) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	allow, deny = map[v1.Outcome]int{}, map[v1.Outcome]int{}
	for _, a := range k.asked {
		a.judge(k.window)
		if a.flow.Verdict == model.Deny {
			deny[a.outcome]++
		} else {
			allow[a.outcome]++
		}
	}
	return allow, deny, strata(plan, k.asked)
}

// right is an engine that does what the policies say.
func right(s model.Snapshot) func(p phase, from, to int, f model.Flow) bool {
	return func(p phase, from, to int, f model.Flow) bool {
		return p == under && from != to && oracle.Evaluate(s, f).Verdict == model.Deny
	}
}

// What is right passes, what is wrong fails, and silence that nothing explains is neither.
func TestOutcomes(t *testing.T) {
	is := func(drops func(p phase, from, to int, f model.Flow) bool) func(model.Snapshot) func(phase, int, int, model.Flow) bool {
		return func(model.Snapshot) func(phase, int, int, model.Flow) bool { return drops }
	}
	for _, tc := range []struct {
		name        string
		drops       func(model.Snapshot) func(phase, int, int, model.Flow) bool
		allow, deny v1.Outcome
	}{
		{"right", right, v1.Pass, v1.Pass},
		{"none", is(func(phase, int, int, model.Flow) bool { return false }), v1.Pass, v1.Fail},
		{"deny-all", is(func(p phase, from, to int, _ model.Flow) bool { return p == under && from != to }), v1.Fail, v1.Pass},
		{"no network", is(func(_ phase, from, to int, _ model.Flow) bool { return from != to }), v1.Inconclusive, v1.Inconclusive},
		{"servers die", is(func(p phase, _, _ int, _ model.Flow) bool { return p == under }), v1.Inconclusive, v1.Inconclusive},
		{"silent for good", func(s model.Snapshot) func(phase, int, int, model.Flow) bool {
			enforce := right(s)
			return func(p phase, from, to int, f model.Flow) bool { return p != before && enforce(under, from, to, f) }
		}, v1.Pass, v1.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			allow, deny, _ := outcomes(t, tc.drops)
			if len(allow) != 1 || allow[tc.allow] == 0 {
				t.Errorf("allowed: %v, want %s", allow, tc.allow)
			}
			if len(deny) != 1 || deny[tc.deny] == 0 {
				t.Errorf("denied: %v, want %s", deny, tc.deny)
			}
		})
	}
}

// An engine that takes a while is right, and all pairs that are asked about leave no doubt.
func TestLateEngineIsRight(t *testing.T) {
	allow, deny, all := outcomes(t, func(s model.Snapshot) func(phase, int, int, model.Flow) bool {
		enforce, seen := right(s), 0
		return func(p phase, from, to int, f model.Flow) bool {
			if p == under {
				seen++
			}
			return seen > 50 && enforce(p, from, to, f)
		}
	})
	if allow[v1.Pass] == 0 || deny[v1.Pass] == 0 || len(allow) != 1 || len(deny) != 1 {
		t.Errorf("allowed %v, denied %v", allow, deny)
	}
	for _, s := range all {
		if s.Pairs == 0 || s.Asked != s.Pairs || s.AtMost != 0 || s.Wrong != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// A run that is stopped has judged nothing.
func TestStopped(t *testing.T) {
	plan, s := planOf(t)
	fleet := &fakeFleet{plan: plan, drops: right(s)}
	var pods []probe.Pod
	for i := range plan.Pods {
		pods = append(pods, probe.Pod{Name: plan.Pods[i].Name, Addrs: []netip.Addr{addr(i)}})
	}
	k := newAsker(fleet, plan, pods, DefaultTiming())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.before(ctx); err == nil {
		t.Error("no error")
	}
	for _, a := range k.asked {
		if a.judge(k.window); a.outcome != v1.Unfinished {
			t.Errorf("outcome %s: %s", a.outcome, a.reason)
		}
	}
}

// What is made conforms to the restricted standard, has no label of a prober's, and can be found.
func TestObjects(t *testing.T) {
	plan, _ := planOf(t)
	o := fixture.Run{ID: "t", Image: func(name string) string { return name + ":1" }}
	for i := range plan.Pods {
		pod := podObject(o, &plan.Pods[i])
		c := pod.Spec.Containers[0]
		if pod.Spec.HostNetwork || *pod.Spec.AutomountServiceAccountToken || !*pod.Spec.SecurityContext.RunAsNonRoot || len(c.SecurityContext.Capabilities.Add) > 0 || *c.SecurityContext.AllowPrivilegeEscalation {
			t.Errorf("pod %s: %+v", pod.Name, pod.Spec)
		}
		if len(pod.Labels) != 2 || pod.Labels["netassay.dev/run"] != "t" || pod.Labels["app"] == "" {
			t.Errorf("pod %s has labels %v", pod.Name, pod.Labels)
		}
	}
	needs := Needs(plan, o)
	if len(needs.Samples) != len(plan.Namespaces) || needs.RunID != "t" {
		t.Errorf("needs %+v", needs)
	}
}
