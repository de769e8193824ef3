package page

import (
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// fuzz is the page of a run of drawn cases.
func fuzz(run *v1.FuzzRun, s State) *Document {
	sum := run.Summary()
	badge, engines := s.badge(sum.Verdict), strings.Join(run.Engines, ", ")
	d := &Document{
		Title: fmt.Sprintf("%s: fuzz of %s", badge.Text, engines), Kind: "netassay fuzz", Name: engines, Badge: badge,
		Lead: fmt.Sprintf("%s. Seed %d. %s", run.Cluster, run.Seed, s.when(run.Started, run.Finished)),
	}
	if run.Trouble != "" {
		d.Alerts = append(d.Alerts, "The run could not go on: "+run.Trouble)
	}
	blocks := []Block{Tiles{
		{"Cases played", count(sum.Cases), fmt.Sprintf("%s steps, those for shrinking included", count(sum.Steps)), Plain},
		{"Cells judged", count(sum.Cells), fmt.Sprintf("%.0f a second", sum.CellsPerSecond), Plain},
		{"Found", count(len(run.Found)), "drawn cases that an engine fails", wrongIf(len(run.Found), Bad)},
		{"Inconclusive", count(sum.Inconclusive), "cases", wrongIf(sum.Inconclusive, Odd)},
	}}
	if len(run.Found) > 0 {
		t := Table{Caption: "Found, each as small as it got", Head: Columns("Engine", "Case", "Wrong", "File", "Confirmed", "#Plays")}
		for _, f := range run.Found {
			confirmed := Cell{Text: "no", Tone: Odd}
			if f.Confirmed {
				confirmed = Cell{Text: "yes"}
			}
			t.Rows = append(t.Rows, []Cell{{Text: f.Engine}, {Text: f.Name}, {Text: f.Wrong, Tone: Bad}, {Text: f.File, Code: true}, confirmed, {Text: count(f.Plays)}})
		}
		blocks = append(blocks, t)
	}
	d.section("summary", "Summary", "", blocks...)
	t := Table{Caption: "Cases that did not pass", Head: Columns("Engine", "Case", "Outcome", "#Steps", "#Cells", "#Seconds", "Why")}
	for i := range run.Played {
		p := &run.Played[i]
		if p.Outcome != v1.Pass && len(t.Rows) < mostRows {
			t.Rows = append(t.Rows, []Cell{{Text: p.Engine}, {Text: p.Name}, {Text: string(p.Outcome), Tone: tone(p.Outcome)}, {Text: count(p.Steps)}, {Text: count(p.Cells)}, {Text: fmt.Sprintf("%.1f", p.Seconds)}, {Text: p.Reason}})
		}
	}
	if len(t.Rows) > 0 {
		d.section("played", "Played", "Pieces of a found case are played too, while it is made small.", t)
	}
	var rate grouped
	for i := range run.Played {
		rate.add(run.Played[i].Engine, 1000*run.Played[i].Seconds)
	}
	if len(rate) > 0 {
		c := distributions("seconds", "How long cases took", rate, nil)
		c.X.Label, c.Y.Label = "a case", "over"
		d.section("pace", "Pace", "", c)
	}
	notes := Table{Caption: "Notes", Head: Columns("Note")}
	for _, n := range run.Notes {
		notes.Rows = append(notes.Rows, plain(n))
	}
	conditions := []Block{facts("Engines", engines, "Cluster", run.Cluster, "Seed", strconv.FormatUint(run.Seed, 10), "For", fmt.Sprintf("%g s", run.Seconds),
		"Run", run.ID, "netassay", run.Tool, "Started", moment(run.Started), "Finished", finished(run.Finished))}
	if len(notes.Rows) > 0 {
		conditions = append(conditions, notes)
	}
	same := command(run.Command, "netassay", "fuzz", "--engine", strings.Join(run.Engines, ","), "--seed", strconv.FormatUint(run.Seed, 10))
	d.section("conditions", "Conditions", "", append(conditions, Code(same))...)
	return d
}
