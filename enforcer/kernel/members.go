package kernel

import (
	"slices"

	"github.com/netassay/netassay/enforcer/plan"
)

// sorted is ms in this package's order: ms itself when it already is.
func sorted(ms []plan.Member) []plan.Member {
	if slices.IsSortedFunc(ms, plan.Member.Compare) {
		return ms
	}
	ms = slices.Clone(ms)
	slices.SortFunc(ms, plan.Member.Compare)
	return ms
}

// shared tells lists that are one and the same, as those of plans are that leave a set as
// it was.
func shared(a, b []plan.Member) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// diffMembers lists what is in only one of two sorted lists. Nearly all of a set that
// changes stays, and is passed over by the cheapest comparison.
func diffMembers(have, want []plan.Member) (del, add []plan.Member) {
	for len(have) > 0 && len(want) > 0 {
		if have[0] == want[0] {
			have, want = have[1:], want[1:]
		} else if have[0].Compare(want[0]) < 0 {
			del, have = append(del, have[0]), have[1:]
		} else {
			add, want = append(add, want[0]), want[1:]
		}
	}
	return append(del, have...), append(add, want...)
}
