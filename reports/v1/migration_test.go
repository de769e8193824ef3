package v1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Times that overlap count once, in a row and in all; a watch without an exposure has no instant.
func TestMigrationSummary(t *testing.T) {
	second := func(n float64) time.Duration { return time.Hour + time.Duration(n*float64(time.Second)) }
	a, b, quiet := Watch{Node: "n1", Policy: "p", Place: "same-node", Flows: 2}, Watch{Node: "n2", Policy: "p", Place: "same-node", Flows: 2}, Watch{Node: "n1", Place: "same-node", Flows: 1}
	exposure := func(w Watch, what string, from, to float64) Exposure {
		return Exposure{Node: w.Node, Policy: w.Policy, Place: w.Place, What: what, From: second(from), To: second(to)}
	}
	run := MigrationRun{
		MigrationConditions: MigrationConditions{Origin: time.Hour},
		Watches:             []Watch{a, b, quiet},
		Exposures: []Exposure{
			exposure(a, Leaked, 5, 6), exposure(a, Leaked, 2, 4), exposure(a, Leaked, 3, 4.5),
			exposure(b, Leaked, 4, 5.5), exposure(b, Lost, 7, 7.25),
		},
		Watched: Watched{Tally: Tally{UDP: Counts{MustDrop: 50, MustPass: 20, Leaked: 5}, TCP: Counts{MustDrop: 10, MustPass: 20, Lost: 1}}, Seconds: 10},
	}
	want := MigrationSummary{
		Verdict: VerdictFail, Reasons: []string{"r"}, LeakSeconds: 4, OutageSeconds: 0.25, Leaked: 5, Lost: 1, Verdicts: 100, VerdictsPerSecond: 10, Seconds: 10,
		Rows: []MigrationRow{
			{Watch: a, LeakSeconds: 3.5, LeakFrom: new(2.0), LeakTo: new(6.0)},
			{Watch: b, LeakSeconds: 1.5, LeakFrom: new(4.0), LeakTo: new(5.5), OutageSeconds: 0.25, OutageFrom: new(7.0), OutageTo: new(7.25)},
			{Watch: quiet},
		},
	}
	if diff := cmp.Diff(want, run.Summary(VerdictFail, []string{"r"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
