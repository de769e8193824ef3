package oracle_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// Objects that no API server takes, but that may have been stored by an older one, or be
// made up by a test. Pieces that no reading can fill with a meaning allow nothing.
func TestMalformedPorts(t *testing.T) {
	for _, tc := range []struct {
		name, ports string
	}{
		{"no name is no port, nor the name of ports without one", `[{port: ""}]`},
		{"a range that ends above all ports", `[{port: 1, endPort: 65536}]`},
		{"a range that begins below all ports", `[{port: 0, endPort: 8080}]`},
		{"a range that begins at a negative port", `[{port: -1, endPort: 8080}]`},
		{"a range that ends before it begins", `[{port: 80, endPort: 79}]`},
		{"a range without its begin", `[{endPort: 8080}]`},
		{"a range from a name", `[{port: web, endPort: 8080}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := world()
			for i := range s.Pods { // a port without a name, as most pods have
				s.Pods[i].Ports = append(s.Pods[i].Ports, model.Port{Number: 8080, Protocol: corev1.ProtocolTCP})
			}
			s.Policies = append(s.Policies, policy(t, `{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: `+tc.ports+`}]}`))
			for _, port := range []uint16{1, 79, 80, 8080, 65535} {
				f := flow(yb, xa, tcp, port)
				if got := oracle.Evaluate(s, f); got.Verdict != model.Deny {
					t.Errorf("%s: %s (%s), want Deny", f, got.Verdict, got.Reason)
				}
			}
		})
	}
}

// A podSelector that nobody can read selects neither nobody nor everybody: of the flows
// that depend on it nothing is known, of all others as much as before.
func TestUnreadablePodSelector(t *testing.T) {
	const reason = "undefined: whom x/p selects, as no API server takes its podSelector"
	for _, tc := range []struct {
		name, selector string
	}{
		{"operator that does not exist", `{matchExpressions: [{key: pod, operator: Like, values: [a]}]}`},
		{"In without values", `{matchExpressions: [{key: pod, operator: In}]}`},
		{"Exists with values", `{matchExpressions: [{key: pod, operator: Exists, values: [a]}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := world()
			s.Policies = append(s.Policies,
				policy(t, `{podSelector: `+tc.selector+`, policyTypes: [Ingress], ingress: [{}]}`),
				policy(t, `{podSelector: {}, policyTypes: [Egress]}`, "z", "closed"))
			for _, e := range []entry{
				{yb, xa, tcp, 80, model.Undefined, "ingress: " + reason},
				{xa, xb, tcp, 80, model.Undefined, "ingress: " + reason},
				{n1, xa, tcp, 80, model.Allow, "egress: not a pod; ingress: from the pod's own node n1"},
				{n2, xa, tcp, 80, model.Undefined, "ingress: " + reason},
				{za, xa, tcp, 80, model.Deny, "egress: isolated by z/closed, no rule matches"},
				{xa, yb, tcp, 80, model.Allow, "egress: not isolated; ingress: not isolated"},
				{ya, yb, tcp, 80, model.Allow, "egress: not isolated; ingress: not isolated"},
			} {
				f := flow(e.client, e.server, e.protocol, e.port)
				if got := oracle.Evaluate(s, f); got.Verdict != e.want || got.Reason != e.reason {
					t.Errorf("%s: got %s (%s), want %s (%s)", f, got.Verdict, got.Reason, e.want, e.reason)
				}
			}
		})
	}
}

// Selectors that API servers once took have their plain meaning: no label has such a value.
func TestSelectorOnceTaken(t *testing.T) {
	for _, tc := range []struct {
		name, podSelector, from string
		want                    model.Verdict // of y/b to x/a
	}{
		{"a subject in no value that there can be", `{matchExpressions: [{key: pod, operator: In, values: [not a value]}]}`, `[]`, model.Allow},
		{"a subject in that or in its own", `{matchExpressions: [{key: pod, operator: In, values: [not a value, a]}]}`, `[]`, model.Deny},
		{"a subject not in it", `{matchExpressions: [{key: pod, operator: NotIn, values: [not a value]}]}`, `[]`, model.Deny},
		{"a peer in it", `{}`, `[{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: In, values: [-]}]}}]}]`, model.Deny},
		{"a peer not in it", `{}`, `[{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [-]}]}}]}]`, model.Allow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := world()
			s.Policies = append(s.Policies, policy(t, `{podSelector: `+tc.podSelector+`, policyTypes: [Ingress], ingress: `+tc.from+`}`))
			if got := oracle.Evaluate(s, flow(yb, xa, tcp, 80)); got.Verdict != tc.want {
				t.Errorf("got %s (%s), want %s", got.Verdict, got.Reason, tc.want)
			}
		})
	}
}

// Of both directions unknown, or one unknown and one closed, a Deny is the stronger word:
// the flow does not happen whatever the unknown side would say.
func TestUnknownBesideClosed(t *testing.T) {
	const selector = `{matchExpressions: [{key: pod, operator: Like}]}`
	s := world()
	s.Policies = append(s.Policies,
		policy(t, `{podSelector: `+selector+`, policyTypes: [Egress]}`),
		policy(t, `{podSelector: {}, policyTypes: [Ingress]}`, "y", "closed"))
	for _, e := range []entry{
		{xa, yb, tcp, 80, model.Deny, "ingress: isolated by y/closed, no rule matches"},
		{xa, za, tcp, 80, model.Undefined, ""},
		{za, xa, tcp, 80, model.Allow, ""},
	} {
		f := flow(e.client, e.server, e.protocol, e.port)
		if got := oracle.Evaluate(s, f); got.Verdict != e.want || e.reason != "" && got.Reason != e.reason {
			t.Errorf("%s: got %s (%s), want %s (%s)", f, got.Verdict, got.Reason, e.want, e.reason)
		}
	}
}
