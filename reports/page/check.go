package page

import (
	"fmt"

	v1 "github.com/netassay/netassay/reports/v1"
)

// check is the page of the AKS documentation's check.
func check(run *v1.CheckRun, s State) *Document {
	badge := s.badge(run.Verdict())
	d := &Document{
		Title: fmt.Sprintf("%s: AKS check of %s", badge.Text, run.Engine), Kind: "netassay verify", Name: run.Engine, Badge: badge,
		Lead: fmt.Sprintf("The check of the AKS documentation. %s. %s", run.Cluster, s.when(run.Started, run.Finished)),
	}
	if run.Trouble != "" {
		d.Alerts = append(d.Alerts, "The check could not be done: "+run.Trouble)
	}
	t := Table{Caption: "Each line of the walkthrough, in its order", Head: Columns("Step", "As it should be", "Command", "Output", "#Attempts", "#Seconds")}
	held, all := 0, Good
	for i := range run.Steps {
		p := &run.Steps[i]
		ok := Cell{Text: "yes", Tone: Good}
		if !p.OK {
			ok, all = Cell{Text: "no", Tone: Bad}, Bad
		}
		held += bit(p.OK)
		t.Rows = append(t.Rows, []Cell{{Text: p.Title}, ok, {Text: p.Command, Code: true}, {Text: p.Output, Code: true}, {Text: count(p.Attempts)}, {Text: fmt.Sprintf("%.1f", p.Seconds)}})
	}
	d.section("steps", "Steps", "", Tiles{{"Steps as they should be", fmt.Sprintf("%d of %d", held, len(run.Steps)), "", all}}, t)
	d.section("conditions", "Conditions", "",
		facts("Engine", run.Engine, "Cluster", run.Cluster, "Run", run.ID, "netassay", run.Tool, "Started", moment(run.Started), "Finished", finished(run.Finished)),
		Code(command(run.Command, "netassay", "verify", "--engine", run.Engine)))
	return d
}
