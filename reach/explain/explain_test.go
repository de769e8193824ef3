package explain

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/suites/oracle"
)

const pods = `
apiVersion: v1
kind: Namespace
metadata: {name: x, labels: {team: red}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: x, labels: {app: alpha}}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: x, labels: {app: beta}}
spec: {containers: [{ports: [{name: web, containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: x}
spec: {clusterIP: 10.96.0.7, ports: [{port: 80}]}
---
`

// policy is one of namespace x.
func policy(name, spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name + ", namespace: x}\nspec: " + spec + "\n---\n"
}

func TestNear(t *testing.T) {
	for _, tc := range []struct {
		name, policies string
		want           model.Verdict
		near           string // in one finding; "" for none at all
	}{
		{"nothing near", policy("p", "{podSelector: {matchLabels: {app: beta}}, ingress: [{from: [{podSelector: {matchLabels: {app: alpha}}}]}]}"), model.Allow, ""},
		{"value", policy("p", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: alpa}}}]}]}"), model.Deny, "x/p spec.ingress[0].from[0].podSelector: matches no pod of namespace x: nothing there is app=alpa; did you mean app=alpha?"},
		{"key", policy("p", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {ap: alpha}}}]}]}"), model.Deny, "nothing there has a label ap; did you mean app?"},
		{"expression", policy("p", "{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [alpah]}]}}]}]}"), model.Deny, "did you mean app=alpha?"},
		{"namespace", policy("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: rde}}}]}]}"), model.Deny, "x/p spec.ingress[0].from[0].namespaceSelector: matches no namespace: nothing there is team=rde; did you mean team=red?"},
		{"subject", policy("p", "{podSelector: {matchLabels: {app: bet}}}"), model.Allow, "x/p spec.podSelector: selects no pod of namespace x: nothing there is app=bet; did you mean app=beta?"},
		{"port", policy("p", "{podSelector: {matchLabels: {app: beta}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 81}]}]}"), model.Deny, "x/p spec.ingress[0].ports: the rule is about these two, and not about 80/TCP: it has 81/TCP"},
		{"named port", policy("p", "{podSelector: {matchLabels: {app: beta}}, ingress: [{from: [{podSelector: {}}], ports: [{port: wbe}]}]}"), model.Deny, "x/p spec.ingress[0].ports[0]: x/b declares no port of the name wbe; did you mean web?"},
		{"egress without DNS", policy("p", "{podSelector: {matchLabels: {app: alpha}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: 80}]}]}"), model.Allow, "x/a may not ask any DNS server"},
		{"egress with DNS", policy("p", "{podSelector: {matchLabels: {app: alpha}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: 80}]}, {ports: [{port: 53, protocol: UDP}]}]}"), model.Allow, ""},
		{
			"one side", policy("p", "{podSelector: {matchLabels: {app: alpha}}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]}") +
				policy("q", "{podSelector: {matchLabels: {app: beta}}, ingress: [{from: [{podSelector: {}}]}]}"), model.Deny,
			"the ingress of x/b lets it in, and the egress of x/a does not let it out: both have to",
		},
		{
			"the other side", policy("p", "{podSelector: {matchLabels: {app: alpha}}, policyTypes: [Egress], egress: [{}]}") +
				policy("q", "{podSelector: {matchLabels: {app: beta}}}"), model.Deny,
			"the egress of x/a lets it out, and the ingress of x/b does not let it in: both have to",
		},
		{"block of pods", policy("p", "{podSelector: {matchLabels: {app: beta}}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/24}}]}]}"), model.Allow, "10.244.0.0/24 holds addresses of 2 pods, and pods' addresses change: select pods by labels"},
		{"block of a Service", policy("p", "{podSelector: {matchLabels: {app: alpha}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]}"), model.Deny, "10.96.0.0/16 holds the address of Service x/s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := explained(t, pods+tc.policies, Port{corev1.ProtocolTCP, 80})
			if got := e.Answers[0].Verdict; got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			found := tc.near == "" && len(e.Near) == 0
			for _, f := range e.Near {
				found = found || tc.near != "" && strings.Contains(f.String(), tc.near)
			}
			if !found {
				t.Errorf("near: %v, want %q", e.Near, tc.near)
			}
		})
	}
	e := explained(t, pods, Port{corev1.ProtocolTCP, 81})
	if want := "x/b declares 80/TCP, and not 81/TCP: does anything listen there?"; len(e.Near) != 1 || e.Near[0].String() != want {
		t.Errorf("near: %v, want %s", e.Near, want)
	}
}

// explained explains the flow from x/a to x/b.
func explained(t *testing.T, text string, port Port) *Explanation {
	t.Helper()
	v, err := manifests.Parse("f", []byte(text), manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := matrix.Of(v, matrix.Options{})
	ends := [2]int{}
	for i, name := range []string{"x/a", "x/b"} {
		found, err := m.Named(name, "")
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", name, found, err)
		}
		ends[i] = found[0]
	}
	e, err := Flow(v, m, ends[0], ends[1], port)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Text(&b); err != nil || !strings.Contains(b.String(), "x/a → x/b") {
		t.Errorf("%v\n%s", err, &b)
	}
	return e
}

// An explanation says of each side what the oracle says in the whole state.
func TestAnswersAreTheOracles(t *testing.T) {
	told := 0
	for seed := range uint64(300) {
		s := gen.New(seed, 0).Snapshot
		r := rand.New(rand.NewPCG(seed, 1))
		v := &inventory.Inventory{Snapshot: s}
		m := matrix.Of(v, matrix.Options{})
		for i := range s.Pods {
			for j := range s.Pods {
				from, ok := m.ByPod(i)
				to, okTo := m.ByPod(j)
				if !ok || !okTo || i == j || from == to {
					continue
				}
				port := Port{[]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP}[r.IntN(2)], uint16(1 + r.IntN(100))}
				e, err := Flow(v, m, from, to, port)
				if err != nil {
					continue
				}
				for _, a := range e.Answers {
					f := model.Flow{Client: a.Families[0].First(s.Pods[i].IPs), Server: a.Families[0].First(s.Pods[j].IPs), Protocol: port.Protocol, Port: port.Number}
					told++
					if want := oracle.Evaluate(s, f); a.Verdict != want.Verdict {
						t.Fatalf("seed %d: %s: %+v, and the oracle says %+v", seed, f, a, want)
					}
				}
			}
		}
	}
	t.Logf("%d answers", told)
	if told < 1000 {
		t.Errorf("%d answers: the property has lost its way", told)
	}
}
