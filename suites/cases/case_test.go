package cases_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

var (
	dual  = []model.Family{model.IPv4, model.IPv6}
	tcp80 = cases.Probe{Port: 80, Protocol: corev1.ProtocolTCP}
)

// archive is a case file with these steps and the policy deny.yaml, which isolates x.
func archive(t *testing.T, meta, steps string) cases.Case {
	t.Helper()
	c, err := cases.Parse("test.txtar", []byte(`-- case.yaml --
title: A title
spec: A sentence.
features: [Ingress]
`+meta+`
steps:
`+steps+`
-- deny.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: x}
spec:
  podSelector: {}
  policyTypes: [Ingress]
`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEveryUpstreamBehaviour: each test of the upstream suite that sends packets is named
// by a case.
func TestEveryUpstreamBehaviour(t *testing.T) {
	named := map[int]bool{}
	for _, c := range load(t) {
		for _, n := range c.Upstream {
			named[n] = true
		}
	}
	for n := 1; n <= cases.UpstreamCases; n++ {
		if !named[n] {
			t.Errorf("no case names upstream test %d", n)
		}
	}
}

// TestFeatures: each feature is needed by some case, and each case names what its policies
// obviously need.
func TestFeatures(t *testing.T) {
	used := map[cases.Feature]bool{}
	for _, c := range load(t) {
		for _, f := range c.Features {
			used[f] = true
		}
		for _, f := range c.Needed() {
			if !c.HasFeature(f) {
				t.Errorf("%s needs the feature %s", c.Name, f)
			}
		}
	}
	for _, f := range cases.Features() {
		if !used[f.Feature] || f.Description == "" {
			t.Errorf("feature %s is used by no case, or has no description", f.Feature)
		}
	}
}

// TestFixture holds what the placement promises: pairs on one node and across nodes,
// within a namespace and between namespaces.
func TestFixture(t *testing.T) {
	kinds := map[[2]bool]int{}
	pods := cases.FixturePods()
	for _, a := range pods {
		for _, b := range pods {
			if a.Key() != b.Key() {
				kinds[[2]bool{a.Node == b.Node, a.Namespace == b.Namespace}]++
			}
		}
	}
	want := map[[2]bool]int{{true, true}: 6, {true, false}: 12, {false, true}: 12, {false, false}: 42}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("pairs by (same node, same namespace) (-want +got):\n%s", diff)
	}
}

func TestWant(t *testing.T) {
	c := archive(t, "probes: [80/TCP, 81/TCP, 80/UDP]\nnodes: [client]", `
- name: one
  do:
  - createPod: {pod: x/d, node: 1}
  - apply: deny.yaml
  expect: |
    * -> x/*          deny
    x/b,y/* -> x/a    allow 80/TCP,*/UDP   # the later line wins
    */c -> x/a        allow IPv6
    node1 -> x/*      allow
- name: two
  do:
  - deletePod: x/d
`)
	probe := func(port uint16, p corev1.Protocol) cases.Probe { return cases.Probe{Port: port, Protocol: p} }
	for _, tc := range []struct {
		client, server string
		probe          cases.Probe
		family         model.Family
		want           model.Verdict
	}{
		{"z/a", "x/a", tcp80, "IPv4", model.Deny},
		{"x/b", "x/a", tcp80, "IPv4", model.Allow},
		{"x/b", "x/a", probe(80, "UDP"), "IPv4", model.Allow},
		{"x/b", "x/a", probe(81, "TCP"), "IPv4", model.Deny},
		{"y/c", "x/a", probe(81, "TCP"), "IPv4", model.Deny},
		{"y/c", "x/a", probe(81, "TCP"), "IPv6", model.Allow},
		{"x/a", "x/a", tcp80, "IPv4", model.Undefined},
		{"x/a", "y/a", tcp80, "IPv4", model.Allow},
		{"node/1", "x/c", tcp80, "IPv4", model.Allow},
		{"node/2", "x/c", tcp80, "IPv4", model.Deny},
		{"x/a", "node/2", tcp80, "IPv4", model.Undefined},
		{"node/1", "node/2", tcp80, "IPv4", model.Undefined},
	} {
		cell := cases.Cell{Client: tc.client, Server: tc.server, Family: tc.family, Kind: cases.Kind{Probe: tc.probe}}
		if got := c.Want(0, cell); got != tc.want {
			t.Errorf("%s -> %s %s %s: got %s, want %s", tc.client, tc.server, tc.probe, tc.family, got, tc.want)
		}
	}
	if got := c.Want(1, cases.Cell{Client: "z/a", Server: "x/a", Family: "IPv4", Kind: cases.Kind{Probe: tcp80}}); got != model.Allow {
		t.Errorf("a step's pins are its own: got %s", got)
	}
	if !slices.Contains(c.Keys(0), "x/d") || slices.Contains(c.Keys(1), "x/d") || len(c.Keys(1)) != 9 {
		t.Errorf("keys: %v, then %v", c.Keys(0), c.Keys(1))
	}
	if got := c.Steps[0].Expect[1].Line; got != 15 {
		t.Errorf("second expectation is at line %d, want 15", got)
	}
}

// TestForms: packets in a form are sent where lines name them, once, and mean nothing elsewhere.
func TestForms(t *testing.T) {
	c := archive(t, "probes: [80/UDP, ICMP]", `
- name: one
  do:
  - apply: deny.yaml
  expect: |
    * -> x/*    deny
    * -> x/*    observe ICMP
    y/*,x/b -> x/a  deny  80/UDP/as:y/a,80/UDP/as:node1
    y/b -> x/a  observe  80/UDP/as:y/a
    y/b -> x/a,y/b  observe  ICMP/nd
- name: two
  do:
  - delete: x/deny
`)
	var got []string
	for step := range c.Steps {
		for _, k := range c.Cells(step, dual) {
			if k.Probe.Form != "" {
				got = append(got, fmt.Sprintln(step, k.Client, k.Server, k.Probe, k.Family, c.Want(step, k)))
			}
		}
	}
	var want []string
	for _, form := range []string{"as:y/a", "as:node1"} {
		for _, client := range []string{"x/b", "y/a", "y/b", "y/c"} {
			for _, f := range dual {
				verdict := model.Deny
				if client == "y/b" && form == "as:y/a" {
					verdict = model.Undefined
				}
				want = append(want, fmt.Sprintln(0, client, "x/a", "80/UDP/"+form, f, verdict))
			}
		}
	}
	want = append(want, fmt.Sprintln(0, "y/b", "x/a", "ICMP/nd", model.IPv6, model.Undefined))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// TestDisagreements: a wrong pin is found, and named in full.
func TestDisagreements(t *testing.T) {
	c := archive(t, "", `
- name: one
  do:
  - apply: deny.yaml
  expect: |
    * -> x/*    deny
    y/b -> x/a  allow
`)
	fake := cases.NewFakeCluster(dual...)
	if err := fake.Do(c.Steps[0].Do...); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range cases.Disagreements(c, 0, fake.Snapshot, fake) {
		got = append(got, d.String())
	}
	line := `test: step "one": y/b -> x/a PROBE FAMILY: pinned Allow, the oracle says Deny (ingress: isolated by x-fake/deny, no rule matches)`
	var want []string
	for _, f := range dual {
		for _, p := range cases.DefaultProbes() {
			want = append(want, strings.NewReplacer("PROBE", p.String(), "FAMILY", string(f)).Replace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("disagreements (-want +got):\n%s", diff)
	}
}

// TestUndo: after the undone case the fixture is as before, wherever the case ended.
func TestUndo(t *testing.T) {
	want := shape(cases.NewFakeCluster(dual...).Snapshot)
	for _, c := range load(t) {
		for end := range c.Steps {
			fake := cases.NewFakeCluster(dual...)
			var todo []cases.Action
			for _, s := range c.Steps[:end+1] {
				todo = append(todo, s.Do...)
			}
			for _, a := range append(todo, c.Undo(end)...) {
				if err := fake.Do(a); err != nil {
					t.Fatalf("%s: %s: %v", c.Name, a, err)
				}
			}
			if diff := cmp.Diff(want, shape(fake.Snapshot)); diff != "" {
				t.Errorf("%s undone after step %d (-want +got):\n%s", c.Name, end, diff)
			}
		}
	}
}

// TestUndoOfEverything undoes what no case does: deleted pods and namespaces of the fixture.
func TestUndoOfEverything(t *testing.T) {
	c := archive(t, "", `
- name: one
  do:
  - apply: deny.yaml
  - deletePod: y/a
  - labelPod: {pod: y/b, labels: {pod: other, new: label}}
  - labelNamespace: {namespace: "y", labels: {ns: null}}
  - deleteNamespace: z
  - createNamespace: {namespace: w}
  - createPod: {pod: w/a, node: 1}
`[1:])
	fake := cases.NewFakeCluster(dual...)
	want := shape(fake.Snapshot)
	for _, a := range append(slices.Clone(c.Steps[0].Do), c.Undo(0)...) {
		if err := fake.Do(a); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
	}
	if diff := cmp.Diff(want, shape(fake.Snapshot)); diff != "" {
		t.Errorf("undone (-want +got):\n%s", diff)
	}
}

// shape is a snapshot without what a new pod may have anew: UID and addresses.
func shape(s model.Snapshot) model.Snapshot {
	s.Nodes, s.Pods, s.Namespaces = nil, slices.Clone(s.Pods), slices.Clone(s.Namespaces)
	for i := range s.Pods {
		s.Pods[i].UID, s.Pods[i].IPs = "", nil
	}
	if len(s.Policies) == 0 {
		s.Policies = nil
	}
	s.Sort()
	return s
}

// TestBind: placeholders become addresses per family, and the action is left as it was.
func TestBind(t *testing.T) {
	policy := &netv1.NetworkPolicy{}
	policy.Namespace, policy.Name = "x", "p"
	policy.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{
		{IPBlock: &netv1.IPBlock{CIDR: "${any}", Except: []string{"${pod:z/b/24/64}", "10.9.0.0/16"}}},
		{IPBlock: &netv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"${pod:node/2}"}}},
		{IPBlock: &netv1.IPBlock{CIDR: "${blocks:34}"}},
	}}}
	before := policy.DeepCopy()
	bound, err := cases.BindPolicy(policy, cases.NewFakeCluster(dual...))
	if err != nil {
		t.Fatal(err)
	}
	want := []netv1.NetworkPolicyPeer{
		{IPBlock: &netv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.244.3.0/24", "10.9.0.0/16"}}},
		{IPBlock: &netv1.IPBlock{CIDR: "::/0", Except: []string{"fd00:10:244:3::/64"}}},
		{IPBlock: &netv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"172.18.0.2/32"}}},
	}
	peers := bound.Spec.Ingress[0].From
	for i, cidr := range map[int]string{3: "198.18.0.0/31", 36: "198.18.1.8/31", 37: "2001:db8:b10c::0/127", 70: "2001:db8:b10c::108/127"} {
		if got := peers[i].IPBlock.CIDR; got != cidr {
			t.Errorf("block %d is %s, want %s", i, got, cidr)
		}
	}
	if diff := cmp.Diff(want, peers[:3]); diff != "" {
		t.Errorf("peers (-want +got):\n%s", diff)
	}
	if bound.Namespace != "x-fake" {
		t.Errorf("namespace %q", bound.Namespace)
	}
	if diff := cmp.Diff(before, policy); diff != "" {
		t.Errorf("the action was changed (-want +got):\n%s", diff)
	}
}

// TestAddressReuse: on a fake cluster, as on a node, a new pod can get the address of a dead one.
func TestAddressReuse(t *testing.T) {
	fake := cases.NewFakeCluster(dual...)
	pod := cases.Pod{Ref: cases.Ref{Namespace: "x", Name: "d"}, Labels: map[string]string{"pod": "d"}, Node: 1}
	other := pod
	other.Name = "e"
	var seen [][]netip.Addr
	for _, a := range []cases.Action{cases.CreatePod{Pod: pod}, cases.DeletePod{Ref: pod.Ref}, cases.CreatePod{Pod: other}} {
		if err := fake.Do(a); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, append(fake.PodIPs("x/d"), fake.PodIPs("x/e")...))
	}
	if len(seen[0]) != 2 || len(seen[1]) != 0 || !slices.Equal(seen[0], seen[2]) {
		t.Errorf("addresses %v", seen)
	}
}

// TestExceptsAreAdmissible: the API server refuses an except that is not strictly inside
// its cidr, so no case may have one.
func TestExceptsAreAdmissible(t *testing.T) {
	for _, c := range load(t) {
		fake := cases.NewFakeCluster(dual...)
		for _, s := range c.Steps {
			if err := fake.Do(s.Do...); err != nil {
				t.Fatal(err)
			}
			for _, p := range fake.Snapshot.Policies {
				for _, r := range p.Spec.Ingress {
					admissible(t, c.Name, r.From)
				}
				for _, r := range p.Spec.Egress {
					admissible(t, c.Name, r.To)
				}
			}
		}
	}
}

func admissible(t *testing.T, name string, peers []netv1.NetworkPolicyPeer) {
	t.Helper()
	for _, peer := range peers {
		if peer.IPBlock == nil {
			continue
		}
		cidr := netip.MustParsePrefix(peer.IPBlock.CIDR)
		for _, e := range peer.IPBlock.Except {
			except := netip.MustParsePrefix(e)
			if cidr.Bits() >= except.Bits() || !cidr.Contains(except.Addr()) {
				t.Errorf("%s: except %s is not strictly inside %s", name, except, cidr)
			}
		}
	}
}
