package shadow

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// made is a state with the plan's objects beside the originals, its pods with the addresses that
// address gives.
func made(v *inventory.Inventory, p *Plan, address func(pod int) []netip.Addr) *inventory.Inventory {
	out := *v
	for _, n := range p.Namespaces {
		labels := map[string]string{corev1.LabelMetadataName: n.Name}
		for k, value := range n.Labels {
			labels[k] = value
		}
		out.Namespaces = append(slices.Clip(out.Namespaces), model.Namespace{Name: n.Name, Labels: labels})
	}
	for i, pod := range p.Pods {
		out.Pods = append(slices.Clip(out.Pods), model.Pod{
			Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Node: pod.Node, Ports: pod.Ports, IPs: address(i),
		})
	}
	for _, policy := range p.Policies {
		out.Policies = append(slices.Clip(out.Policies), policy.Object)
	}
	return &out
}

// originals are the addresses of the pods that the plan's stand for.
func originals(v *inventory.Inventory, p *Plan) func(int) []netip.Addr {
	m := (&planner{v: visible(v)}).matrixOf()
	return func(i int) []netip.Addr {
		pod := &p.Pods[i]
		return v.Pods[m.Classes[pod.class].Members[pod.member]].IPs
	}
}

// Whatever is drawn, a flow between shadows means what the same flow between their originals does:
// selectors of labels, of names of namespaces and named ports are copied with their meaning.
func TestShadowsMeanWhatTheirOriginalsDo(t *testing.T) {
	asked, denied := 0, 0
	const seeds = 1000
	for seed := range uint64(seeds) {
		s := gen.New(seed, 10)
		v := &inventory.Inventory{Snapshot: s.Snapshot}
		p, err := New(v, Options{ID: "t", MaxPods: 9, MaxFlows: 60, Seed: seed, Nodes: []string{"n1"}})
		if err != nil {
			continue // too few pods
		}
		at := originals(v, p)
		for i, r := range p.Read(p.Part(made(v, p, at))) {
			f := &p.Flows[i]
			asked++
			if r.Gap != "" {
				t.Fatalf("seed %d: %s -> %s %s: %s", seed, p.Pods[f.Client].Of, p.Pods[f.Server].Of, f.Port, r.Gap)
			}
			original := oracle.Evaluate(s.Snapshot, r.Flow) // by their addresses
			if original.Verdict != f.Verdict || r.Want != f.Verdict {
				t.Fatalf("seed %d: %s: planned %s, original %v, shadow %s", seed, r.Flow, f.Verdict, original, r.Want)
			}
			if r.Want == model.Deny {
				denied++
			}
		}
	}
	t.Logf("%d flows, %d denied", asked, denied)
	if asked < 5*seeds || denied < asked/10 {
		t.Errorf("%d flows, %d denied: the property has lost its way", asked, denied)
	}
}

// A flow that hangs on an address which the probe pod does not have is a gap, and none else is.
func TestOtherAddressesAreGaps(t *testing.T) {
	v := shop()
	v.Policies = append(v.Policies, &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "by-address"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			Ingress:     []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: "10.0.0.3/32"}}}}},
		},
	})
	p := planned(t, v, Options{MaxPods: 9, MaxFlows: 90})
	if !slices.ContainsFunc(p.Gaps, func(g Gap) bool { return g.What == "policy shop/by-address, ipBlock 10.0.0.3/32" }) {
		t.Errorf("gaps %+v", p.Gaps)
	}
	readings := p.Read(p.Part(made(v, p, func(i int) []netip.Addr { return []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, byte(i)})} })))
	left := 0
	for i, r := range readings {
		byAddress := p.Pods[p.Flows[i].Client].Of == "batch/job" && p.Pods[p.Flows[i].Server].Of == "shop/db-0"
		if byAddress != (r.Gap != "") {
			t.Errorf("%s -> %s: gap %q", p.Pods[p.Flows[i].Client].Of, p.Pods[p.Flows[i].Server].Of, r.Gap)
		}
		if r.Gap != "" {
			left++
		}
	}
	if left == 0 {
		t.Error("nothing hangs on the address")
	}
}

// shop has a client, a server and a namespace beside.
func shop() *inventory.Inventory {
	pod := func(ns, name, app string, last byte, ports ...model.Port) model.Pod {
		return model.Pod{Namespace: ns, Name: name, Node: "n1", Labels: map[string]string{"app": app, "team": "red"}, IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, last})}, Ports: ports}
	}
	space := func(name string) model.Namespace {
		return model.Namespace{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name, "istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}}
	}
	v := &inventory.Inventory{}
	v.Namespaces = []model.Namespace{space("batch"), space("shop")}
	v.Nodes = []model.Node{{Name: "n1"}}
	v.Pods = []model.Pod{
		pod("shop", "web-0", "web", 1), pod("shop", "db-0", "db", 2, model.Port{Name: "sql", Number: 5432, Protocol: corev1.ProtocolTCP}),
		pod("batch", "job", "job", 3), pod("shop", "web-1", "web", 4),
	}
	v.Policies = []*netv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			Ingress:     []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}}},
		},
	}}
	return v
}

func planned(t *testing.T, v *inventory.Inventory, o Options) *Plan {
	t.Helper()
	o.ID, o.Nodes = "t", []string{"n1"}
	p, err := New(v, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Of labels those are copied that some selector names, and what a namespace says of Pod Security.
func TestOnlyLabelsThatMatterAreCopied(t *testing.T) {
	p := planned(t, shop(), Options{MaxPods: 9, MaxFlows: 9})
	for _, n := range p.Namespaces {
		if diff := cmp.Diff(map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}, n.Labels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", n.Of, diff)
		}
	}
	for _, pod := range p.Pods {
		if len(pod.Labels) != 1 || pod.Labels["app"] == "" {
			t.Errorf("%s has labels %v", pod.Of, pod.Labels)
		}
		if pod.Listen[0].Protocol != corev1.ProtocolTCP {
			t.Errorf("%s listens on %v", pod.Of, pod.Listen)
		}
	}
}

func TestNamesOfNamespaces(t *testing.T) {
	p := &planner{name: map[string]string{"a": "sa", "b": "sb"}}
	in := func(op metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: corev1.LabelMetadataName, Operator: op, Values: values}}}
	}
	other := &metav1.LabelSelector{MatchLabels: map[string]string{"name": "a"}}
	for _, tc := range []struct{ given, want *metav1.LabelSelector }{
		{&metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "a"}}, &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "sa"}}},
		{in(metav1.LabelSelectorOpIn, "a", "c", "b"), in(metav1.LabelSelectorOpIn, "c", "sa", "sb")},
		{in(metav1.LabelSelectorOpNotIn, "a", "c"), in(metav1.LabelSelectorOpNotIn, "a", "c", "sa")},
		{in(metav1.LabelSelectorOpExists), in(metav1.LabelSelectorOpExists)},
		{in(metav1.LabelSelectorOpDoesNotExist), in(metav1.LabelSelectorOpDoesNotExist)},
		{other.DeepCopy(), other},
		{nil, nil},
	} {
		p.rename(tc.given)
		if diff := cmp.Diff(tc.want, tc.given); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Limits hold, both verdicts get their share, and a pair is drawn once.
func TestLimits(t *testing.T) {
	v := shop()
	p := planned(t, v, Options{MaxPods: 3, MaxFlows: 4, Seed: 7})
	if len(p.Pods) != 3 || len(p.Flows) != 4 {
		t.Errorf("%d pods, %d flows", len(p.Pods), len(p.Flows))
	}
	drawn := map[[3]string]bool{}
	for _, f := range p.Flows {
		key := [3]string{p.Pods[f.Client].Name, p.Pods[f.Server].Name, string(f.Verdict)}
		if !f.More && drawn[key] {
			t.Errorf("%v is drawn twice", key)
		}
		drawn[key] = true
	}
	for room := range 12 {
		for a := range 6 {
			for b := range 6 {
				got := shares(room, a, b)
				if got[0] > a || got[1] > b || got[0]+got[1] != min(room, a+b) || min(got[0], got[1]) < min(a, b, room/2) {
					t.Errorf("shares(%d, %d, %d) = %v", room, a, b, got)
				}
			}
		}
	}
	again := planned(t, v, Options{MaxPods: 3, MaxFlows: 4, Seed: 7})
	if diff := cmp.Diff(p.Flows, again.Flows); diff != "" {
		t.Errorf("the same seed draws otherwise (-first +second):\n%s", diff)
	}
}

func TestNothingToAsk(t *testing.T) {
	host := shop()
	for i := range host.Pods {
		host.Pods[i].HostNetwork = true
	}
	run := shop()
	for i := range run.Namespaces {
		run.Namespaces[i].Labels["run"] = "77"
	}
	for _, tc := range []struct {
		name string
		v    *inventory.Inventory
		o    Options
		want string
	}{
		{"an unknown namespace", shop(), Options{Namespaces: []string{"shpo"}}, "did you mean shop?"},
		{"a namespace of one pod", shop(), Options{Namespaces: []string{"batch"}}, "no two pods to stand for"},
		{"the host network", host, Options{}, "no two pods to stand for"},
		{"another run", run, Options{Skip: "run"}, "no two pods to stand for"},
	} {
		tc.o.MaxPods, tc.o.MaxFlows, tc.o.Nodes = 9, 9, []string{"n1"}
		if _, err := New(tc.v, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := New(shop(), Options{MaxPods: 9, MaxFlows: 9}); err == nil || err.Error() != "no node can hold pods" {
		t.Errorf("without nodes: %v", err)
	}
}

// Who may talk to a server is found by the oracle, and nobody where nobody may.
func TestWitness(t *testing.T) {
	v := shop()
	p := planned(t, v, Options{MaxPods: 9, MaxFlows: 90})
	there := made(v, p, originals(v, p))
	db := slices.IndexFunc(p.Pods, func(pod Pod) bool { return pod.Of == "shop/db-0" })
	port := Port{corev1.ProtocolTCP, 5432}
	if got := p.Witness(p.Part(there), db, model.IPv4, port); got < 0 || p.Pods[got].Of != "shop/web" {
		t.Errorf("witness %d", got)
	}
	there.Policies = append(there.Policies, &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: p.Pods[db].Namespace, Name: "none"}})
	there.Policies = slices.DeleteFunc(there.Policies, func(policy *netv1.NetworkPolicy) bool { return policy.Name == "db" })
	if got := p.Witness(p.Part(there), db, model.IPv4, port); got != -1 {
		t.Errorf("nobody may, and %s is a witness", p.Pods[got].Of)
	}
}

// The bound is the largest number of wrong ones for which so few would be drawn in more than one of
// twenty cases: counted, over all draws.
func TestAtMostIsExact(t *testing.T) {
	for all := 1; all <= 11; all++ {
		for asked := 1; asked <= all; asked++ {
			for wrong := 0; wrong <= asked; wrong++ {
				want := wrong
				for bad := wrong; bad <= all-(asked-wrong); bad++ {
					if few, draws := counted(all, bad, asked, wrong); float64(few)/float64(draws) > 1-Certainty {
						want = bad
					}
				}
				if got := AtMost(all, asked, wrong, Certainty); got != want {
					t.Fatalf("AtMost(%d, %d, %d) = %d, want %d", all, asked, wrong, got, want)
				}
			}
		}
	}
}

// counted counts the draws of asked from all in which at most so many of the bad ones are.
func counted(all, bad, asked, wrong int) (few, draws int) {
	for set := range 1 << all {
		n, k := 0, 0
		for i := range all {
			if set>>i&1 == 1 {
				n++
				if i < bad {
					k++
				}
			}
		}
		if n == asked {
			draws++
			if k <= wrong {
				few++
			}
		}
	}
	return few, draws
}

// Of many populations with so many wrong ones the bound is too low in fewer than one of twenty
// draws.
func TestBoundHoldsAsOftenAsItSays(t *testing.T) {
	const seed, draws = 11, 4000
	r := rand.New(rand.NewPCG(seed, 0))
	missed := 0
	for range draws {
		a, b := Sample{All: 400, Asked: 60}, Sample{All: 90, Asked: 60}
		bad := [2]int{r.IntN(40), r.IntN(10)}
		for i, s := range []*Sample{&a, &b} {
			for _, drawn := range r.Perm(s.All)[:s.Asked] {
				if drawn < bad[i] {
					s.Wrong++
				}
			}
		}
		if Overall([]Sample{a, b, {}}, Certainty) < bad[0]+bad[1] {
			missed++
		}
	}
	t.Logf("seed %d: too low in %d of %d draws", seed, missed, draws)
	if missed > draws/20 {
		t.Errorf("the bound was too low in %d of %d draws", missed, draws)
	}
	if got := AtMost(300, 0, 0, Certainty); got != 300 {
		t.Errorf("nothing was asked, and at most %d of 300 are wrong", got)
	}
}

// The plan says what stands for what, what is sent at most and what is left out.
func TestTable(t *testing.T) {
	p := planned(t, shop(), Options{MaxPods: 4, MaxFlows: 6, Seed: 1})
	var b strings.Builder
	if err := p.Table(&b, []string{"asks 6 flows"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  shop/db-0  ", "app=web", "A run\n  asks 6 flows\n", "Deny: 1 of 1 pairs are drawn; if none is wrong, at most 0 % of them are (95 % certainty)", "  SCTP: "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, b.String())
		}
	}
}
