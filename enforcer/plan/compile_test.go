package plan

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// The order of a snapshot's lists is the order of events, and must not show in a plan.
func TestCompileIgnoresOrder(t *testing.T) {
	for seed := range uint64(200) {
		s := gen.New(seed, 0).Snapshot
		want := Compile(s, "n1")
		r := rand.New(rand.NewPCG(seed, 2))
		r.Shuffle(len(s.Pods), func(i, j int) { s.Pods[i], s.Pods[j] = s.Pods[j], s.Pods[i] })
		r.Shuffle(len(s.Policies), func(i, j int) { s.Policies[i], s.Policies[j] = s.Policies[j], s.Policies[i] })
		r.Shuffle(len(s.Namespaces), func(i, j int) { s.Namespaces[i], s.Namespaces[j] = s.Namespaces[j], s.Namespaces[i] })
		if diff := cmp.Diff(want, Compile(s, "n1"), compareNetip); diff != "" {
			t.Fatalf("seed %d: (-ordered +shuffled):\n%s", seed, diff)
		}
	}
}

// What every plan must be, whatever it was made of.
func TestPlanInvariants(t *testing.T) {
	for seed := range uint64(300) {
		s := gen.New(seed, 0).Snapshot
		p := Compile(s, "n1")
		for _, f := range []FamilyPlan{p.IPv4, p.IPv6} {
			checkFamily(t, fmt.Sprintf("seed %d, %s", seed, f.Family), f)
		}
	}
}

func checkFamily(t *testing.T, label string, f FamilyPlan) {
	t.Helper()
	chains, sets := map[ChainName]bool{}, map[SetName]bool{} // that rules refer to
	for i, c := range f.Chains {
		if len(c.Name) > maxChainName || !strings.HasPrefix(string(c.Name), ChainPrefix) || len(c.Rules) == 0 {
			t.Errorf("%s: chain %q with %d rules", label, c.Name, len(c.Rules))
		}
		if i > 0 && f.Chains[i-1].Name >= c.Name {
			t.Errorf("%s: chain %q is out of order", label, c.Name)
		}
		for _, r := range c.Rules {
			references(r, chains, sets)
		}
	}
	for _, h := range f.Hooks {
		chains[h.To] = true
	}
	for _, c := range f.Chains {
		if !chains[c.Name] {
			t.Errorf("%s: no rule leads to chain %q", label, c.Name)
		}
		delete(chains, c.Name)
	}
	for i, s := range f.Sets {
		if len(s.Name) > maxSetName || !strings.HasPrefix(string(s.Name), SetPrefix) || s.Family != f.Family {
			t.Errorf("%s: set %q of family %s", label, s.Name, s.Family)
		}
		if i > 0 && f.Sets[i-1].Name >= s.Name {
			t.Errorf("%s: set %q is out of order", label, s.Name)
		}
		if !sets[s.Name] {
			t.Errorf("%s: no rule refers to set %q", label, s.Name)
		}
		delete(sets, s.Name)
		checkMembers(t, label, s)
	}
	if len(chains)+len(sets) > 0 {
		t.Errorf("%s: rules refer to chains %v and sets %v that the plan does not have", label, chains, sets)
	}
}

// references notes the chain and the sets that a rule refers to.
func references(r Rule, chains map[ChainName]bool, sets map[SetName]bool) {
	if v, ok := r.Verdict.(Jump); ok {
		chains[v.To] = true
	}
	for _, c := range r.Match {
		if in, ok := c.(InSet); ok {
			sets[in.Set] = true
		}
	}
}

func checkMembers(t *testing.T, label string, s Set) {
	t.Helper()
	for i, m := range s.Members {
		switch {
		case i > 0 && s.Members[i-1].Compare(m) >= 0:
			t.Errorf("%s: set %s: %v is out of order", label, s.Name, m)
		case model.FamilyOf(m.Addr()) != s.Family, m.Prefix().Masked() != m.Prefix(), m.Prefix().Bits() == 0:
			t.Errorf("%s: set %s: %v is not canonical", label, s.Name, m)
		case s.Kind != Prefixes && !m.IsSingleIP(), (m.Protocol() != AnyProtocol) != (s.Kind == AddressPorts):
			t.Errorf("%s: set %s of kind %d holds %v", label, s.Name, s.Kind, m)
		}
	}
}

// Compile must leave its input alone: the watcher goes on using it.
func TestCompileLeavesSnapshotAlone(t *testing.T) {
	for seed := range uint64(50) {
		s, untouched := gen.New(seed, 0).Snapshot, gen.New(seed, 0).Snapshot
		Compile(s, "n1")
		if diff := cmp.Diff(untouched, s, compareNetip); diff != "" {
			t.Fatalf("seed %d: (-before +after):\n%s", seed, diff)
		}
	}
}

// Should hashes collide, names must still be different, and stay with their keys.
func TestNamesSurviveCollisions(t *testing.T) {
	n := newNamer(func(s string) string { return hash(s)[:2] })
	seen := map[string]string{}
	for i := range 500 {
		key := fmt.Sprint("key", i)
		name := n.name("npe-", key)
		if other, ok := seen[name]; ok {
			t.Fatalf("%s and %s are both named %s", other, key, name)
		}
		seen[name] = key
	}
	for name, key := range seen {
		if again := n.name("npe-", key); again != name {
			t.Errorf("%s is named %s, then %s", key, name, again)
		}
	}
}

// A compiler whose hashes collide all the time must still give plans that are consistent.
func TestCompileSurvivesCollisions(t *testing.T) {
	for seed := range uint64(100) {
		s := gen.New(seed, 0).Snapshot
		p := new(Compiler).compile(s, Options{Node: "n1"}, func(s string) string { return hash(s)[:2] })
		full := Compile(s, "n1")
		for i, f := range []FamilyPlan{p.IPv4, p.IPv6} {
			checkFamily(t, fmt.Sprintf("seed %d, %s", seed, f.Family), f)
			want := []FamilyPlan{full.IPv4, full.IPv6}[i]
			if len(f.Sets) != len(want.Sets) || len(f.Chains) != len(want.Chains) {
				t.Errorf("seed %d: %d sets and %d chains, want %d and %d", seed, len(f.Sets), len(f.Chains), len(want.Sets), len(want.Chains))
			}
		}
	}
}

// Names that collide are given in the same order by a compiler that takes over what it has.
func TestCollisionsAfterEdits(t *testing.T) {
	short := func(s string) string { return hash(s)[:2] }
	for seed := range uint64(60) {
		var c Compiler
		s := gen.New(seed, 0).Snapshot
		for step := range uint64(10) {
			want := new(Compiler).compile(s, Options{Node: "n1"}, short)
			if diff := cmp.Diff(want, c.compile(s, Options{Node: "n1"}, short), compareNetip); diff != "" {
				t.Fatalf("seed %d step %d (-from scratch +incremental):\n%s", seed, step, diff)
			}
			s = gen.Edit(s, seed<<20|step)
		}
	}
}

// A mutable set that outgrows the usual capacity changes its name, one that does not keeps
// it whatever its members are.
func TestNameFollowsCapacity(t *testing.T) {
	names := map[int]SetName{}
	for _, n := range []int{0, 1, 32768, 32769, 65536, 65537} {
		s := &set{role: RolePeer, kind: Addresses, key: "k"}
		for i := range n {
			s.add(HostMember(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
		}
		s.seal(newNamer(hash))
		names[n] = s.names[0]
	}
	if names[0] != names[1] || names[1] != names[32768] {
		t.Errorf("the name changes below the usual capacity: %v", names)
	}
	if names[32768] == names[32769] || names[32769] != names[65536] || names[65536] == names[65537] {
		t.Errorf("the name does not follow the capacity: %v", names)
	}
}

func TestMaxElem(t *testing.T) {
	for n, want := range map[int]int{0: 65536, 32768: 65536, 32769: 131072, 65536: 131072, 65537: 262144} {
		if got := maxElem(n); got != want {
			t.Errorf("maxElem(%d) = %d, want %d", n, got, want)
		}
	}
}

// An unreadable podSelector must not leave its pods open.
func TestUnreadableSubjects(t *testing.T) {
	s := cluster(10)
	s.Policies = []*netv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns0", Name: "bad"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}},
			Ingress:     []netv1.NetworkPolicyIngressRule{{}},
		},
	}}
	p := Compile(s, "n1")
	if len(p.Problems) != 1 || p.Problems[0].Field != "spec.podSelector" {
		t.Errorf("problems: %v", p.Problems)
	}
	for _, c := range p.IPv4.Chains {
		if strings.HasPrefix(string(c.Name), string(ChainIngress)+"-") && len(c.Rules) != 1 {
			t.Errorf("the policy allows something: %v", c.Rules)
		}
	}
	if len(p.IPv4.Sets) != 1 || p.IPv4.Sets[0].Role != RoleIsolation || len(p.IPv4.Sets[0].Members) == 0 {
		t.Errorf("nobody is isolated: %v", p.IPv4.Sets)
	}
}

func TestExistingCut(t *testing.T) {
	for _, c := range CompileWith(model.Snapshot{}, Options{Node: "n1", Existing: Cut}).IPv4.Chains {
		if c.Name != ChainForward && c.Name != ChainHost {
			continue
		}
		want := []Rule{{Match{Related}, Return{}}, {Match{ReplyOfKnown}, Return{}}}
		if diff := cmp.Diff(want, c.Rules[:2]); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", c.Name, diff)
		}
	}
}

func TestChunks(t *testing.T) {
	var in []PortRange
	for i := range 20 {
		r := PortRange{uint16(10 * i), uint16(10 * i)}
		if i%3 == 0 {
			r.Last++
		}
		in = append(in, r)
	}
	total := 0
	for _, c := range chunks(in) {
		slots := 0
		for _, r := range c {
			slots += r.slots()
		}
		if slots > MaxSlots {
			t.Errorf("%v takes %d slots", c, slots)
		}
		total += len(c)
	}
	if total != len(in) {
		t.Errorf("%d ranges, want %d", total, len(in))
	}
}

func TestMerge(t *testing.T) {
	got := merge([]PortRange{{65535, 65535}, {80, 80}, {1, 10}, {5, 20}, {21, 21}, {80, 80}, {100, 65534}})
	want := []PortRange{{1, 21}, {80, 80}, {100, 65535}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The number of rules follows the policies that select a pod of the node, and nothing else:
// not the pods of the cluster, not those of the node, not the policies of other nodes.
func TestRuleCounts(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%8s %8s %8s %8s %8s %8s\n", "policies", "pods", "chains", "rules", "sets", "members")
	for _, policies := range []int{1, 10, 100, 1000} {
		for _, pods := range []int{100, 1000, 10000} {
			s := cluster(pods)
			for i := range policies {
				s.Policies = append(s.Policies, typical(i))
			}
			p := Compile(s, "n1").IPv4
			rules, members := 0, 0
			for _, c := range p.Chains {
				rules += len(c.Rules)
			}
			for _, x := range p.Sets {
				members += len(x.Members)
			}
			fmt.Fprintf(&b, "%8d %8d %8d %8d %8d %8d\n", policies, pods, len(p.Chains), rules, len(p.Sets), members)
		}
	}
	golden.Check(t, "testdata/rule-counts.txt", b.String())
}

// compareNetip lets cmp compare addresses.
var compareNetip = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// cluster has ten namespaces and 80 pods on n1, the others elsewhere.
func cluster(pods int) model.Snapshot {
	var s model.Snapshot
	for i := range 10 {
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: fmt.Sprint("ns", i), Labels: map[string]string{"team": fmt.Sprint(i % 3)}})
	}
	for i := range pods {
		node := "n1"
		if i >= 80 {
			node = "n2"
		}
		s.Pods = append(s.Pods, model.Pod{
			Namespace: fmt.Sprint("ns", i%10), Name: fmt.Sprint("p", i), Node: node,
			Labels: map[string]string{"app": fmt.Sprint(i % 50), "tier": fmt.Sprint(i % 4)},
			IPs:    []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})},
			Ports:  []model.Port{{Name: "http", Number: uint16(8000 + i%10), Protocol: corev1.ProtocolTCP}},
		})
	}
	return s
}

// typical is a policy with a two-selector peer, an ipBlock with an except, a port and a
// named port.
func typical(i int) *netv1.NetworkPolicy {
	port, name := intstr.FromInt32(443), intstr.FromString("http")
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("ns", i%10), Name: fmt.Sprint("p", i)},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": fmt.Sprint(i % 4)}},
			Ingress: []netv1.NetworkPolicyIngressRule{{
				From: []netv1.NetworkPolicyPeer{
					{
						NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprint(i % 3)}},
						PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint(i % 50)}},
					},
					{IPBlock: &netv1.IPBlock{CIDR: fmt.Sprintf("172.%d.0.0/16", i%250), Except: []string{fmt.Sprintf("172.%d.1.0/24", i%250)}}},
				},
				Ports: []netv1.NetworkPolicyPort{{Port: &port}, {Port: &name}},
			}},
		},
	}
}
