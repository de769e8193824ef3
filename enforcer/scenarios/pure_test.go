package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
)

// TestScenario15NotInWithSeveralValues: NotIn [a, b] is neither a nor b, for pods and for
// namespaces, as subject and as peer, on absent keys too.
//
// Source: NPM#4866, NPM#4831, NPM#4859.
//
// Level: pure, rules against the oracle.
//
// Lab: cases peer-expressions, peer-pod-operators and peer-namespaces-absent-keys.
func TestScenario15NotInWithSeveralValues(t *testing.T) {
	for _, key := range []string{"pod", "absent"} {
		for _, op := range []string{"In", "NotIn"} {
			term := fmt.Sprintf(`matchExpressions: [{key: %s, operator: %s, values: [a, b]}]`, key, op)
			space := fmt.Sprintf(`matchExpressions: [{key: ns, operator: %s, values: [x, z]}]`, op)
			for name, spec := range map[string]string{
				"pods":       `{podSelector: {}, ingress: [{from: [{podSelector: {` + term + `}}]}]}`,
				"namespaces": `{podSelector: {}, ingress: [{from: [{namespaceSelector: {` + space + `}}]}]}`,
				"both":       `{podSelector: {}, ingress: [{from: [{namespaceSelector: {` + space + `}, podSelector: {` + term + `}}]}]}`,
				"subjects":   `{podSelector: {` + term + `}, policyTypes: [Ingress, Egress]}`,
			} {
				t.Run(fmt.Sprintf("%s %s %s", key, op, name), func(t *testing.T) {
					s := with(t, world(), "x/p", spec, "z/closed", `{podSelector: {}}`)
					agree(t, s, everybody(s), "80/TCP")
				})
			}
		}
	}
	s := with(t, world(), "x/p", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: NotIn, values: [a, b]}]}}]}]}`)
	judge(t, s, "x/c > x/a:80/TCP allow", "x/b > x/a:80/TCP deny", "x/a > x/b:80/TCP deny", "y/c > x/a:80/TCP deny")
}

// TestScenario16NegativeNamespaceSelectorAndOutsiders: a namespaceSelector that consists of
// negations only selects pods, and nobody outside of the cluster.
//
// Source: NPM#4868.
//
// Level: pure, rules against the oracle.
//
// Lab: case peer-namespaces-absent-keys; there is no host outside of the cluster on the lab, so outsiders are judged here only.
func TestScenario16NegativeNamespaceSelectorAndOutsiders(t *testing.T) {
	for _, term := range []string{`{key: ns, operator: NotIn, values: ["y"]}`, `{key: absent, operator: DoesNotExist}`, `{key: ns, operator: NotIn, values: ["y"]}, {key: absent, operator: DoesNotExist}`} {
		s := with(t, world(), "x/p", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [`+term+`]}}]}]}`)
		judge(t, s, "203.0.113.9 > x/a:80/TCP deny", "2001:db8::9 > x/a6:80/TCP deny", "n2 > x/a:80/TCP deny", "z/a > x/a:80/TCP allow", "z/c6 > x/a6:80/TCP allow")
		if strings.Contains(term, "NotIn") {
			judge(t, s, "y/a > x/a:80/TCP deny", "y/c6 > x/a6:80/TCP deny")
		}
		agree(t, s, everybody(s), "80/TCP")
	}
}

// TestScenario17FiveInsOfFourteenValues: a selector of five In requirements with fourteen
// values each costs one set, not the product of their lengths.
//
// Source: NPM#4869.
//
// Level: pure; counts sets and members, and bounds the time of a compilation.
//
// Lab: not on the lab: what grows is counted here, packets would not show it.
func TestScenario17FiveInsOfFourteenValues(t *testing.T) {
	var terms, values []string
	for i := range 14 {
		values = append(values, fmt.Sprint("v", i))
	}
	for i := range 5 {
		terms = append(terms, fmt.Sprintf(`{key: k%d, operator: In, values: [%s]}`, i, strings.Join(values, ", ")))
	}
	s := world()
	for i := range 5 {
		podOf(&s, "x/b").Labels[fmt.Sprint("k", i)] = fmt.Sprint("v", i)
	}
	s = with(t, s, "x/p", `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [`+strings.Join(terms, ", ")+`]}}]}]}`)
	start := time.Now()
	p := plan.Compile(s, "n1")
	if took := time.Since(start); took > time.Second {
		t.Errorf("compiling took %s, want less than a second", took)
	}
	if n := len(p.IPv4.Sets); n > 3 {
		t.Errorf("%d sets, want isolation and peers only", n)
	}
	judge(t, s, "x/b > x/a:80/TCP allow", "x/c > x/a:80/TCP deny")
}

// TestScenario18MixedFamiliesOnSingleStack: an IPv6 block in a policy of an IPv4 cluster
// (and the reverse) leaves the pod isolated and the rest of the policy in force.
//
// Source: NPM ErrUnsupportedIPAddress (the whole policy is left out).
//
// Level: pure, rules against the oracle.
//
// Lab: case ipblock-one-family, on the dual-stack lab; the single-stack cluster is judged here.
func TestScenario18MixedFamiliesOnSingleStack(t *testing.T) {
	for n, client := range []string{"203.0.113.9", "2001:db8::9"} {
		s := world()
		for i := range s.Pods {
			s.Pods[i].IPs = s.Pods[i].IPs[n : n+1]
		}
		for i := range s.Nodes {
			s.Nodes[i].IPs = s.Nodes[i].IPs[n : n+1]
		}
		s = with(t, s, "x/p", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}, {ipBlock: {cidr: "2001:db8::/64"}}]}, {from: [{ipBlock: {cidr: "fd00:ffff::/64", except: ["fd00:ffff::/65"]}}, {ipBlock: {cidr: 10.9.0.0/16}}]}]}`)
		if p := plan.Compile(s, "n1"); len(p.Problems) > 0 {
			t.Errorf("problems: %v", p.Problems)
		}
		judge(t, s, client+" > x/a:80/TCP allow", "y/a > x/a:80/TCP deny", "x/b > x/a:80/TCP deny")
	}
}

// TestScenario19SpellingsOfCIDRs: all of a family, host bits, leading zeros (ipset reads
// them as octal), IPv4-mapped blocks, and IPv6 addresses that partial lists of "everything"
// forget.
//
// Source: NPM#4831, ipset's octal numbers, kube-router's ::/0.
//
// Level: pure, rules against the oracle; enforcer/cidr is fuzzed.
//
// Lab: cases ipblock-everything and ipblock-nested; the odd spellings are those of stored objects, which newer API servers warn of or refuse.
func TestScenario19SpellingsOfCIDRs(t *testing.T) {
	outside := []string{"203.0.113.9", "1.2.3.4", "10.20.0.1", "8.16.0.1", "0.0.0.1", "255.255.255.254", "2001:db8::9", "3fff::1", "64:ff9b::1", "fe80::1", "::2", "ffff::1"}
	for _, tc := range []struct {
		cidr string
		pins []string
	}{
		{"0.0.0.0/0", []string{"203.0.113.9 > x/a:80/TCP allow", "0.0.0.1 > x/a:80/TCP allow", "255.255.255.254 > x/a:80/TCP allow", "64:ff9b::1 > x/a6:80/TCP deny"}},
		{"1.2.3.4/0", []string{"203.0.113.9 > x/a:80/TCP allow", "3fff::1 > x/a6:80/TCP deny"}},
		{"::/0", []string{"3fff::1 > x/a6:80/TCP allow", "64:ff9b::1 > x/a6:80/TCP allow", "fe80::1 > x/a6:80/TCP allow", "::2 > x/a6:80/TCP allow", "203.0.113.9 > x/a:80/TCP deny"}},
		{"10.20.30.40/16", []string{"10.20.0.1 > x/a:80/TCP allow", "8.16.0.1 > x/a:80/TCP deny"}},
		{"010.020.0.0/16", []string{"10.20.0.1 > x/a:80/TCP allow", "8.16.0.1 > x/a:80/TCP deny"}},
		{"::ffff:10.20.0.0/112", []string{"10.20.0.1 > x/a:80/TCP allow", "8.16.0.1 > x/a:80/TCP deny"}},
		{"2001:DB8:0::5/32", []string{"2001:db8::9 > x/a6:80/TCP allow", "3fff::1 > x/a6:80/TCP deny"}},
		{"3fff::/20", []string{"3fff::1 > x/a6:80/TCP allow", "2001:db8::9 > x/a6:80/TCP deny"}},
	} {
		t.Run(tc.cidr, func(t *testing.T) {
			s := with(t, world(), "x/p", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: "`+tc.cidr+`"}}]}]}`)
			judge(t, s, tc.pins...)
			agree(t, s, slices.Concat(everybody(s), outside), "80/TCP")
		})
	}
}

// TestScenario20ExceptsAndUnions: what one block excepts, another may allow: in the same
// rule, in another rule, in another policy.
//
// Source: ipset's nomatch in a union answers no (measured; research of this project).
//
// Level: pure, rules against the oracle; proof draws thousands of such unions.
//
// Lab: cases ipblock-ingress-except-union and ipblock-egress-except-union.
func TestScenario20ExceptsAndUnions(t *testing.T) {
	const wide, inner = `{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}`, `{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.2.64/26]}}`
	for name, policies := range map[string][]string{
		"one rule":     {"x/p", `{podSelector: {}, ingress: [{from: [` + wide + `, ` + inner + `]}]}`},
		"two rules":    {"x/p", `{podSelector: {}, ingress: [{from: [` + wide + `]}, {from: [` + inner + `]}]}`},
		"two policies": {"x/p", `{podSelector: {}, ingress: [{from: [` + wide + `]}]}`, "x/q", `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [` + inner + `]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			judge(t, with(t, world(), policies...),
				"10.1.2.5 > x/a:80/TCP allow", "10.1.2.65 > x/a:80/TCP deny", "10.1.3.1 > x/a:80/TCP allow", "10.200.0.1 > x/a:80/TCP allow", "11.0.0.1 > x/a:80/TCP deny")
		})
	}
}

// TestScenario22BothEndsOnOneNode: an egress rule that allows must not keep the ingress
// policy of the other pod on the same node from being asked, nor the reverse.
//
// Source: kr#916, kr#984.
//
// Level: pure, rules against the oracle.
//
// Lab: cases stack-egress-stops-what-ingress-allows and stack-ingress-stops-what-egress-allows.
func TestScenario22BothEndsOnOneNode(t *testing.T) {
	const open, shut = `{podSelector: {}, policyTypes: [%s], %s: [{}]}`, `{podSelector: {}, policyTypes: [%s]}`
	for _, server := range []string{"y/b", "y/c"} { // on the same node, on another
		s := with(t, world(), "x/p", fmt.Sprintf(open, "Egress", "egress"), "y/p", fmt.Sprintf(shut, "Ingress"))
		judge(t, s, "x/a > "+server+":80/TCP deny", "x/a > z/b:80/TCP allow", "x/a6 > "+server+"6:80/TCP deny")
		s = with(t, world(), "x/p", fmt.Sprintf(shut, "Egress"), "y/p", fmt.Sprintf(open, "Ingress", "ingress"))
		judge(t, s, "x/a > "+server+":80/TCP deny", "z/a > "+server+":80/TCP allow", "x/a6 > "+server+"6:80/TCP deny")
	}
}

// TestScenario23NamedPortsDifferPerPod: one name is another number on each peer, and
// another protocol; it is looked up on the pod that is the destination.
//
// Source: cilium#30003, cilium#24779.
//
// Level: pure, rules against the oracle.
//
// Lab: cases port-named, port-named-udp and port-named-differs-per-pod.
func TestScenario23NamedPortsDifferPerPod(t *testing.T) {
	s := world()
	podOf(&s, "y/a").Ports = []model.Port{{Name: "web", Number: 8080, Protocol: corev1.ProtocolTCP}}
	podOf(&s, "y/b").Ports = []model.Port{{Name: "web", Number: 80, Protocol: corev1.ProtocolUDP}}
	podOf(&s, "y/c").Ports = nil
	egress := with(t, s, "x/p", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: web}]}]}`)
	judge(t, egress, "x/a > y/a:8080/TCP allow", "x/a > y/a:80/TCP deny", "x/a > y/b:80/TCP deny", "x/a > y/b:80/UDP deny",
		"x/a > y/c:80/TCP deny", "x/a > z/c:80/TCP allow", "x/a > z/c:8080/TCP deny", "x/a > 203.0.113.9:80/TCP deny")
	ingress := with(t, s, "y/p", `{podSelector: {}, ingress: [{ports: [{port: web}, {port: web, protocol: UDP}]}]}`)
	judge(t, ingress, "x/a > y/a:8080/TCP allow", "x/a > y/a:80/TCP deny", "x/a > y/b:80/UDP allow", "x/a > y/b:80/TCP deny", "x/a > y/c:80/TCP deny")
	agree(t, egress, everybody(s), "80/TCP", "8080/TCP", "80/UDP")
	agree(t, ingress, everybody(s), "80/TCP", "8080/TCP", "80/UDP")
}

// TestScenario26IngressPolicyLeavesEgressAlone: who is isolated for ingress only can still
// reach everybody.
//
// Source: kind#4193.
//
// Level: pure, rules against the oracle.
//
// Lab: cases isolation-deny-ingress and isolation-types-omitted.
func TestScenario26IngressPolicyLeavesEgressAlone(t *testing.T) {
	for _, types := range []string{"", "policyTypes: [Ingress], "} {
		s := with(t, world(), "x/p", `{podSelector: {}, `+types+`ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}`)
		for _, server := range []string{"y/a", "y/c", "z/b", "n1", "n2", "203.0.113.9"} {
			judge(t, s, "x/a > "+server+":80/TCP allow", "x/a > "+server+":53/UDP allow", "x/c > "+server+":3868/SCTP allow")
		}
		judge(t, s, "y/a > x/a:80/TCP deny", "x/b > x/a:80/TCP allow", "x/a6 > y/a6:80/TCP allow")
	}
}

// TestScenario27ProbesOfTheNode: under default deny the kubelet's probes, which come from
// the node's address, reach the node's own pods, over either family.
//
// Source: k3s#10030, kind#3875, knp#65.
//
// Level: pure; a packet of the node's does not pass FORWARD at all, and exec probes send none.
//
// Lab: case node-to-own-pods; the lab's node agent probes pods from the node's address. The probes of a real kubelet (HTTP, TCP, gRPC, exec) run on kind: suites/kindtest.
func TestScenario27ProbesOfTheNode(t *testing.T) {
	s := with(t, world(), "x/p", `{podSelector: {}, policyTypes: [Ingress, Egress]}`)
	judge(t, s, "n1 > x/a:80/TCP allow", "n16 > x/a6:80/TCP allow", "n2 > x/c:80/TCP allow", "n26 > x/c6:80/TCP allow",
		"n2 > x/a:80/TCP deny", "n26 > x/a6:80/TCP deny", "y/a > x/a:80/TCP deny")
	for n := range 2 { // single-stack
		one := s
		one.Pods = slices.Clone(s.Pods)
		for i := range one.Pods {
			one.Pods[i].IPs = one.Pods[i].IPs[n : n+1]
		}
		judge(t, one, one.Nodes[0].IPs[n].String()+" > x/a:80/TCP allow", one.Nodes[1].IPs[n].String()+" > x/a:80/TCP deny")
	}
}

// TestScenario28EgressToNodes: a pod that is denied all egress reaches neither another node nor,
// which is our choice, its own (through INPUT, where many enforcers have no rules).
//
// Source: AKS documentation (egress to the own node is not enforced), knp POSTROUTING.
//
// Level: pure, INPUT of the own node and FORWARD.
//
// Lab: case node-as-destination.
func TestScenario28EgressToNodes(t *testing.T) {
	s := with(t, world(), "x/p", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}`)
	judge(t, s, "x/a > n1:10250/TCP deny?", "x/a > n2:10250/TCP deny", "x/a6 > n16:10250/TCP deny?", "x/a6 > n26:10250/TCP deny",
		"x/a > y/a:80/TCP allow", "y/a > n1:10250/TCP allow", "n1 > x/a:80/TCP allow")
	s = with(t, world(), "x/p", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.168.0.1/32}}]}]}`)
	judge(t, s, "x/a > n1:10250/TCP allow", "x/a > n2:10250/TCP deny")
}

// TestScenario33LongNames: names of 253 and labels of 63 bytes that differ in their last
// byte, and one policy name in fifty namespaces, do not meet in one chain or set.
//
// Source: NPM#4611.
//
// Level: pure, rules against the oracle; enforcer/plan tests names whose hashes collide.
//
// Lab: cases names-long-labels, names-long-policies and isolation-same-name-in-two-namespaces.
func TestScenario33LongNames(t *testing.T) {
	s := world()
	label := strings.Repeat("l", 62)
	podOf(&s, "x/a").Labels["k"], podOf(&s, "x/b").Labels["k"] = label+"1", label+"2"
	name := "x/" + strings.Repeat("n", 252)
	const spec = `{podSelector: {matchLabels: {pod: c}}, ingress: [{from: [{podSelector: {matchLabels: {k: %s}}}]}]}`
	judge(t, with(t, s, name+"1", fmt.Sprintf(spec, label+"1")), "x/a > x/c:80/TCP allow", "x/b > x/c:80/TCP deny")
	judge(t, with(t, s, name+"1", fmt.Sprintf(spec, label+"1"), name+"2", fmt.Sprintf(spec, label+"2")), "x/a > x/c:80/TCP allow", "x/b > x/c:80/TCP allow", "y/b > x/c:80/TCP deny")

	long := strings.Repeat("s", 62)
	var policies, pins []string
	for i := range 50 {
		ns := fmt.Sprintf("%s%02d", long[2:], i)
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: ns, Labels: map[string]string{"ns": ns}})
		s.Pods = append(s.Pods, pod(ns+"/a", "n1", fmt.Sprintf("10.0.1.%d", 100+i)))
		policies = append(policies, ns+"/p", fmt.Sprintf(`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.%d/32}}]}]}`, i))
		pins = append(pins, fmt.Sprintf("203.0.113.%d > %s/a:80/TCP allow", i, ns), fmt.Sprintf("203.0.113.%d > %s/a:80/TCP deny", (i+1)%50, ns))
	}
	judge(t, with(t, s, policies...), pins...)
}

// TestScenario37EstablishedFlows: what becomes of an open flow that a new policy denies is
// what the mode says: it lives on (keep) or stalls (cut). Replies and related errors pass.
//
// Source: cal#6399, cal#2759, npa#305.
//
// Level: pure, later packets of the flow through the rules of both modes; proof does the same for thousands of flows.
//
// Lab: not judged on the lab: the API leaves it open. The engine's options have --existing, and later packets are judged here.
func TestScenario37EstablishedFlows(t *testing.T) {
	s := with(t, world(), "x/p", `{podSelector: {}, policyTypes: [Ingress, Egress]}`)
	for _, f := range flows(s, "y/a > x/a:80/TCP", "x/a > y/a:80/TCP", "y/a6 > x/a6:53/UDP") {
		for mode, lives := range map[plan.Existing]bool{plan.Keep: true, plan.Cut: false} {
			m := loaded(t, plan.CompileWith(s, plan.Options{Node: "n1", Existing: mode}))
			first := simnet.PacketOf(f)
			later, reply, related := first, first, first
			later.State, related.State = iptsim.Established, iptsim.Related
			reply.State, reply.Reply, reply.Src, reply.Dst = iptsim.Established, true, first.Dst, first.Src
			for name, got := range map[string]bool{
				"first": !passes(t, m, first), "later": passes(t, m, later) == lives, "reply": passes(t, m, reply), "related": passes(t, m, related),
			} {
				if !got {
					t.Errorf("existing=%s: %s packet of %s is judged wrongly", mode, name, f)
				}
			}
		}
	}
}

func loaded(t *testing.T, p plan.Plan) *iptsim.Machine {
	t.Helper()
	text, err := simnet.Render(p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := simnet.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// blocks is a policy that lets CIDRs in.
func blocks(key string, cidrs ...string) *netv1.NetworkPolicy {
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name, _ = strings.Cut(key, "/")
	p.UID, p.Generation = "uid-1", 1
	p.Spec.PodSelector = metav1.LabelSelector{}
	var peers []netv1.NetworkPolicyPeer
	for _, c := range cidrs {
		peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: c}})
	}
	p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers}}
	return p
}
