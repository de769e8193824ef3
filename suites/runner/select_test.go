package runner

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

func few() []cases.Case {
	return []cases.Case{
		{Name: "ipblock-egress", Features: []cases.Feature{cases.IPBlock, cases.Egress}},
		{Name: "ipblock-ingress", Features: []cases.Feature{cases.IPBlock, cases.Ingress}},
		{Name: "port-range", Features: []cases.Feature{cases.EndPort, cases.Ingress}},
	}
}

func names(all []cases.Case) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.Name)
	}
	return out
}

func TestSelect(t *testing.T) {
	tests := []struct {
		name string
		sel  Selection
		want []string
		err  string // contained
	}{
		{name: "everything", want: []string{"ipblock-egress", "ipblock-ingress", "port-range"}},
		{name: "by name", sel: Selection{Cases: []string{"port-range"}}, want: []string{"port-range"}},
		{name: "by glob", sel: Selection{Cases: []string{"ipblock-*"}}, want: []string{"ipblock-egress", "ipblock-ingress"}},
		{name: "in the given order", sel: Selection{Cases: []string{"port-*", "*-egress"}}, want: []string{"ipblock-egress", "port-range"}},
		{name: "by feature", sel: Selection{Features: []string{"EndPort", "Egress"}}, want: []string{"ipblock-egress", "port-range"}},
		{name: "without a feature", sel: Selection{SkipFeatures: []string{"IPBlock"}}, want: []string{"port-range"}},
		{name: "all at once", sel: Selection{Cases: []string{"ipblock-*"}, Features: []string{"Ingress"}, SkipFeatures: []string{"Egress"}}, want: []string{"ipblock-ingress"}},
		{name: "a misspelt case", sel: Selection{Cases: []string{"port-rnge"}}, err: `unknown case "port-rnge": did you mean port-range?`},
		{name: "a glob without a match", sel: Selection{Cases: []string{"xyz*"}}, err: `unknown case "xyz*"`},
		{name: "a misspelt feature", sel: Selection{Features: []string{"EndPorts"}}, err: `unknown feature "EndPorts": did you mean EndPort`},
		{name: "a misspelt feature to skip", sel: Selection{SkipFeatures: []string{"sctpp"}}, err: "did you mean SCTP"},
		{name: "a broken glob", sel: Selection{Cases: []string{"[a"}}, err: "syntax error in pattern"},
		{name: "nothing left", sel: Selection{Features: []string{"IPBlock"}, SkipFeatures: []string{"IPBlock"}}, err: "no case is left"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Select(few(), tc.sel)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want one line with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, names(got)); diff != "" {
				t.Errorf("chosen (-want +got):\n%s", diff)
			}
		})
	}
}

// The order depends on the seed alone, not on the order of the files.
func TestShuffledBySeed(t *testing.T) {
	all := loadCases(t)
	reversed := slices.Clone(all)
	slices.Reverse(reversed)
	if diff := cmp.Diff(names(shuffled(all, 5)), names(shuffled(reversed, 5))); diff != "" {
		t.Errorf("order depends on the input (-want +got):\n%s", diff)
	}
	if slices.Equal(names(shuffled(all, 5)), names(shuffled(all, 6))) {
		t.Error("two seeds, one order")
	}
	sorted := names(shuffled(all, 5))
	slices.Sort(sorted)
	if diff := cmp.Diff(names(all), sorted); diff != "" {
		t.Errorf("cases were lost or doubled (-want +got):\n%s", diff)
	}
}

// What a profile says that an engine lacks is what cases are sorted by.
func TestProfilesNameFeatures(t *testing.T) {
	for _, p := range slices.Concat(registry.Profiles(), registry.OnWindows()) {
		for _, l := range p.Unsupported {
			if l.Feature != "" && !slices.Contains(cases.FeatureNames(), l.Feature) {
				t.Errorf("%s lacks %s, which is no feature", p.Name, l.Feature)
			}
		}
	}
}

func TestTriage(t *testing.T) {
	v4, dual := []model.Family{model.IPv4}, []model.Family{model.IPv4, model.IPv6}
	no6 := []engines.Unsupported{{Family: model.IPv6, Reason: "IPv4 alone", Then: engines.Closed}}
	full := conditions{nodes: 3, families: dual}
	tests := []struct {
		name string
		k    conditions
		c    cases.Case
		want v1.Outcome // "" runs
	}{
		{"nothing special", conditions{nodes: 1, families: v4}, cases.Case{}, ""},
		{"nodes on three nodes", full, cases.Case{Nodes: []cases.NodeRole{cases.NodeClient}}, ""},
		{"nodes on two", conditions{nodes: 2, families: dual}, cases.Case{Nodes: []cases.NodeRole{cases.NodeClient}}, v1.Skipped},
		{"two families on two", full, cases.Case{Features: []cases.Feature{cases.DualStack}}, ""},
		{"hosts outside where there are none", full, cases.Case{World: []netip.Addr{netip.MustParseAddr("2001:db8::")}}, v1.Skipped},
		{"an address that nobody can ask for", full, cases.Case{Steps: []cases.Step{{Do: []cases.Action{cases.CreatePod{Pod: cases.Pod{AddressOf: "x/d"}}}}}}, v1.Skipped},
		{"a pod in the network of its node where that is forbidden", conditions{nodes: 3, families: dual, restricted: true}, cases.Case{Steps: []cases.Step{{Do: []cases.Action{cases.CreatePod{Pod: cases.Pod{HostNetwork: true}}}}}}, v1.Skipped},
		{"node ports that Services of the fixture would need", conditions{nodes: 3, families: dual, ownPorts: true}, cases.Case{Paths: []cases.Path{cases.PathNodePort}}, v1.Skipped},
		{"a restart of the engine where nobody can", full, cases.Case{Steps: []cases.Step{{Do: []cases.Action{cases.Restart{Part: cases.Engine}}}}}, v1.Skipped},
		{"a restart of the API server where nobody can", full, cases.Case{Steps: []cases.Step{{Do: []cases.Action{cases.Restart{Part: cases.APIServer}}}}}, v1.Skipped},
		{"two families on one", conditions{nodes: 3, families: v4}, cases.Case{Features: []cases.Feature{cases.DualStack}}, v1.Skipped},
		{
			"unsupported",
			conditions{nodes: 3, families: dual, unsupported: []engines.Unsupported{{Feature: "SCTP", Reason: "none", Then: engines.Refused}}},
			cases.Case{Features: []cases.Feature{cases.SCTP}},
			v1.NotSupported,
		},
		{"one family of two is unsupported", conditions{nodes: 3, families: dual, unsupported: no6}, cases.Case{}, ""},
		{
			"two families, one unsupported",
			conditions{nodes: 3, families: dual, unsupported: no6},
			cases.Case{Features: []cases.Feature{cases.DualStack}},
			v1.NotSupported,
		},
		{
			"two families on one, the other unsupported",
			conditions{nodes: 3, families: v4, unsupported: no6},
			cases.Case{Features: []cases.Feature{cases.DualStack}},
			v1.Skipped,
		},
		{"the only family is unsupported", conditions{nodes: 3, families: dual[1:], unsupported: no6}, cases.Case{}, v1.NotSupported},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			outcome, reason, ok := tc.k.triage(tc.c)
			if outcome != tc.want || ok != (tc.want == "") || ok != (reason == "") {
				t.Errorf("%s %q %v, want %s", outcome, reason, ok, tc.want)
			}
		})
	}
}
