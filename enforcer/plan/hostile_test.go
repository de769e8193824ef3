package plan

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// hostile is a policy with a rule of so many peers and ports, by what makes each.
func hostile(peers, ports int, peer func(i int) netv1.NetworkPolicyPeer) *netv1.NetworkPolicy {
	p := typical(0)
	p.Name = "hostile"
	p.Spec.PolicyTypes = []netv1.PolicyType{netv1.PolicyTypeEgress}
	p.Spec.Ingress = nil
	var r netv1.NetworkPolicyEgressRule
	for i := range peers {
		r.To = append(r.To, peer(i))
	}
	for i := range ports {
		number := intstr.FromInt32(int32(1 + 2*i))
		r.Ports = append(r.Ports, netv1.NetworkPolicyPort{Port: &number})
	}
	p.Spec.Egress = []netv1.NetworkPolicyEgressRule{r}
	return p
}

// notApp selects the pods of the whole cluster that are not of app i.
func notApp(i int) netv1.NetworkPolicyPeer {
	return netv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{fmt.Sprint("x", i)}}},
	}}
}

func podsOf(i int) netv1.NetworkPolicyPeer {
	return netv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint("a", i)}}}
}

// inAll selects the pods of app i in the whole cluster.
func inAll(i int) netv1.NetworkPolicyPeer {
	p := podsOf(i)
	p.NamespaceSelector = &metav1.LabelSelector{}
	return p
}

// split has each peer of the policy's rule in a rule of its own.
func split(p *netv1.NetworkPolicy) *netv1.NetworkPolicy {
	all := p.Spec.Egress[0]
	p.Spec.Egress = nil
	for _, peer := range all.To {
		p.Spec.Egress = append(p.Spec.Egress, netv1.NetworkPolicyEgressRule{To: []netv1.NetworkPolicyPeer{peer}, Ports: all.Ports})
	}
	return p
}

// TestHostilePolicies: what one policy takes is bounded, whatever it asks for, and one that
// asks for more allows nothing and is told of.
func TestHostilePolicies(t *testing.T) {
	for _, tc := range []struct {
		name    string
		policy  *netv1.NetworkPolicy
		rules   int // most, of a family
		members int
		closed  bool
		unique  bool // each pod has labels of its own
	}{
		{"150 complements", hostile(150, 0, notApp), 20, 21000, false, false},
		{"300 complements", hostile(300, 0, notApp), 20, 21000, false, false},
		{"500 peers and 3000 ports", hostile(500, 3000, podsOf), 220, 21000, false, false},
		{"150 complements, a rule each", split(hostile(150, 0, notApp)), 20, 1000, true, false},
		{"500 peers and 3000 ports, a rule each", split(hostile(500, 3000, podsOf)), 20, 1000, true, false},
		{"500 peers, of labels that each pod has for itself", hostile(500, 0, inAll), 20, 1000, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := cluster(20000)
			if tc.unique {
				for i := range s.Pods {
					s.Pods[i].Labels = map[string]string{"tier": "0", "app": fmt.Sprint("p", i)}
				}
			}
			s.Policies = append(s.Policies, tc.policy)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			began := time.Now()
			var c Compiler
			p := c.Compile(s, Options{Node: "n1", Existing: Keep})
			took := time.Since(began)
			runtime.GC()
			runtime.ReadMemStats(&after)
			rules := 0
			for _, ch := range p.IPv4.Chains {
				rules += len(ch.Rules)
			}
			t.Logf("%d rules, %d members, %s, %.1f MiB kept", rules, p.IPv4.Members(), took.Round(time.Millisecond), float64(after.HeapAlloc-before.HeapAlloc)/(1<<20))
			runtime.KeepAlive(&c)
			if rules > tc.rules || p.IPv4.Members() > tc.members {
				t.Errorf("%d rules and %d members, want at most %d and %d", rules, p.IPv4.Members(), tc.rules, tc.members)
			}
			if closed := len(p.Problems) == 1 && strings.Contains(p.Problems[0].Detail, "too large"); closed != tc.closed {
				t.Errorf("problems %v, want one that the policy is too large: %t", p.Problems, tc.closed)
			}
		})
	}
}

// A namespace that takes all that it may, and pods elsewhere that its policies select come: that
// is noticed although nothing else changes, and its policy allows again when they are gone and
// it is looked at anew.
func TestBoundHoldsWhilePodsCome(t *testing.T) {
	few := cluster(29_000)
	few.Policies = []*netv1.NetworkPolicy{split(hostile(9, 1, notApp))}
	many := cluster(29_200)
	many.Policies = few.Policies
	var c Compiler
	opts := Options{Node: "n1", Existing: Keep}
	if p := c.Compile(few, opts); len(p.Problems) > 0 || p.IPv4.Members() < 9*29_000 {
		t.Fatalf("%d members, problems %v", p.IPv4.Members(), p.Problems)
	}
	if p := c.Compile(many, opts); len(p.Problems) != 1 || p.IPv4.Members() > 1000 {
		t.Errorf("200 pods more: %d members, problems %v", p.IPv4.Members(), p.Problems)
	}
	few.Policies = append(few.Policies[:1:1], typical(1))
	if p := c.Compile(few, opts); len(p.Problems) > 0 {
		t.Errorf("they are gone: %v", p.Problems)
	}
}
