package v1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One wrong flow is a fail, one of which nothing was proved makes void, one that means something
// else between probe pods does not count, and a run without any other says nothing.
func TestAuditVerdict(t *testing.T) {
	for _, tc := range []struct {
		outcomes []Outcome
		trouble  string
		want     Verdict
		reasons  []string
	}{
		{[]Outcome{Pass, Pass, Skipped}, "", VerdictPass, []string{}},
		{[]Outcome{Pass, Fail, Inconclusive}, "t", VerdictFail, []string{"1 of 3 flows are not as the policies say", "1 of 3 flows were not proved", "t"}},
		{[]Outcome{Pass, Inconclusive}, "", VerdictVoid, []string{"1 of 2 flows were not proved"}},
		{[]Outcome{Pass, Unfinished}, "", VerdictVoid, []string{"1 of 2 flows were not proved"}},
		{[]Outcome{Pass}, "t", VerdictVoid, []string{"t"}},
		{[]Outcome{Skipped}, "", VerdictVoid, []string{"nothing was judged"}},
		{nil, "", VerdictVoid, []string{"nothing was judged"}},
	} {
		run := AuditRun{AuditConditions: AuditConditions{Trouble: tc.trouble}}
		for _, o := range tc.outcomes {
			run.Flows = append(run.Flows, AuditFlow{Outcome: o})
		}
		sum := run.Summary()
		if sum.Verdict != tc.want {
			t.Errorf("%v: %s, want %s", tc.outcomes, sum.Verdict, tc.want)
		}
		if diff := cmp.Diff(tc.reasons, sum.Reasons); diff != "" {
			t.Errorf("%v: reasons (-want +got):\n%s", tc.outcomes, diff)
		}
		if n := sum.Right + sum.Wrong + sum.Unproved + sum.NotShadow; n != len(run.Flows) {
			t.Errorf("%v: %d flows are counted", tc.outcomes, n)
		}
	}
}

func TestAuditStratumInWords(t *testing.T) {
	for _, tc := range []struct {
		s    AuditStratum
		want string
	}{
		{AuditStratum{Verdict: "Deny", Pairs: 400, Asked: 59, AtMost: 18}, "59 of 400 Deny pairs asked about, 0 wrong: at most 4.5 % (18) are, with 95 % certainty"},
		{AuditStratum{Verdict: AllPairs, Pairs: 3, Asked: 3}, "3 of 3 pairs in all asked about, 0 wrong: at most 0 % (0) are, with 95 % certainty"},
		{AuditStratum{Verdict: "Allow"}, "0 Allow pairs"},
	} {
		if got := tc.s.InWords(0.95); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}
