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

// diffMembers lists what is in only one of two lists, of which have is sorted. Most sets
// stay as they are: only one that does not is looked at.
func diffMembers(have, want []plan.Member) (del, add []plan.Member) {
	if shared(have, want) {
		return nil, nil
	}
	want = sorted(want)
	for len(have) > 0 && len(want) > 0 {
		switch c := have[0].Compare(want[0]); {
		case c < 0:
			del, have = append(del, have[0]), have[1:]
		case c > 0:
			add, want = append(add, want[0]), want[1:]
		default:
			have, want = have[1:], want[1:]
		}
	}
	return append(del, have...), append(add, want...)
}
