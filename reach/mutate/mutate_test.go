package mutate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/mutate"
	"github.com/netassay/netassay/suites/oracle"
)

const shop = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: backup, namespace: ops, labels: {app: backup}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web, tier: front}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}
      podSelector: {matchExpressions: [{key: app, operator: In, values: [backup]}]}
    ports: [{port: 5432}, {port: 9000, endPort: 9010, protocol: UDP}]
  egress:
  - to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/26]}}]
    ports: [{port: 443}]
`

func policies(t *testing.T) []*netv1.NetworkPolicy {
	t.Helper()
	inv, err := manifests.Parse("shop.yaml", []byte(shop), manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return inv.Policies
}

func TestMistakes(t *testing.T) {
	var b strings.Builder
	kinds := map[mutate.Kind]bool{}
	for _, m := range mutate.Mistakes(policies(t)) {
		kinds[m.Kind] = true
		fmt.Fprintf(&b, "%s: %s\n", m.Kind, m)
	}
	golden.Check(t, "testdata/mistakes.txt", b.String())
	for _, k := range mutate.Kinds() {
		if !kinds[k] && k != mutate.DirectionAdded { // this policy has both
			t.Errorf("no mistake is of the kind %q", k)
		}
	}
}

// A mistake changes one policy, and leaves what it is made from as it was.
func TestMistakesChangeOnePolicyAlone(t *testing.T) {
	made := 0
	for seed := range uint64(200) {
		s := gen.New(seed, 0).Snapshot
		before, err := yaml.Marshal(s.Policies)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mutate.Mistakes(s.Policies) {
			made++
			changed := 0
			for _, p := range s.Policies {
				if !slices.Contains(m.Policies, p) {
					changed++
				}
			}
			if changed != 1 {
				t.Fatalf("seed %d: %s changes %d policies", seed, m, changed)
			}
			if m.Kind != mutate.PolicyRemoved && slices.ContainsFunc(m.Policies, func(p *netv1.NetworkPolicy) bool { return slices.Contains(oracle.PolicyTypes(&p.Spec), "") }) {
				t.Fatalf("seed %d: %s has a policy without a direction", seed, m)
			}
		}
		after, err := yaml.Marshal(s.Policies)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			t.Fatalf("seed %d: the policies were changed (-before +after):\n%s", seed, diff)
		}
	}
	t.Logf("%d mistakes", made)
}

// What nobody notices is told with a line that would: added, it notices that mistake.
func TestLinesOfUnnoticedMistakesNoticeThem(t *testing.T) {
	inv, err := manifests.Parse("shop.yaml", []byte(shop), manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lines := "shop/web -> shop/db allow 5432"
	for round := 0; ; round++ {
		all, err := assert.ParseLines("e.yaml", 1, "shop", lines)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := assert.NewPlan(inv, all)
		if err != nil {
			t.Fatal(err)
		}
		if report := plan.Check(); report.Failed() > 0 {
			t.Fatalf("round %d: what was offered does not hold: %+v", round, report)
		}
		m := mutate.Judge(inv, plan, func(int, int) {})
		if round == 0 {
			var b strings.Builder
			if err := m.Table(&b); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/matrix.txt", b.String())
		}
		unnoticed := m.Count(mutate.Unnoticed)
		if unnoticed == 0 {
			if round == 0 {
				t.Error("one line notices every mistake: the test shows nothing")
			}
			return
		}
		i := slices.IndexFunc(m.Mistakes, func(j mutate.Judged) bool { return j.Outcome == mutate.Unnoticed })
		lines += "\n" + m.Mistakes[i].Example.Line()
		if round > len(m.Mistakes) {
			t.Fatalf("%d mistakes are still unnoticed after %d lines", unnoticed, round)
		}
	}
}
