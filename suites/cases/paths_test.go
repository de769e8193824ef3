package cases_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// A cover meets every path with both ends on one node and on two, in every family, and every
// probe; it is small, and the same each time.
func TestCover(t *testing.T) {
	others := []cases.Path{cases.PathService, cases.PathNodePort, cases.PathNodePortRemote}
	placed := map[string]int{}
	for _, p := range cases.FixturePods() {
		placed[p.Key()] = p.Node
	}
	for _, name := range []string{"isolation-deny-ingress", "ipblock-egress-except-union", "peer-pod-selector"} {
		all, err := cases.Load()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(c cases.Case) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("no case %s", name)
		}
		c := all[i]
		c.Paths = []cases.Path{cases.PathPod}
		cover := c.Cover(others, model.Dual.List())
		if diff := cmp.Diff(cover, c.Cover(others, model.Dual.List())); diff != "" {
			t.Errorf("%s: not the same again:\n%s", name, diff)
		}
		met := map[string]bool{}
		for _, k := range cover {
			same := placed[k.Client] == placed[k.Server]
			for _, pair := range []string{
				fmt.Sprint(k.Path, same), fmt.Sprint(k.Path, k.Family), fmt.Sprint(k.Family, same), fmt.Sprint(k.Path, k.Probe),
			} {
				met[pair] = true
			}
		}
		for _, f := range model.Dual.List() {
			for _, path := range others {
				for _, pair := range []string{fmt.Sprint(path, f), fmt.Sprint(f, true), fmt.Sprint(f, false), fmt.Sprint(path, false), fmt.Sprint(path, c.Probes[0])} {
					if !met[pair] {
						t.Errorf("%s: %s is not met by %v", name, pair, cover)
					}
				}
			}
		}
		if len(cover) > 24 {
			t.Errorf("%s: %d cells", name, len(cover))
		}
		t.Log(name, len(cover))
	}
}

// Where only Services of the case have node ports, these are dialed and no others.
func TestPathsByOwnNodePorts(t *testing.T) {
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c cases.Case) bool { return c.Name == "nodeport-peer" })
	own, both := all[i].By(cases.OwnPaths, model.Dual.List(), cases.FixtureNodes), all[i]
	count := func(c cases.Case, servers map[string]int) {
		for _, k := range c.Cells(0, model.Dual.List()) {
			if k.Path != cases.PathPod {
				servers[k.Server]++
			}
		}
	}
	few, many := map[string]int{}, map[string]int{}
	count(own, few)
	count(both, many)
	if len(few) != 1 || few["x/a"] == 0 || len(many) != 9 {
		t.Errorf("servers dialed by node ports %v of %v, want x/a alone", few, many)
	}
}

// A pod that never had a label has no Service, neither to be reached by nor to show by that its
// node forwards.
func TestPathsOfPodsWithoutLabels(t *testing.T) {
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if !strings.HasPrefix(c.Name, "pod-no-labels-") {
			continue
		}
		for _, k := range c.By(cases.AllPaths, model.Dual.List(), cases.FixtureNodes).Cells(0, model.Dual.List()) {
			if k.Path != cases.PathPod && (k.Client == "x/d" || k.Server == "x/d") {
				t.Errorf("%s: cell %v", c.Name, k)
			}
		}
	}
}

// With pairwise choices a case that selects by labels has the whole matrix in one family, and
// in the other every verdict that a step brings and every port; one that is about addresses has it in both.
// Neither family is whole in many more cases than the other.
func TestPairwiseFamilies(t *testing.T) {
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	whole := map[model.Family]int{}
	for _, c := range all {
		few := c.By(cases.PairwisePaths, model.Dual.List(), cases.FixtureNodes)
		whole[few.Whole]++
		if few.Whole != "" && (c.HasFeature(cases.IPBlock) || c.HasFeature(cases.DualStack) || len(c.World) > 0) {
			t.Errorf("%s, which is about addresses, is whole in %s alone", c.Name, few.Whole)
		}
		for i := range c.Steps {
			got := metBetweenPods(few, i)
			for what := range metBetweenPods(c, i) {
				if !got[what] {
					t.Errorf("%s, step %d: %s is not met", c.Name, i, what)
				}
			}
		}
	}
	if v4, v6 := whole[model.IPv4], whole[model.IPv6]; min(v4, v6)*3 < max(v4, v6)*2 {
		t.Errorf("%d cases are whole in IPv4, %d in IPv6", v4, v6)
	}
	t.Log(whole)
}

func metBetweenPods(c cases.Case, step int) map[string]bool {
	met := map[string]bool{}
	for k, v := range c.Wants(step, model.Dual.List()) {
		if k.Held == "" && v != model.Undefined && cases.IsPodKey(k.Client) && cases.IsPodKey(k.Server) {
			met[fmt.Sprint(k.Family, " ", v)], met[fmt.Sprint(k.Family, " ", k.Probe)] = true, true
		}
	}
	return met
}
