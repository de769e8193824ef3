package migrate

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/cases"
)

// Every rule is backed by cases that there are, that have what it is about, and in whose
// policies it finds something.
func TestRulesAreBackedByCases(t *testing.T) {
	catalogue := map[string]cases.Case{}
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		catalogue[c.Name] = c
	}
	for _, rule := range Rules() {
		if len(rule.Cases) == 0 || len(rule.Features) == 0 {
			t.Errorf("%s has no cases or no features", rule.Name)
		}
		shown := map[cases.Feature]bool{}
		for _, name := range rule.Cases {
			c, ok := catalogue[name]
			if !ok {
				t.Errorf("%s: there is no case %s", rule.Name, name)
				continue
			}
			if !slices.ContainsFunc(rule.Features, c.HasFeature) {
				t.Errorf("%s: case %s has none of %v", rule.Name, name, rule.Features)
			}
			for _, f := range rule.Features {
				shown[f] = shown[f] || c.HasFeature(f)
			}
			if !finds(t, &rule, c) {
				t.Errorf("%s finds nothing in case %s", rule.Name, name)
			}
		}
		for _, f := range rule.Features {
			if !shown[f] {
				t.Errorf("%s: no case of it has %s", rule.Name, f)
			}
		}
	}
}

// finds reports whether a rule finds something in a state that the case goes through.
func finds(t *testing.T, rule *Rule, c cases.Case) bool {
	t.Helper()
	fake := cases.NewFakeCluster(model.IPv4, model.IPv6)
	var services []inventory.Service
	for _, step := range c.Steps {
		if err := fake.Do(step.Do...); err != nil {
			t.Fatalf("case %s: %v", c.Name, err)
		}
		for _, a := range step.Do {
			if s, ok := a.(cases.CreateService); ok {
				pod := cases.Ref{Namespace: s.Namespace, Name: s.Pod}
				services = append(services, inventory.Service{
					Namespace: fake.Namespace(s.Namespace), Name: s.Name, Type: corev1.ServiceType(s.Type),
					Selector: map[string]string{"pod": pod.Name}, ExternalTrafficPolicy: s.ExternalTrafficPolicy,
				})
			}
		}
		w := newWorld(Cluster{Inventory: inventory.Inventory{Snapshot: fake.Snapshot, Services: services}, Real: true})
		if len(rule.places(w)) > 0 {
			return true
		}
	}
	return false
}

// The page has every rule, and all engines that do something else by it.
func TestPageHasEveryRule(t *testing.T) {
	page, err := os.ReadFile("../../docs/migrate.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.SplitSeq(string(page), "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			rows[strings.Trim(cells[1], " `")] = cells[3]
		}
	}
	for _, r := range Rules() {
		row, ok := rows[r.Name]
		if !ok {
			t.Errorf("docs/migrate.md has no row for %s", r.Name)
		}
		for name := range r.Engines {
			if !strings.Contains(row, name) && len(r.From) == 0 && row != " the same " {
				t.Errorf("docs/migrate.md says nothing of %s in the row of %s: %s", name, r.Name, row)
			}
		}
	}
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.Name] || !kebab.MatchString(r.Name) {
			t.Errorf("rule %q is given twice, or is not kebab-case", r.Name)
		}
		seen[r.Name] = true
		if r.Title == "" || r.Spec == "" || r.Source == "" || (r.policy == nil) == (r.whole == nil) {
			t.Errorf("%s lacks a title, what is right, its source, or exactly one predicate", r.Name)
		}
		for name, b := range r.Engines {
			if !slices.Contains(EngineNames(), name) || b.Effect == Right || b.Does == "" || b.Source == "" {
				t.Errorf("%s: what %q does lacks a known engine, an effect, words or a source", r.Name, name)
			}
			if _, ok := parseVersion(b.Before); b.Before != "" && !ok {
				t.Errorf("%s: %s was mended in %q, which is no version", r.Name, name, b.Before)
			}
		}
	}
}

func TestParseEngine(t *testing.T) {
	for _, tc := range []struct{ text, want, err string }{
		{"cilium", "cilium", ""},
		{"cilium@1.16", "cilium@1.16", ""},
		{"cilium@v1.16.3", "cilium@1.16.3", ""},
		{"cillium", "", `unknown engine "cillium": did you mean cilium?`},
		{"weave", "", `unknown engine "weave": valid are azure-npm, azure-npm-windows, calico, calico-windows, cilium, kindnet, kube-network-policies, kube-router, reference`},
		{"cilium@latest", "", `version "latest" of cilium is none: write it as cilium@1.16`},
		{"cilium@", "", `version "" of cilium is none: write it as cilium@1.16`},
	} {
		got, err := ParseEngine(tc.text)
		if text := errText(err); text != tc.err || err == nil && got.String() != tc.want {
			t.Errorf("ParseEngine(%q) is %s, %q; want %s, %q", tc.text, got, text, tc.want, tc.err)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSeverityIsWhatChanges(t *testing.T) {
	for _, tc := range []struct {
		was, is Effect
		want    Severity
	}{
		{Right, Closed, Closes},
		{Open, Right, Closes},
		{Open, Closed, Closes},
		{Right, Open, Opens},
		{Closed, Right, Opens},
		{Right, Varies, Differs},
		{Varies, Closed, Differs},
		{Right, Right, ""},
		{Open, Open, ""},
		{Varies, Varies, ""},
	} {
		if got, _ := change(tc.was, tc.is); got != tc.want {
			t.Errorf("from %d to %d is %q, want %q", tc.was, tc.is, got, tc.want)
		}
	}
}

func policyOf(t *testing.T, spec string) *netv1.NetworkPolicy {
	t.Helper()
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name = "shop", "p"
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

// changes are findings as "severity rule field", for a policy between two engines.
func changes(t *testing.T, c Cluster, from, to string) (out []string) {
	t.Helper()
	var engines [2]Engine
	for i, name := range []string{from, to} {
		e, err := ParseEngine(name)
		if err != nil {
			t.Fatal(err)
		}
		engines[i] = e
	}
	for _, f := range Check(c, engines[0], engines[1]).Findings {
		out = append(out, strings.Join([]string{string(f.Severity), f.Rule, f.Field}, " "))
	}
	return out
}

func TestCheck(t *testing.T) {
	const windows = `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/28]}}]}, {ports: [{port: web}, {port: 80, protocol: SCTP}]}]}`
	const range32000 = `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}], ports: [{port: 32000, endPort: 32768}]}]}`
	for _, tc := range []struct {
		name, spec, from, to string
		want                 []string
	}{
		{"the AKS guide's policy for all", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`, "azure-npm", "cilium", []string{
			"closes ipblock-pods spec.egress[0].to[0].ipBlock", "closes ipblock-nodes spec.egress[0].to[0].ipBlock", "closes own-node-egress spec.policyTypes",
		}},
		{"addresses outside are nobody's", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 198.51.100.0/24}}]}]}`, "azure-npm", "cilium", nil},
		{"a range, before", range32000, "calico", "cilium@1.16", []string{"closes end-port spec.egress[0].ports[0]"}},
		{"a range, since", range32000, "calico", "cilium@1.17", nil},
		{"a range, today", range32000, "calico", "cilium", nil},
		{"a range, back", range32000, "cilium@1.16.9", "calico", []string{"opens end-port spec.egress[0].ports[0]"}},
		{"IPv6", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "2001:db8::/32"}}]}]}`, "azure-npm", "calico", []string{"closes ipv6-block spec.ingress[0].from[0].ipBlock"}},
		{"IPv6, to one that lacks it too", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "2001:db8::/32"}}]}]}`, "azure-npm", "kube-router@1.6", nil},
		{"all out", `{podSelector: {}, policyTypes: [Egress], egress: [{}]}`, "azure-npm", "cilium", nil},
		{"the same engine", `{podSelector: {}, policyTypes: [Egress]}`, "cilium", "cilium", nil},
		{"Windows lacks", `{podSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}, ingress: [{ports: [{port: web}, {port: 80, protocol: SCTP}]}]}`, "azure-npm-windows", "calico", []string{
			"closes sctp spec.ingress[0].ports[1]", "closes named-port-windows spec.ingress[0].ports[0]", "closes negative-selector-windows spec.podSelector.matchExpressions[0]",
		}},
		{"Windows, to an engine of Linux", `{podSelector: {}}`, "azure-npm-windows", "cilium", []string{"opens windows-nodes NetworkPolicy"}},
		{"Windows, to the other engine there", windows, "azure-npm-windows", "calico-windows", []string{
			"closes ipblock-except spec.ingress[0].from[0].ipBlock", "closes sctp spec.ingress[1].ports[1]", "closes named-port-windows spec.ingress[1].ports[0]",
		}},
		{"Windows, away from Calico", windows, "calico-windows", "reference", []string{
			"opens windows-nodes NetworkPolicy", "opens ipblock-except spec.ingress[0].from[0].ipBlock", "opens named-port-windows spec.ingress[1].ports[0]",
		}},
		{"Windows, to Calico there, of what it has", `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 80}]}]}`, "calico", "calico-windows", nil},
		{"two names for one engine", `{podSelector: {}, policyTypes: [Egress]}`, "kindnet", "kube-network-policies@1.0", nil},
		{"which has learned something", `{podSelector: {}, policyTypes: [Egress]}`, "kindnet", "kube-network-policies", []string{"closes own-node-egress spec.policyTypes"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Cluster{Inventory: inventory.Inventory{Snapshot: model.Snapshot{Policies: []*netv1.NetworkPolicy{policyOf(t, tc.spec)}}}}
			if diff := cmp.Diff(tc.want, changes(t, c, tc.from, tc.to)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whose addresses a block holds is decided by those of a cluster where they are known, by ranges
// where these were given, and else is said to be possible.
func TestWhoseAddressesABlockHolds(t *testing.T) {
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, p := range list {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	real := Cluster{Real: true}
	real.Pods = []model.Pod{
		{Namespace: "shop", Name: "web", IPs: []netip.Addr{netip.MustParseAddr("10.1.0.7")}},
		{Namespace: "shop", Name: "agent", HostNetwork: true, IPs: []netip.Addr{netip.MustParseAddr("192.168.0.4")}},
	}
	real.Nodes = []model.Node{{Name: "n1", IPs: []netip.Addr{netip.MustParseAddr("192.168.0.4")}, PodCIDRs: prefixes("10.1.0.0/24")}}
	for _, tc := range []struct {
		name, block, pods, nodes string
		except                   []string
		in                       Cluster
	}{
		{name: "known", block: "10.1.0.0/16", pods: "10.1.0.0/16 holds 1 pod, such as shop/web", in: real},
		{name: "with leading zeros, as old API servers took them", block: "010.1.0.0/16", pods: "10.1.0.0/16 holds 1 pod, such as shop/web", in: real},
		{name: "a range of a node", block: "10.1.0.128/25", pods: "10.1.0.128/25 holds addresses that node n1 gives to pods, 10.1.0.0/24", in: real},
		{name: "elsewhere", block: "10.2.0.0/16", in: real},
		{name: "excepted", block: "10.1.0.0/16", except: []string{"10.1.0.0/24"}, in: real},
		{name: "a node", block: "192.168.0.0/24", nodes: "192.168.0.0/24 holds 1 node, such as n1, and so pods with hostNetwork, such as shop/agent", in: real},
		{name: "everything", block: "0.0.0.0/0", pods: "0.0.0.0/0 holds all pods of its family", nodes: "0.0.0.0/0 holds all nodes of its family"},
		{name: "private", block: "10.20.30.0/24", pods: "10.20.30.0/24 may hold pods: their addresses are not known here", nodes: "10.20.30.0/24 may hold nodes: their addresses are not known here"},
		{name: "public", block: "203.0.113.0/24"},
		{name: "all but private ones", block: "0.0.0.0/0", except: []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"}},
		{
			name: "given ranges", block: "10.0.0.0/8", pods: "10.0.0.0/8 holds pods of 10.244.0.0/16",
			in: Cluster{PodRanges: prefixes("10.244.0.0/16"), NodeRanges: prefixes("172.18.0.0/16")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, ok := readBlock(&netv1.IPBlock{CIDR: tc.block, Except: tc.except})
			if !ok {
				t.Fatal("the block can't be read")
			}
			w := newWorld(tc.in)
			if got := w.holdsPods(b); got != tc.pods {
				t.Errorf("pods: %q, want %q", got, tc.pods)
			}
			if got := w.holdsNodes(b); got != tc.nodes {
				t.Errorf("nodes: %q, want %q", got, tc.nodes)
			}
		})
	}
}
