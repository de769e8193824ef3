package kernel

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/enforcer/plan"
)

// TestDiffMembers holds it against the definition, with lists that have much or little in
// common, at either end or in their midst, sorted or not.
func TestDiffMembers(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		draw := func(percent int) (out []plan.Member) {
			for i := range r.IntN(12) {
				if r.IntN(100) < percent {
					out = append(out, plan.HostMember(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})))
				}
			}
			return out
		}
		have, want := draw(80), draw(80)
		if r.IntN(2) == 0 {
			r.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		}
		given := slices.Clone(want)
		del, add, after := diffMembers(have, want)
		without := func(a, b []plan.Member) []plan.Member {
			return slices.DeleteFunc(slices.Clone(a), func(m plan.Member) bool { return slices.Contains(b, m) })
		}
		inOrder := slices.SortedFunc(slices.Values(want), plan.Member.Compare)
		for what, pair := range map[string][2][]plan.Member{
			"removed": {without(have, want), del}, "added": {without(inOrder, have), add}, "after": {inOrder, after}, "given": {given, want},
		} {
			if diff := cmp.Diff(slices.Concat(pair[0]), slices.Concat(pair[1])); diff != "" {
				t.Errorf("seed %d: %s (-want +got):\n%s", seed, what, diff)
			}
		}
	}
}
