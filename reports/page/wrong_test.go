package page

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1 "github.com/netassay/netassay/reports/v1"
)

// wrongRun has one case of one step, which begins two seconds after the run, is answered 10 ms
// later and takes one second.
func wrongRun(cells ...v1.Cell) *v1.Run {
	for i := range cells {
		cells[i].Case, cells[i].Outcome, cells[i].Client = "a", v1.Fail, fmt.Sprintf("x/%c", 'a'+i)
	}
	step := v1.Step{Name: "one", At: begun.Add(2 * time.Second), AckMS: 10, Millis: 1000, Cells: cells}
	return &v1.Run{
		RunConditions: v1.RunConditions{Started: begun, Finished: begun.Add(10 * time.Second), Timing: v1.Timing{RoundEvery: 50}},
		Cases:         []v1.Case{{Name: "a", Steps: []v1.Step{step}}},
	}
}

func TestWrongCells(t *testing.T) {
	leak := func(changed bool, course string) v1.Cell {
		return v1.Cell{Kind: v1.Leak, Changed: changed, Course: course}
	}
	for _, tc := range []struct {
		name  string
		cells []v1.Cell
		want  []string // kind, cells, and from and to in ms after the ack
	}{
		{"never right", []v1.Cell{leak(true, "9-c@0..800")}, []string{"leak 1 0..800"}},
		{"what comes before the change is convergence", []v1.Cell{leak(true, "9-c@0..90 5+d@100..300 1-c@400 5+d@410..900")}, []string{"leak 1 400..400"}},
		{"unless it is all that was wrong", []v1.Cell{leak(true, "9-c@0..90 5+d@100..300")}, []string{"leak 1 0..90"}},
		{"of a cell that does not change all counts", []v1.Cell{leak(false, "1-c@0 5+d@100..300 1-c@400")}, []string{"leak 1 0..0", "leak 1 400..400"}},
		{"less than a round apart are one", []v1.Cell{leak(false, "1-c@0"), leak(false, "1-c@40"), leak(false, "1-c@300")}, []string{"leak 2 0..40", "leak 1 300..300"}},
		{"a cell counts once", []v1.Cell{leak(false, "1-c@0 1+d@10 1-c@20")}, []string{"leak 1 0..20"}},
		{"leaks and outages apart", []v1.Cell{leak(false, "1-c@10"), {Kind: v1.Outage, Course: "1-d@0"}}, []string{"outage 1 0..0", "leak 1 10..10"}},
		{"without a course the whole step", []v1.Cell{leak(false, "")}, []string{"leak 1 -10..990"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, undated := wrongCells(wrongRun(tc.cells...))
			var got []string
			acked := begun.Add(2010 * time.Millisecond)
			for _, s := range all {
				got = append(got, fmt.Sprintf("%s %d %d..%d", s.cell.Kind, s.cells, s.from.Sub(acked).Milliseconds(), s.to.Sub(acked).Milliseconds()))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || undated != 0 {
				t.Errorf("%d without a time (-want +got):\n%s", undated, diff)
			}
		})
	}
}

// Cells and sentinels share one axis, which begins with the run; and what has no time is counted.
func TestOverTime(t *testing.T) {
	run := wrongRun(v1.Cell{Kind: v1.Leak, Server: "y/b", Port: 80, Protocol: "TCP", Family: "IPv4", Path: "pod", Course: "9-c@0..800"})
	run.Sentinel = &v1.Sentinel{Findings: []v1.Finding{{Flow: "s -> t", Protocol: "UDP", What: "lost", Count: 7, From: 0, To: time.Second, At: begun.Add(2500 * time.Millisecond), During: []v1.Activity{{Case: "a", Step: "one"}}}}}
	blocks := overTime(run)
	lanes := blocks[len(blocks)-1].(Lanes)
	want := []Lane{
		{"sentinel s -> t UDP", []Span{{2.5, 3.5, Warn, "lost 7 of s -> t UDP, for 1.00 s. a: one"}}},
		{"a", []Span{{2.01, 2.81, Bad, "leak x/a → y/b 80/TCP IPv4 by pod, for 800.0 ms. a: one"}}},
	}
	if diff := cmp.Diff(want, lanes.Lanes, cmpopts.EquateApprox(0, 1e-9)); diff != "" || lanes.To != 10 || len(lanes.Behind.Rows) != 2 {
		t.Errorf("until %v s, %d rows (-want +got):\n%s", lanes.To, len(lanes.Behind.Rows), diff)
	}
	run.Cases[0].Steps[0].At, run.Sentinel.Findings[0].At = time.Time{}, time.Time{}
	blocks = overTime(run)
	if facts, ok := blocks[len(blocks)-1].(Facts); !ok || !strings.HasPrefix(facts[0].Value, "2: ") {
		t.Errorf("%+v", blocks)
	}
}

// A finding of chaos says what was done last before it, on the same backend.
func TestChaosFindingsFollowFaults(t *testing.T) {
	run, _ := sampleChaos()
	run.Faults = append(run.Faults, v1.Fault{Backend: "legacy", What: "other", At: time.Hour + time.Second})
	lanes := chaosLanes(run)[0].(Lanes)
	if got, want := lanes.Behind.Rows[0][6].Text, "fault 1, 0.0 ms before"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if lanes.To != 60 || lanes.Lanes[0].Spans[0].From != 1 {
		t.Errorf("until %v s, first fault at %v s", lanes.To, lanes.Lanes[0].Spans[0].From)
	}
}
