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

// diffMembers lists what is in only one of two lists, and gives the second in this package's
// order, which the first has. Nearly all of a set that changes stays: it is passed over from
// both ends, and is as sorted as it was.
func diffMembers(have, want []plan.Member) (del, add, after []plan.Member) {
	head, tail := 0, 0
	for shorter := min(len(have), len(want)); head < shorter && have[head] == want[head]; {
		head++
	}
	for shorter := min(len(have), len(want)) - head; tail < shorter && have[len(have)-1-tail] == want[len(want)-1-tail]; {
		tail++
	}
	if !slices.IsSortedFunc(want[max(0, head-1):min(len(want), len(want)-tail+1)], plan.Member.Compare) {
		return diffMembers(have, sorted(want))
	}
	after, have, want = want, have[head:len(have)-tail], want[head:len(want)-tail]
	for len(have) > 0 && len(want) > 0 {
		if have[0] == want[0] {
			have, want = have[1:], want[1:]
		} else if have[0].Compare(want[0]) < 0 {
			del, have = append(del, have[0]), have[1:]
		} else {
			add, want = append(add, want[0]), want[1:]
		}
	}
	return append(del, have...), append(add, want...), after
}
