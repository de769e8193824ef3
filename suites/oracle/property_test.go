package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// generator makes random policies that are about the pods of world.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) selector(keys ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	if g.IntN(3) == 0 {
		return s
	}
	key := pick(g, keys...)
	values := []string{pick(g, "a", "b", "x", "y", "red"), pick(g, "a", "z")}
	switch op := pick(g, "", "In", "NotIn", "Exists", "DoesNotExist"); op {
	case "":
		s.MatchLabels = map[string]string{key: values[0]}
	case "In", "NotIn":
		s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOperator(op), Values: values}}
	default:
		s.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOperator(op)}}
	}
	return s
}

func (g generator) peers() []netv1.NetworkPolicyPeer {
	var peers []netv1.NetworkPolicyPeer
	for range g.IntN(3) {
		var p netv1.NetworkPolicyPeer
		switch g.IntN(4) {
		case 0:
			p.PodSelector = g.selector("pod", "role")
		case 1:
			p.NamespaceSelector = g.selector("ns", "team")
		case 2:
			p.PodSelector, p.NamespaceSelector = g.selector("pod"), g.selector("ns", "team")
		default:
			p.IPBlock = &netv1.IPBlock{CIDR: pick(g, "0.0.0.0/0", "::/0", "10.0.1.0/24", "10.0.0.0/16", n1+"/32")}
			if g.IntN(2) == 0 {
				p.IPBlock.Except = []string{pick(g, "10.0.2.0/24", yb+"/32", "fd00::/64")}
			}
		}
		peers = append(peers, p)
	}
	return peers
}

func (g generator) ports() []netv1.NetworkPolicyPort {
	var ports []netv1.NetworkPolicyPort
	for range g.IntN(3) {
		var p netv1.NetworkPolicyPort
		if proto := pick(g, "", tcp, udp, sctp); proto != "" {
			p.Protocol = &proto
		}
		if port := pick(g, intstr.FromInt32(0), intstr.FromInt32(80), intstr.FromString("web"), intstr.FromString("dns")); port != intstr.FromInt32(0) {
			p.Port = &port
			if port.Type == intstr.Int && g.IntN(2) == 0 {
				end := int32(85)
				p.EndPort = &end
			}
		}
		ports = append(ports, p)
	}
	return ports
}

func (g generator) policy(n int) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name = pick(g, "x", "y", "z"), fmt.Sprintf("p%d", n)
	p.Spec.PodSelector = *g.selector("pod", "role")
	p.Spec.PolicyTypes = pick(g, nil, []netv1.PolicyType{"Ingress"}, []netv1.PolicyType{"Egress"}, []netv1.PolicyType{"Ingress", "Egress"})
	for range g.IntN(3) {
		p.Spec.Ingress = append(p.Spec.Ingress, netv1.NetworkPolicyIngressRule{From: g.peers(), Ports: g.ports()})
	}
	for range g.IntN(3) {
		p.Spec.Egress = append(p.Spec.Egress, netv1.NetworkPolicyEgressRule{To: g.peers(), Ports: g.ports()})
	}
	return p
}

func (g generator) snapshot() model.Snapshot {
	s := world()
	for n := range g.IntN(5) {
		s.Policies = append(s.Policies, g.policy(n))
	}
	return s
}

func (g generator) flow() model.Flow {
	v4 := []string{xa, xb, ya, yb, za, n1, n2, outside}
	v6 := []string{xa6, yb6, n16, "2001:db8::9"}
	from := pick(g, v4, v6)
	return flow(pick(g, from...), pick(g, from...), pick(g, tcp, udp, sctp), pick[uint16](g, 53, 80, 81, 85, 86))
}

// forEachState calls check with seeded random states and flows.
func forEachState(t *testing.T, rounds int, check func(t *testing.T, g generator, s model.Snapshot, f model.Flow)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	for i := range rounds {
		check(t, g, g.snapshot(), g.flow())
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, i)
		}
	}
}

// TestRuleNeverDenies: adding a rule to a policy that isolates that direction already
// turns no Allow into a Deny.
func TestRuleNeverDenies(t *testing.T) {
	changed := 0
	forEachState(t, 20000, func(t *testing.T, g generator, s model.Snapshot, f model.Flow) {
		before := oracle.Evaluate(s, f)
		if len(s.Policies) == 0 {
			return
		}
		p := s.Policies[g.IntN(len(s.Policies))]
		p.Spec.Ingress = append(p.Spec.Ingress, netv1.NetworkPolicyIngressRule{From: g.peers(), Ports: g.ports()})
		if len(p.Spec.PolicyTypes) > 0 || len(p.Spec.Egress) > 0 {
			p.Spec.Egress = append(p.Spec.Egress, netv1.NetworkPolicyEgressRule{To: g.peers(), Ports: g.ports()})
		}
		after := oracle.Evaluate(s, f)
		if before.Verdict == model.Allow && after.Verdict == model.Deny {
			t.Errorf("%s: %s became %s", f, before.Reason, after.Reason)
		}
		if before.Verdict != after.Verdict {
			changed++
		}
	})
	if changed == 0 {
		t.Error("no added rule changed any verdict: the generator is too tame")
	}
}

// TestOrderIsIrrelevant: policies, rules, peers, ports and pods can stand in any order.
func TestOrderIsIrrelevant(t *testing.T) {
	forEachState(t, 20000, func(t *testing.T, g generator, s model.Snapshot, f model.Flow) {
		before := oracle.Evaluate(s, f)
		s.Policies, s.Pods = slices.Clone(s.Policies), slices.Clone(s.Pods)
		slices.Reverse(s.Pods)
		g.Shuffle(len(s.Policies), func(i, j int) { s.Policies[i], s.Policies[j] = s.Policies[j], s.Policies[i] })
		for _, p := range s.Policies {
			slices.Reverse(p.Spec.Ingress)
			slices.Reverse(p.Spec.Egress)
			for i := range p.Spec.Ingress {
				slices.Reverse(p.Spec.Ingress[i].From)
				slices.Reverse(p.Spec.Ingress[i].Ports)
			}
		}
		if after := oracle.Evaluate(s, f); before.Verdict != after.Verdict {
			t.Errorf("%s: %s became %s", f, before.Reason, after.Reason)
		}
	})
}

// TestStatesAreVaried guards the two properties above: both verdicts are common.
func TestStatesAreVaried(t *testing.T) {
	count := map[model.Verdict]int{}
	forEachState(t, 5000, func(_ *testing.T, _ generator, s model.Snapshot, f model.Flow) {
		count[oracle.Evaluate(s, f).Verdict]++
	})
	for _, v := range []model.Verdict{model.Allow, model.Deny, model.Undefined} {
		if count[v] < 250 {
			t.Errorf("%s: %d of 5000 flows; the generator is too tame", v, count[v])
		}
	}
}

// TestIsolationIsOwn: a policy changes nothing for flows whose ends it does not select.
func TestIsolationIsOwn(t *testing.T) {
	forEachState(t, 10000, func(t *testing.T, g generator, s model.Snapshot, f model.Flow) {
		s.Policies = slices.DeleteFunc(s.Policies, func(p *netv1.NetworkPolicy) bool { return p.Namespace == "x" })
		before := oracle.Evaluate(s, f)
		deny := &netv1.NetworkPolicy{}
		deny.Namespace, deny.Name = "x", "deny"
		deny.Spec.PolicyTypes = []netv1.PolicyType{"Ingress", "Egress"}
		s.Policies = append(s.Policies, deny)
		after := oracle.Evaluate(s, f)
		inX := slices.ContainsFunc(s.Pods, func(p model.Pod) bool {
			return p.Namespace == "x" && (slices.Contains(p.IPs, f.Client) || slices.Contains(p.IPs, f.Server))
		})
		if !inX && before != after {
			t.Errorf("%s: %v became %v", f, before, after)
		}
	})
}
