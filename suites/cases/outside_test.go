package cases_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// What a host outside meets by each path, of which it has those that the Service opens: with pins
// that say the same of all of them.
func TestHostsOutsideByService(t *testing.T) {
	const block = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: in, namespace: x}\n" +
		"spec:\n  podSelector: {}\n  ingress:\n  - from:\n    - ipBlock: {cidr: 198.51.100.0/30}\n"
	for _, tc := range []struct {
		name, service string
		want          []string // of 198.51.100.2, and of 198.51.100.8, by path
	}{
		{"node port", "type: NodePort", []string{
			"nodeport Undefined Undefined", "nodeport-remote Undefined Deny",
		}},
		{"local node port", "type: NodePort, externalTrafficPolicy: Local", []string{
			"nodeport Allow Deny", "nodeport-remote Deny! Deny!",
		}},
		{"load balancer", "type: LoadBalancer", []string{
			"nodeport Undefined Undefined", "nodeport-remote Undefined Deny",
			"loadbalancer Undefined Undefined", "loadbalancer-remote Undefined Deny",
		}},
		{"local load balancer", "type: LoadBalancer, externalTrafficPolicy: Local", []string{
			"nodeport Allow Deny", "nodeport-remote Deny! Deny!",
			"loadbalancer Allow Deny", "loadbalancer-remote Deny! Deny!",
		}},
		{"ranges", `type: LoadBalancer, externalTrafficPolicy: Local, sourceRanges: [198.51.100.8/29, "2001:db8::/64"]`, []string{
			"nodeport Allow Deny", "nodeport-remote Deny! Deny!",
			"loadbalancer Deny! Deny", "loadbalancer-remote Deny! Deny!",
		}},
		{"cluster IP", "type: ClusterIP", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := archive(t, "probes: [80/TCP]\nworld: [198.51.100.2, 198.51.100.8]\npaths: [service, nodeport, nodeport-remote, loadbalancer, loadbalancer-remote]", `
- name: one
  do:
  - createService: {service: x/web, pod: x/a, ports: {8000: 80/TCP}, `+tc.service+`}
  - apply: deny.yaml
  - apply: in.yaml
-- in.yaml --
`+block)
			fake := cases.NewFakeCluster(dual...)
			if err := fake.Do(c.Steps[0].Do...); err != nil {
				t.Fatal(err)
			}
			told := map[cases.Path]string{}
			for _, k := range c.Cells(0, dual) {
				if cases.WorldAddr(k.Client).IsValid() {
					d, ok := fake.Verdict(k)
					told[k.Path] += " " + string(d.Verdict)
					if fake.Drops(k) != "" {
						told[k.Path] += "!"
					}
					if k.Server != "x/a" || !ok {
						t.Errorf("cell %+v: %+v", k, d)
					}
				}
			}
			var got []string
			for _, path := range cases.Paths() {
				if told[path] != "" {
					got = append(got, string(path)+told[path])
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A pin that forgets what the Service keeps out is a disagreement, and so is one that invents it.
func TestPinsOfPathsAreHeldAgainstServices(t *testing.T) {
	for pins, want := range map[string]int{
		"":                                    1,
		"world/* -> x/a deny nodeport-remote": 0,
		"world/* -> x/a deny":                 2, // by the node port, and by the pod's address
		"world/* -> x/a deny nodeport":        2,
	} {
		c := archive(t, "probes: [80/TCP]\nworld: [198.51.100.2]\npaths: [nodeport, nodeport-remote]", `
- name: one
  do:
  - createService: {service: x/web, pod: x/a, ports: {8000: 80/TCP}, type: NodePort, externalTrafficPolicy: Local}
  - apply: deny.yaml
  - delete: x/deny
  expect: "`+pins+`"`)
		fake := cases.NewFakeCluster(dual...)
		if err := fake.Do(c.Steps[0].Do...); err != nil {
			t.Fatal(err)
		}
		if got := cases.Disagreements(c, 0, fake.Snapshot, fake); len(got) != want {
			t.Errorf("%q: %d disagreements, want %d: %v", pins, len(got), want, got)
		}
	}
}

// A guest is one whom the ranges of sources hold.
func TestGuest(t *testing.T) {
	open := cases.Front{}
	some := cases.Front{SourceRanges: []netip.Prefix{netip.MustParsePrefix("203.0.113.8/29"), netip.MustParsePrefix("2001:db8:1::/48")}}
	var got []string
	for _, s := range []cases.Front{open, some} {
		for _, f := range model.Dual.List() {
			got = append(got, s.Guest(f).String())
		}
	}
	if want := []string{"198.51.100.0", "2001:db8::", "203.0.113.8", "2001:db8:1::"}; !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}
