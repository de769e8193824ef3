package runner

import (
	"testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// A policy that isolates x for ingress, and then for egress instead: within x everything stays
// denied, by the client's node instead of the server's. Where these are two, nobody can keep
// both from allowing for a moment; on one node an engine can.
func TestTorn(t *testing.T) {
	c, err := cases.Parse("turned.txtar", []byte(`-- case.yaml --
title: A policy turns round
spec: none
features: [Ingress, Egress]
probes: [80/TCP]
steps:
- name: ingress
  do: [apply: in.yaml]
  expect: "* -> x/* deny"
- name: both
  do: [apply: both.yaml]
  expect: |
    * -> x/* deny
    x/* -> * deny
- name: ingress again
  do: [apply: in.yaml]
  expect: "* -> x/* deny"
- name: egress
  do: [apply: out.yaml]
  expect: "x/* -> * deny"
-- in.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {}, policyTypes: [Ingress]}
-- both.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
-- out.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {}, policyTypes: [Egress]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		if got := torn(onTheWay(c, step, both), wants(c, step, both)); len(got) != 0 {
			t.Errorf("step %q tears %d cells", c.Steps[step].Name, len(got))
		}
	}
	want := wants(c, 3, both)
	got := torn(onTheWay(c, 3, both), want)
	for k := range want {
		apart := (k.Client == "x/c") != (k.Server == "x/c") // on node 2; x/a and x/b are on node 1
		within := k.Client[0] == 'x' && k.Server[0] == 'x'
		if got[k] != (apart && within) {
			t.Errorf("%s -> %s %s: torn %t", k.Client, k.Server, k.Family, got[k])
		}
	}
	if want[cases.Cell{Client: "x/a", Server: "y/a", Family: model.IPv4, Kind: cases.Kind{Probe: c.Probes[0], Path: cases.PathPod}}] != model.Deny {
		t.Error("the case is not what it says")
	}
}
