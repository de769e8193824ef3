package plan_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// comparePlans lets cmp compare addresses.
var comparePlans = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// TestCompilerEqualsFromScratch holds the incremental compiler against the one without a
// memory, over random edits of random clusters: one to three edits at a time, lists in
// another order now and then, and other options or another node, with or without an edit.
func TestCompilerEqualsFromScratch(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 11))
		var c plan.Compiler
		s := gen.New(seed, 0).Snapshot
		opts := plan.Options{Node: "n1", Existing: plan.Keep}
		for step := range 40 {
			equal(t, &c, s, opts, fmt.Sprintf("seed %d step %d (%+v)", seed, step, opts))
			for range r.IntN(4) {
				s = gen.Edit(s, seed<<20|uint64(r.Uint32()))
			}
			if r.IntN(4) == 0 {
				s.Nodes = changeNode(r, s.Nodes)
			}
			if r.IntN(4) == 0 {
				changeOptions(r, &opts)
			}
			switch r.IntN(20) {
			case 0:
				r.Shuffle(len(s.Pods), func(i, j int) { s.Pods[i], s.Pods[j] = s.Pods[j], s.Pods[i] })
			case 1: // a namespace whose object is late, or has gone before its pods
				s.Namespaces = s.Namespaces[:max(1, len(s.Namespaces)-1)]
			}
		}
	}
}

// changeNode gives a node other podCIDRs or addresses, or takes it away or back.
func changeNode(r *rand.Rand, nodes []model.Node) []model.Node {
	nodes = slices.Clone(nodes)
	if len(nodes) == 0 || r.IntN(8) == 0 {
		return append(nodes, model.Node{Name: fmt.Sprint("n", 1+r.IntN(3))})
	}
	i := r.IntN(len(nodes))
	switch r.IntN(8) {
	case 0:
		return slices.Delete(nodes, i, i+1)
	case 1, 2:
		nodes[i].IPs = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(4))})}
	default:
		nodes[i].PodCIDRs = nil
		for range r.IntN(3) {
			nodes[i].PodCIDRs = append(nodes[i].PodCIDRs, netip.MustParsePrefix([]string{"10.0.0.0/8", "192.0.0.0/16", "fd00::/16"}[r.IntN(3)]))
		}
	}
	return nodes
}

// changeOptions changes one of them. Own is changed in place half of the time: whoever
// calls may use the list again.
func changeOptions(r *rand.Rand, o *plan.Options) {
	switch r.IntN(4) {
	case 0:
		o.Node = fmt.Sprint("n", 1+r.IntN(3))
	case 1:
		o.Existing = []plan.Existing{plan.Keep, plan.Cut}[r.IntN(2)]
	case 2:
		o.DenyUnknown = !o.DenyUnknown
	default:
		ip := netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(3)), 1})
		if len(o.Own) > 0 && r.IntN(2) == 0 {
			o.Own[0] = ip
			return
		}
		o.Own = []netip.Addr{ip, netip.MustParseAddr("fd00::1")}[:r.IntN(3)]
	}
}

// TestCompilerFollowsOptions changes nothing but options and the node.
func TestCompilerFollowsOptions(t *testing.T) {
	s := model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}},
		Nodes:      []model.Node{{Name: "n1", PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/16")}}},
		Pods: []model.Pod{
			{Namespace: "x", Name: "a", Node: "n1", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}},
			{Namespace: "x", Name: "b", Node: "n2", IPs: []netip.Addr{netip.MustParseAddr("10.0.9.9")}},
		},
		Policies: []*netv1.NetworkPolicy{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p"},
			Spec:       netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}}}},
		}},
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 13))
		var c plan.Compiler
		opts := plan.Options{Node: "n1", Existing: plan.Keep, DenyUnknown: true}
		for step := range 40 {
			equal(t, &c, s, opts, fmt.Sprintf("seed %d step %d (%+v)", seed, step, opts))
			if r.IntN(4) == 0 {
				s.Nodes = changeNode(r, s.Nodes)
			} else {
				changeOptions(r, &opts)
			}
		}
	}
}

// TestCompilerFollowsChurn is the same for a larger cluster in which only pods change, a
// few of many: what the compiler is made for.
func TestCompilerFollowsChurn(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 12))
		var c plan.Compiler
		s := gen.New(seed, 0).Snapshot
		for i := range 300 {
			s.Pods = append(s.Pods, another(r, i))
		}
		opts := plan.Options{Node: "n1", Existing: plan.Keep}
		for step := range 40 {
			equal(t, &c, s, opts, fmt.Sprintf("seed %d step %d", seed, step))
			s.Pods = append([]model.Pod(nil), s.Pods...)
			for range 1 + r.IntN(4) {
				churnPod(r, &s, step)
			}
		}
	}
}

// another is a pod of a few kinds; some addresses are had by more than one.
func another(r *rand.Rand, i int) model.Pod {
	node := fmt.Sprint("n", 2+r.IntN(2))
	if r.IntN(30) == 0 {
		node = "n1"
	}
	n := byte(r.IntN(250))
	p := model.Pod{
		UID: fmt.Sprint("uid", i, "-", r.Uint32()), Namespace: string(rune('x' + r.IntN(3))), Name: fmt.Sprint("more", i), Node: node,
		Labels:      map[string]string{"app": string(rune('a' + r.IntN(3)))},
		IPs:         []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, n})},
		HostNetwork: r.IntN(40) == 0,
		Ports:       []model.Port{{Name: "web", Number: uint16(80 + r.IntN(2)), Protocol: "TCP"}},
	}
	if r.IntN(2) == 0 {
		p.IPs = append(p.IPs, netip.AddrFrom16([16]byte{0: 0xfd, 15: n}))
	}
	if r.IntN(20) == 0 {
		p.IPs = nil
	}
	return p
}

func churnPod(r *rand.Rand, s *model.Snapshot, step int) {
	i := r.IntN(len(s.Pods))
	switch r.IntN(4) {
	case 0: // as the watch's store removes
		s.Pods[i] = s.Pods[len(s.Pods)-1]
		s.Pods = s.Pods[:len(s.Pods)-1]
	case 1:
		s.Pods = append(s.Pods, another(r, 1000+step))
	case 2: // another pod with the address
		ips := s.Pods[i].IPs
		s.Pods[i] = another(r, 2000+step)
		s.Pods[i].IPs = ips
	default:
		s.Pods[i].Labels = map[string]string{"app": string(rune('a' + r.IntN(3)))}
	}
}

// TestCompilerKeepsBlocks: after the edit of one policy, the blocks of another are the very
// same memory, not read again, and those of a rule with a problem are read each time, so
// that the problem stays known.
func TestCompilerKeepsBlocks(t *testing.T) {
	policy := func(name string, cidrs ...string) *netv1.NetworkPolicy {
		var from []netv1.NetworkPolicyPeer
		for _, cidr := range cidrs {
			from = append(from, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: cidr}})
		}
		return &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: name},
			Spec:       netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: from}}},
		}
	}
	s := model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}},
		Pods:       []model.Pod{{Namespace: "x", Name: "a", Node: "n1", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}}},
		Policies:   []*netv1.NetworkPolicy{policy("kept", "10.1.0.0/16"), policy("edited", "10.2.0.0/16"), policy("bad", "10.3.0.0/16", "10.0.0.0/33")},
	}
	opts := plan.Options{Node: "n1", Existing: plan.Keep}
	var c plan.Compiler
	before := blockSets(c.Compile(s, opts))
	s.Policies = []*netv1.NetworkPolicy{s.Policies[0], policy("edited", "10.4.0.0/16"), s.Policies[2]}
	equal(t, &c, s, opts, "one policy edited")
	p := c.Compile(s, opts)
	after := blockSets(p)
	if kept := "10.1.0.0/16"; before[kept] == nil || before[kept] != after[kept] {
		t.Errorf("the blocks of a policy that stayed were %p and are %p", before[kept], after[kept])
	}
	if bad := "10.3.0.0/16"; before[bad] == nil || before[bad] == after[bad] || len(p.Problems) != 1 {
		t.Errorf("the blocks of a rule with a problem were %p and are %p, problems %v", before[bad], after[bad], p.Problems)
	}
	if after["10.2.0.0/16"] != nil || after["10.4.0.0/16"] == nil {
		t.Errorf("after the edit: %v", after)
	}
}

// TestCompilerRenamesForAll: a set that outgrows its capacity while a policy is edited has its new
// name in the chains of all namespaces, also in those whose policies have not changed.
func TestCompilerRenamesForAll(t *testing.T) {
	var s model.Snapshot
	pods := func(n int) {
		for len(s.Pods) < n {
			i := len(s.Pods)
			s.Pods = append(s.Pods, model.Pod{Namespace: string(rune('a' + i%3)), Name: fmt.Sprint("p", i), Node: fmt.Sprint("n", 1+min(i/6, 1)), IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}})
		}
		s.Pods = slices.Clone(s.Pods[:n])
	}
	edited := 0
	edit := func(namespace int) {
		edited++
		s.Policies = slices.Clone(s.Policies)
		s.Policies[namespace] = &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: string(rune('a' + namespace)), Name: "p"},
			Spec:       netv1.NetworkPolicySpec{Ingress: slices.Repeat([]netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}}, edited)},
		}
	}
	for i := range 3 {
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: string(rune('a' + i))})
		s.Policies = append(s.Policies, nil)
		edit(i)
	}
	var c plan.Compiler
	for step, n := range []int{32_760, 32_760, 32_780, 32_780, 32_760} {
		pods(n)
		edit([]int{0, 2, 0, 1, 2}[step])
		equal(t, &c, s, plan.Options{Node: "n1", Existing: plan.Keep}, fmt.Sprint("step ", step))
	}
}

// TestCompilerLetsMembersGo: after a change of pods, nothing holds on to the members that sets had
// before it, neither after an edit of a policy of another namespace.
func TestCompilerLetsMembersGo(t *testing.T) {
	everyone := func(namespace string) *netv1.NetworkPolicy {
		return &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"},
			Spec:       netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}}}},
		}
	}
	s := model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}, {Name: "y"}},
		Policies:   []*netv1.NetworkPolicy{everyone("x"), everyone("y")},
	}
	pod := func(i int) model.Pod {
		return model.Pod{Namespace: []string{"x", "y"}[i%2], Name: fmt.Sprint("p", i), Node: fmt.Sprint("n", 1+i/2), IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}}
	}
	for i := range 8 {
		s.Pods = append(s.Pods, pod(i))
	}
	var c plan.Compiler
	var before []weak.Pointer[plan.Member]
	for i := range 4 {
		if i == 2 {
			s.Policies = []*netv1.NetworkPolicy{everyone("x"), s.Policies[1]}
		}
		s.Pods = append(slices.Clone(s.Pods), pod(8+2*i), pod(9+2*i))
		p := c.Compile(s, plan.Options{Node: "n1", Existing: plan.Keep})
		runtime.GC()
		for _, b := range before {
			if m := b.Value(); m != nil {
				t.Errorf("step %d: something has members of the step before, among them %v", i, m.Prefix())
			}
		}
		before = nil
		for _, set := range p.IPv4.Sets {
			if set.Role == plan.RolePeer {
				before = append(before, weak.Make(&set.Members[0]))
			}
		}
		if len(before) != 2 {
			t.Fatalf("%d sets of peers, want 2", len(before))
		}
	}
	runtime.KeepAlive(&c)
}

// Lists that share memory are different lists if their lengths differ.
func TestCompilerTellsListsApart(t *testing.T) {
	peers := []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: "10.1.0.0/16"}}, {IPBlock: &netv1.IPBlock{CIDR: "10.2.0.0/16"}}}
	s := model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}},
		Pods:       []model.Pod{{Namespace: "x", Name: "a", Node: "n1", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}}},
	}
	for n := range peers {
		s.Policies = append(s.Policies, &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprint("p", n)},
			Spec:       netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: peers[:n+1]}}},
		})
	}
	var c plan.Compiler
	sets := c.Compile(s, plan.Options{Node: "n1", Existing: plan.Keep}).IPv4.Sets
	sizes := map[int]int{}
	for _, set := range sets {
		if set.Role == plan.RoleBlock {
			sizes[len(set.Members)]++
		}
	}
	if diff := cmp.Diff(map[int]int{1: 1, 2: 1}, sizes); diff != "" {
		t.Errorf("sets of blocks by how many they hold (-want +got):\n%s", diff)
	}
}

// blockSets are the sets of ipBlocks by their first member, as where it is.
func blockSets(p plan.Plan) map[string]*plan.Member {
	found := map[string]*plan.Member{}
	for _, s := range p.IPv4.Sets {
		if s.Role == plan.RoleBlock {
			found[s.Members[0].String()] = &s.Members[0]
		}
	}
	return found
}

func equal(t *testing.T, c *plan.Compiler, s model.Snapshot, opts plan.Options, where string) {
	t.Helper()
	if diff := cmp.Diff(plan.CompileWith(s, opts), c.Compile(s, opts), comparePlans); diff != "" {
		t.Fatalf("%s: incremental plan (-from scratch +incremental):\n%s", where, diff)
	}
}
