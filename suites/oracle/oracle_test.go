package oracle_test

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

const (
	tcp  = corev1.ProtocolTCP
	udp  = corev1.ProtocolUDP
	sctp = corev1.ProtocolSCTP

	deniedX = "ingress: isolated by x/p, no rule matches"
)

// entry is one flow and what the oracle must say; an empty reason is not compared.
type entry struct {
	client, server string
	protocol       corev1.Protocol
	port           uint16
	want           model.Verdict
	reason         string
}

// tables hold for each sentence of the specification one policy, x/p, and flows.
var tables = []struct {
	quote   string
	spec    string
	entries []entry
}{
	{
		"If this field is empty then this NetworkPolicy does not allow any traffic.",
		`{podSelector: {}, policyTypes: [Ingress]}`,
		[]entry{
			{xb, xa, tcp, 80, model.Deny, deniedX},
			{xb, xa, sctp, 80, model.Deny, deniedX},
			{outside, xa, tcp, 80, model.Deny, deniedX},
			{n2, xa, tcp, 80, model.Deny, deniedX},
			{xa, yb, tcp, 80, model.Allow, "egress: not isolated; ingress: not isolated"},
			{xa, outside, tcp, 80, model.Allow, "egress: not isolated; ingress: not a pod"},
		},
	},
	{
		"The only allowed connections into the pod are those from the pod's node and those allowed by the ingress list.",
		`{podSelector: {}, policyTypes: [Ingress, Egress]}`,
		[]entry{
			{n1, xa, tcp, 80, model.Allow, "egress: not a pod; ingress: from the pod's own node n1"},
			{n16, xa6, tcp, 80, model.Allow, ""},
			{n2, xa, tcp, 80, model.Deny, deniedX},
			{xa, n1, tcp, 80, model.Undefined, "undefined: to the pod's own node n1, which the page always allows and the API does not (egress: isolated by x/p, no rule matches)"},
			{xa, n2, tcp, 80, model.Deny, "egress: isolated by x/p, no rule matches"},
			{xa, xb, tcp, 80, model.Deny, "egress: isolated by x/p, no rule matches; " + deniedX},
		},
	},
	{
		"exception: a pod cannot block access to itself",
		`{podSelector: {}, policyTypes: [Ingress, Egress]}`,
		[]entry{
			{xa, xa, tcp, 80, model.Undefined, "undefined: x/a to itself"},
			{yb, yb, tcp, 80, model.Undefined, "undefined: y/b to itself"},
		},
	},
	{
		"The network plugin ignores hostNetwork pods when matching podSelector and namespaceSelector.",
		`{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {}}]}], egress: [{to: [{namespaceSelector: {}, podSelector: {}}]}]}`,
		[]entry{
			{za, xb, tcp, 80, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 peer 0"},
			{n2, xb, tcp, 80, model.Deny, deniedX},
			{xb, n1, tcp, 80, model.Undefined, ""},
			{n1, n2, tcp, 80, model.Allow, "egress: not a pod; ingress: not a pod"},
		},
	},
	{
		"Otherwise it selects the pods matching podSelector in the policy's own namespace.",
		`{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}`,
		[]entry{
			{xb, xa, tcp, 80, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 peer 0"},
			{yb, xa, tcp, 80, model.Deny, deniedX},
			{yb, xb, tcp, 80, model.Allow, ""},
		},
	},
	{
		"Otherwise it selects all pods in the namespaces selected by namespaceSelector.",
		`{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: z}}}, {namespaceSelector: {matchLabels: {ns: 'y'}}}]}]}`,
		[]entry{
			{ya, xa, tcp, 80, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 peer 1"},
			{yb6, xa6, tcp, 80, model.Allow, ""},
			{za, xa, tcp, 80, model.Allow, ""},
			{xb, xa, tcp, 80, model.Deny, deniedX},
		},
	},
	{
		"If podSelector is also set, then the NetworkPolicyPeer as a whole selects the pods matching podSelector in the namespaces selected by namespaceSelector.",
		`{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: b}}}]}]}`,
		[]entry{
			{yb, xa, tcp, 80, model.Allow, ""},
			{ya, xa, tcp, 80, model.Deny, ""},
			{xb, xa, tcp, 80, model.Deny, ""},
		},
	},
	{
		"NotIn and DoesNotExist match objects without the key.",
		`{podSelector: {matchExpressions: [{key: role, operator: DoesNotExist}]}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [red]}]}}]}]}`,
		[]entry{
			{xb, xa, tcp, 80, model.Allow, ""},
			{za, xa, tcp, 80, model.Allow, ""},
			{yb, xa, tcp, 80, model.Deny, deniedX},
		},
	},
	{
		"A selector that is not valid matches nothing.",
		`{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: In}]}}, {}, {ipBlock: {cidr: 0.0.0.0/0}, podSelector: {}}]}]}`,
		[]entry{{xb, xa, tcp, 80, model.Deny, deniedX}},
	},
	{
		"If this field is empty or missing, this rule matches all sources.",
		`{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [], ports: []}]}`,
		[]entry{
			{xb, xa, sctp, 4711, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0"},
			{outside, xa, udp, 1, model.Allow, ""},
		},
	},
	{
		"policies that contain an egress section are assumed to affect egress, and all policies are assumed to affect ingress.",
		`{podSelector: {matchLabels: {pod: a}}, egress: [{ports: [{port: 80}]}]}`,
		[]entry{
			{xa, yb, tcp, 80, model.Allow, "egress: allowed by x/p rule 0 port 0; ingress: not isolated"},
			{xa, yb, tcp, 81, model.Deny, ""},
			{xa, yb, udp, 80, model.Deny, ""},
			{yb, xa, tcp, 80, model.Deny, deniedX},
		},
	},
	{
		"If you want to write an egress-only policy, you must explicitly specify policyTypes [ Egress ].",
		`{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {pod: nobody}}}]}]}`,
		[]entry{
			{yb, xa, tcp, 80, model.Allow, "egress: not isolated; ingress: not isolated"},
			{xa, yb, tcp, 80, model.Deny, ""},
		},
	},
	{
		"protocol represents the protocol which traffic must match. If not specified, this field defaults to TCP.",
		`{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}, {protocol: UDP}]}]}`,
		[]entry{
			{yb, xa, tcp, 80, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 port 0"},
			{yb, xa, udp, 9999, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 port 1"},
			{yb, xa, tcp, 81, model.Deny, ""},
			{yb, xa, sctp, 80, model.Deny, ""},
		},
	},
	{
		"endPort indicates that the range of ports from port to endPort if set, inclusive, should be allowed by the policy.",
		`{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80, endPort: 90}, {port: web, endPort: 99}, {endPort: 7}, {port: 50, endPort: 40}]}]}`,
		[]entry{
			{yb, xa, tcp, 79, model.Deny, ""},
			{yb, xa, tcp, 80, model.Allow, ""},
			{yb, xa, tcp, 90, model.Allow, ""},
			{yb, xa, tcp, 91, model.Deny, ""},
			{yb, xa, tcp, 7, model.Deny, ""},
			{yb, xa, tcp, 45, model.Deny, ""},
			{yb, xa, udp, 85, model.Deny, ""},
		},
	},
	{
		"This can either be a numerical or named port on a pod.",
		`{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: dns, protocol: TCP}]}], egress: [{ports: [{port: web}]}]}`,
		[]entry{
			{xa, yb, tcp, 80, model.Allow, ""},
			{xa, ya, tcp, 81, model.Allow, ""},
			{xa, ya, tcp, 80, model.Deny, ""},
			{xa, ya, udp, 81, model.Deny, ""},
			{xa, yb, tcp, 53, model.Deny, ""},
			{yb, xa, tcp, 80, model.Deny, ""},
			{xa, outside, tcp, 80, model.Deny, ""},
			{xa, n1, tcp, 80, model.Undefined, ""},
			{yb, xa, tcp, 53, model.Deny, ""},
			{yb, xa, udp, 53, model.Deny, ""},
		},
	},
	{
		"The except entry describes CIDRs that should not be included within this rule.",
		`{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.2.0/24]}}, {ipBlock: {cidr: 10.0.2.5/32}}]}]}`,
		[]entry{
			{ya, xa, tcp, 80, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 peer 0"},
			{yb, xa, tcp, 80, model.Deny, deniedX},
			{za, xa, tcp, 80, model.Allow, "egress: not isolated; ingress: allowed by x/p rule 0 peer 1"},
			{yb6, xa6, tcp, 80, model.Deny, deniedX},
			{outside, xa, tcp, 80, model.Deny, deniedX},
		},
	},
	{
		"IPBlock describes a particular CIDR that is allowed: the node's address too, in both directions.",
		`{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 192.168.0.2/32}}]}], egress: [{to: [{ipBlock: {cidr: 192.168.0.1/32}}]}]}`,
		[]entry{
			{n2, xa, tcp, 80, model.Allow, ""},
			{xa, n1, tcp, 80, model.Allow, ""},
			{xa, n2, tcp, 80, model.Deny, ""},
		},
	},
}

func TestEvaluate(t *testing.T) {
	for _, table := range tables {
		t.Run(table.quote, func(t *testing.T) {
			s := world()
			s.Policies = append(s.Policies, policy(t, table.spec))
			for _, e := range table.entries {
				f := flow(e.client, e.server, e.protocol, e.port)
				got := oracle.Evaluate(s, f)
				if got.Verdict != e.want || (e.reason != "" && got.Reason != e.reason) {
					t.Errorf("%s: got %s (%s), want %s (%s)", f, got.Verdict, got.Reason, e.want, e.reason)
				}
			}
		})
	}
}

// TestCIDRText holds what CIDRs mean however they are written.
func TestCIDRText(t *testing.T) {
	for _, tc := range []struct {
		cidr, except string
		client       string
		want         model.Verdict
	}{
		{"0.0.0.0/0", "", yb, model.Allow},
		{"0.0.0.0/0", "", yb6, model.Deny},
		{"::/0", "", yb6, model.Allow},
		{"::/0", "", yb, model.Deny},
		{"10.0.2.77/24", "", yb, model.Allow},
		{"10.0.2.77/24", "10.0.2.9/31", yb, model.Allow},
		{"010.000.002.004/032", "", yb, model.Allow},
		{"::ffff:10.0.2.0/120", "", yb, model.Allow},
		{"::ffff:010.0.2.0/120", "", yb, model.Allow},
		{"::ffff:10.0.3.0/120", "", yb, model.Deny},
		{"10.0.0.0/8", "::ffff:10.0.2.0/120", yb, model.Deny},
		{"10.0.0.0/8", "::/0", yb, model.Allow},
		{"10.0.0.0/8", "10.0.0.0/8", yb, model.Deny},
		{"10.0.0.0/8", "nonsense", yb, model.Deny},
		{"10.0.2.4", "", yb, model.Deny},
		{"10.0.2.4/33", "", yb, model.Deny},
		{"10.0.2.256/8", "", yb, model.Deny},
		{"fd00::2:4%eth0/128", "", yb6, model.Deny},
		{"", "", yb, model.Deny},
	} {
		t.Run(tc.cidr+" except "+tc.except, func(t *testing.T) {
			spec := `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "` + tc.cidr + `"`
			if tc.except != "" {
				spec += `, except: ["` + tc.except + `"]`
			}
			s := world()
			s.Policies = append(s.Policies, policy(t, spec+"}}]}]}"))
			server := xa
			if netip.MustParseAddr(tc.client).Is6() {
				server = xa6
			}
			if got := oracle.Evaluate(s, flow(tc.client, server, tcp, 80)); got.Verdict != tc.want {
				t.Errorf("%s: got %s (%s), want %s", tc.client, got.Verdict, got.Reason, tc.want)
			}
		})
	}
}

// TestUnion: "Network policies do not conflict; they are additive."
func TestUnion(t *testing.T) {
	s := world()
	s.Policies = append(s.Policies,
		policy(t, `{podSelector: {}, policyTypes: [Ingress]}`, "x", "deny"),
		policy(t, `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: z}}}]}]}`, "x", "z"),
		policy(t, `{podSelector: {}, policyTypes: [Egress]}`, "z", "deny"))
	for _, e := range []entry{
		{yb, xa, tcp, 80, model.Deny, "ingress: isolated by x/deny, x/z, no rule matches"},
		{za, xa, tcp, 80, model.Deny, "egress: isolated by z/deny, no rule matches"},
	} {
		got := oracle.Evaluate(s, flow(e.client, e.server, e.protocol, e.port))
		if want := (oracle.Decision{Verdict: e.want, Reason: e.reason}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestSharedAddress: a state in which two pods have one address is not judged.
func TestSharedAddress(t *testing.T) {
	s := world()
	s.Pods[1].IPs = s.Pods[0].IPs
	got := oracle.Evaluate(s, flow(yb, xa, tcp, 80))
	want := oracle.Decision{Verdict: model.Undefined, Reason: "undefined: x/a and x/b have the same address"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
