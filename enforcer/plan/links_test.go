package plan

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
)

// However many interfaces there are, each is in one set of its purpose with all addresses of its
// family, no set has more than the kernel takes while all of them change, and every set has a rule.
func TestLinksHaveAllAddresses(t *testing.T) {
	for _, n := range []int{0, 1, linksPerSet, linksPerSet + 1, 80, 110, 250, 1000} {
		s, opts := model.Snapshot{}, Options{Node: "n", Links: map[netip.Addr]string{}}
		want := map[string]int{}
		for i := range n {
			ip := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			s.Pods = append(s.Pods, model.Pod{Namespace: "x", Name: fmt.Sprint("p", i), Node: "n", IPs: []netip.Addr{ip}})
			opts.Links[ip] = fmt.Sprintf("veth%03d", i)
			want[opts.Links[ip]] = 2 // that lead to pods, and to one pod each
		}
		p := CompileWith(s, opts)
		for _, f := range p.Families() {
			if diff := cmp.Diff(want, linksOf(t, f)); diff != "" {
				t.Errorf("%d interfaces, %s (-want +got):\n%s", n, f.Family, diff)
			}
		}
	}
}

// linksOf counts the sets that interfaces are in.
func linksOf(t *testing.T, f FamilyPlan) map[string]int {
	t.Helper()
	got, ruled := map[string]int{}, map[SetName]bool{}
	for _, c := range f.Chains {
		for _, r := range c.Rules {
			for _, condition := range r.Match {
				if in, ok := condition.(InSet); ok {
					ruled[in.Set] = true
				}
			}
		}
	}
	for _, set := range f.Sets {
		if set.Role != RoleLink {
			continue
		}
		if len(set.Members) > linksPerSet || !ruled[set.Name] {
			t.Errorf("%s has %d members, at most %d; in a rule: %t", set.Name, len(set.Members), linksPerSet, ruled[set.Name])
		}
		for _, m := range set.Members {
			if m.Prefix().Bits() != 0 || model.FamilyOf(m.Addr()) != f.Family {
				t.Errorf("%s is not all addresses of %s", m, f.Family)
			}
			got[m.Link()]++
		}
	}
	return got
}
