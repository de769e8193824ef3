package cases_test

import (
	"fmt"
	"slices"
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
		cover := all[i].Cover(others, model.Dual.List())
		if diff := cmp.Diff(cover, all[i].Cover(others, model.Dual.List())); diff != "" {
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
				for _, pair := range []string{fmt.Sprint(path, f), fmt.Sprint(f, true), fmt.Sprint(f, false), fmt.Sprint(path, false), fmt.Sprint(path, all[i].Probes[0])} {
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
