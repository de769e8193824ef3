package explain

import (
	"net/netip"
	"strings"
	"testing"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

func pod(key, node string, ips ...string) model.Pod {
	ns, name, _ := strings.Cut(key, "/")
	p := model.Pod{UID: key, Namespace: ns, Name: name, Node: node, Labels: map[string]string{"pod": name}}
	for _, ip := range ips {
		p.IPs = append(p.IPs, netip.MustParseAddr(ip))
	}
	return p
}

// world has x/a and x/b on node n, y/c on node m. x/in isolates x/b for ingress and lets
// y/c and 192.0.2.0/24 in; x/out isolates x/a for egress, which may reach x/b only; x/both
// has no rules and isolates x/b for egress.
func world() model.Snapshot {
	pods := func(name string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{"pod": name}}
	}
	b := pods("b")
	policy := func(name, subject string, types ...netv1.PolicyType) *netv1.NetworkPolicy {
		return &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: name},
			Spec:       netv1.NetworkPolicySpec{PodSelector: pods(subject), PolicyTypes: types},
		}
	}
	in, out := policy("in", "b", netv1.PolicyTypeIngress), policy("out", "a", netv1.PolicyTypeEgress)
	in.Spec.Ingress = []netv1.NetworkPolicyIngressRule{
		{From: []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: "192.0.2.0/24"}}}},
		{From: []netv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"ns": "y"}}}}},
	}
	out.Spec.Egress = []netv1.NetworkPolicyEgressRule{{To: []netv1.NetworkPolicyPeer{{PodSelector: &b}}}}
	return model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}, {Name: "y", Labels: map[string]string{"ns": "y"}}},
		Nodes: []model.Node{{
			Name: "n", IPs: []netip.Addr{netip.MustParseAddr("10.1.0.1")},
			PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")},
		}},
		Pods: []model.Pod{
			pod("x/a", "n", "10.0.1.1", "fd00::1"), pod("x/b", "n", "10.0.1.2", "fd00::2"), pod("y/c", "m", "10.0.2.3", "fd00::3"), pod("y/d", "n", "10.0.1.4"),
		},
		Policies: []*netv1.NetworkPolicy{in, out, policy("both", "b", netv1.PolicyTypeEgress)},
	}
}

func TestExplain(t *testing.T) {
	s, links := world(), map[netip.Addr]string{netip.MustParseAddr("10.0.1.2"): "veth2"}
	p := plan.CompileWith(s, plan.Options{Node: "n", DenyUnknown: true, Links: links})
	for _, tc := range []struct {
		name, flow      string
		verdict         Verdict
		egress, ingress string // in the reasons
	}{
		{"by a block", "192.0.2.7,10.0.1.2,TCP,80", Allowed, "192.0.2.7 is none", "allowed by x/in: spec.ingress[0]"},
		{"by a namespace of another node", "10.0.2.3,10.0.1.2,UDP,53", Allowed, "ask the enforcer there", "allowed by x/in: spec.ingress[1]"},
		{"IPv6", "fd00::3,fd00::2,TCP,80", Allowed, "y/c is on node m", "allowed by x/in: spec.ingress[1]"},
		{"by nobody", "198.51.100.1,10.0.1.2,TCP,80", Dropped, "not judged", "dropped: x/b is isolated by x/in, and no rule matches"},
		{"both ends: egress allows and ingress drops", "10.0.1.1,10.0.1.2,TCP,80", Dropped, "allowed by x/out: spec.egress[0]", "dropped: x/b is isolated by x/in"},
		{"to itself", "10.0.1.2,10.0.1.2,TCP,80", Allowed, "to itself", "to itself"},
		{"egress drops, nobody isolates the server", "10.0.1.1,10.0.1.4,TCP,80", Dropped, "dropped: x/a is isolated by x/out", "allowed: no policy isolates y/d for ingress"},
		{"nobody isolates either", "10.0.1.4,10.0.1.1,TCP,80", Allowed, "no policy isolates y/d for egress", "no policy isolates x/a for ingress"},
		{"to the own node", "10.0.1.2,10.1.0.1,TCP,10250", Dropped, "dropped: x/b is isolated by x/both", "10.1.0.1 is none"},
		{"from the own node", "10.1.0.1,10.0.1.2,TCP,80", Allowed, "traffic of the node itself", "traffic of the node itself"},
		{"from an unknown pod", "10.0.1.77,10.0.1.4,TCP,80", Dropped, "no pod is known to own it", "no policy isolates y/d"},
		{"to an unknown pod", "10.0.1.4,10.0.1.77,TCP,80", Dropped, "no policy isolates y/d", "10.0.1.77 is in the podCIDR"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			flow, err := ParseFlow(tc.flow)
			if err != nil {
				t.Fatal(err)
			}
			a, err := Explain(Question{Flow: flow, Node: "n", Plan: p, Snapshot: s, Links: links})
			if err != nil {
				t.Fatal(err)
			}
			if a.Verdict != tc.verdict || !strings.Contains(a.Egress.Reason, tc.egress) || !strings.Contains(a.Ingress.Reason, tc.ingress) {
				t.Errorf("got\n%s", a)
			}
			if (a.Ingress.Verdict == Dropped) != (len(a.Ingress.Trace) > 0 && strings.Contains(a.Ingress.Trace[len(a.Ingress.Trace)-1], "DROP")) {
				t.Errorf("trace %q does not fit %s", a.Ingress.Trace, a.Ingress.Reason)
			}
		})
	}
}

func TestBadFlows(t *testing.T) {
	for _, tc := range []struct{ flow, want string }{
		{"", "CLIENT_IP"},
		{"10.0.0.1,10.0.0.2,TCP", "3 parts"},
		{"x/a,10.0.0.2,TCP,80", "kubectl get pod"},
		{"10.0.0.1,fe80::1%eth0,TCP,80", "server"},
		{"10.0.0.1,fd00::1,TCP,80", "two IP families"},
		{"10.0.0.1,10.0.0.2,ICMP,80", `"ICMP" is none of`},
		{"10.0.0.1,10.0.0.2,TCP,http", "1 to 65535"},
		{"10.0.0.1,10.0.0.2,TCP,0", "1 to 65535"},
	} {
		if _, err := ParseFlow(tc.flow); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", tc.flow, err, tc.want)
		}
	}
	if f, err := ParseFlow(" 10.0.0.1, ::ffff:10.0.0.2 ,udp,53"); err != nil || f.String() != "10.0.0.1 -> 10.0.0.2:53/UDP" {
		t.Errorf("a flow with blanks: %s (%v)", f, err)
	}
}
