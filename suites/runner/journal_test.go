package runner

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

func TestJournal(t *testing.T) {
	var j journal
	endA := j.begin(10, "a", "one", nil)
	endB := j.begin(15, "b", "one", nil)
	endA(20)
	endA = j.begin(20, "a", "two", nil)
	endB(30)
	endA(40)
	endA = j.begin(50, "a", "two", nil) // once more, and still at work
	_ = endA
	a1, a2, b1 := v1.Activity{Case: "a", Step: "one"}, v1.Activity{Case: "a", Step: "two"}, v1.Activity{Case: "b", Step: "one"}
	for _, tc := range []struct {
		from, to time.Duration
		want     []v1.Activity
	}{
		{0, 9, nil},
		{0, 10, []v1.Activity{a1}},
		{16, 19, []v1.Activity{a1, b1}},
		{20, 20, []v1.Activity{a1, b1, a2}},
		{31, 31, []v1.Activity{a2}},
		{41, 49, nil},
		{35, 60, []v1.Activity{a2}},
		{99, 99, []v1.Activity{a2}},
	} {
		if diff := cmp.Diff(tc.want, j.during(tc.from, tc.to)); diff != "" {
			t.Errorf("%d..%d (-want +got):\n%s", tc.from, tc.to, diff)
		}
	}
}
