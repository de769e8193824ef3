package page

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

// A run of edits has a table of its own, and no times: no flow had to follow them.
func TestEdits(t *testing.T) {
	data, sum := sampleScale()
	if edits(sum) != nil || edits(nil) != nil {
		t.Error("a run without edits, or without a summary, has a table of them")
	}
	before := transitions(data)
	for i := range 4 {
		data.Samples = append(data.Samples, v1.Sample{Engine: "slow", Transition: v1.EditOf(4, v1.EditUpdate), Change: i, Pair: v1.EditDenied, Want: "deny"})
	}
	if after := transitions(data); len(after) != len(before) {
		t.Errorf("edits are timed: %v", after)
	}
	sum.Engines[1].Edits = []v1.EditRow{
		{Blocks: 4, Change: v1.EditUpdate, Opened: v1.Wronged{N: 4, Changes: 3, Lo: 0.194, Hi: 0.994, Packets: 40, Longest: 497}, Shut: v1.Wronged{N: 3, Hi: 0.708, Void: 1}, Cut: v1.Wronged{N: 4, Changes: 1, Lo: 0.006, Hi: 0.806, Longest: 2}},
		{Change: v1.EditRestart, Opened: v1.Wronged{N: 1, Hi: 0.975}},
	}
	want := [][]Cell{
		{
			{Text: "slow"},
			{Text: "4"},
			{Text: "edit"},
			{Text: "3 of 4 [19.4, 99.4] %", Tone: Bad},
			{Text: "497 ms"},
			{Text: "0 of 3 [0.0, 70.8] %"},
			{Text: "-"},
			{Text: "1 of 4 [0.6, 80.6] %", Tone: Warn},
			{Text: "2 ms"},
			{Text: "1"},
		},
		{
			{Text: "slow"},
			{Text: "–"},
			{Text: "restart"},
			{Text: "0 of 1 [0.0, 97.5] %"},
			{Text: "-"},
			{Text: "-"},
			{Text: "-"},
			{Text: "-"},
			{Text: "-"},
			{Text: "0"},
		},
	}
	var section *Section
	d := scale(data, sum, State{Whole: true})
	for i := range d.Sections {
		if d.Sections[i].ID == "edits" {
			section = &d.Sections[i]
		}
	}
	if section == nil || len(section.Blocks) != 1 {
		t.Fatalf("no section of edits: %+v", section)
	}
	if diff := cmp.Diff(want, section.Blocks[0].(Table).Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
