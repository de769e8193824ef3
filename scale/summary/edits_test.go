package summary

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// edited is a run of edits: at one of three edits new connections were opened, one deletion is void
// for established ones, and at a restart one family was opened for longer than the other.
func edited() *v1.ScaleData {
	d := &v1.ScaleData{Run: run()}
	d.Run.Engines = d.Run.Engines[:1]
	d.Run.Engines[0].Limits = &v1.Limits{LeakPackets: ptr(uint64(0))}
	d.Run.Turns = []v1.Turn{{Engine: "reference"}}
	add := func(change int, transition, pair, want string, packets uint64, void string) {
		s := v1.Sample{Engine: "reference", Transition: transition, Change: change, Pair: pair, Want: want, Void: void}
		if want == "deny" {
			s.Leaked, s.Leak = packets, float64(packets)
		} else {
			s.Lost, s.Outage = packets, float64(packets)
		}
		d.Samples = append(d.Samples, s)
	}
	for i, leaked := range []uint64{0, 40, 0} {
		add(i, v1.EditOf(8, v1.EditUpdate), v1.EditDenied, "deny", leaked, "")
		add(i, v1.EditOf(8, v1.EditUpdate), v1.EditAllowed, "allow", 0, "")
	}
	add(3, v1.EditOf(2, v1.EditDelete), v1.EditEstablished, "allow", 0, "a receiver may have lost packets itself")
	add(4, v1.EditOf(2, v1.EditDelete), v1.EditEstablished, "allow", 2, "")
	add(5, v1.EditRestart, "stranger to witness", "deny", 7, "")
	add(5, v1.EditRestart, "stranger to witness", "deny", 9, "")
	add(5, v1.EditRestart, "far to witness", "allow", 0, "")
	return d
}

func TestEdits(t *testing.T) {
	sum := Of(edited())
	want := []v1.EditRow{
		{Blocks: 2, Change: v1.EditDelete, Opened: v1.Wronged{Hi: 1}, Shut: v1.Wronged{Hi: 1}, Cut: v1.Wronged{N: 1, Void: 1, Changes: 1, Packets: 2, Longest: 2, Lo: 0.025, Hi: 1}},
		{Blocks: 8, Change: v1.EditUpdate, Opened: v1.Wronged{N: 3, Changes: 1, Packets: 40, Longest: 40, Lo: 0.0084, Hi: 0.9057}, Shut: v1.Wronged{N: 3, Hi: 0.7076}, Cut: v1.Wronged{Hi: 1}},
		{Change: v1.EditRestart, Opened: v1.Wronged{N: 1, Changes: 1, Packets: 9, Longest: 9, Lo: 0.025, Hi: 1}, Shut: v1.Wronged{N: 1, Hi: 0.975}, Cut: v1.Wronged{Hi: 1}},
	}
	if diff := cmp.Diff(want, sum.Engines[0].Edits, cmpopts.EquateApprox(0, 1e-4)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if sum.Verdict != v1.VerdictFail {
		t.Errorf("the verdict is %s although packets leaked: %v", sum.Verdict, sum.Reasons)
	}
	all := Pool(sum.Engines[0].Edits, func(r *v1.EditRow) v1.Wronged { return r.Opened }, func(r *v1.EditRow) bool { return r.Blocks > 0 })
	if all.N != 3 || all.Changes != 1 || all.Longest != 40 {
		t.Errorf("the policies' rows together: %+v", all)
	}
	var text strings.Builder
	if err := render.ScaleText(&text, edited(), &sum); err != nil {
		t.Fatal(err)
	}
	if want := "reference  8         edit     1 of 3 [0.8, 90.6] %"; !strings.Contains(text.String(), want) || strings.Contains(text.String(), "blocks-8") {
		t.Errorf("the report has no line %q, or one of samples:\n%s", want, text.String())
	}
}
