package page

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// migration is the page of a change of engine; sum is nil while it goes on.
func migration(run *v1.MigrationRun, sum *v1.MigrationSummary, s State) *Document {
	var figures v1.MigrationSummary
	if sum != nil {
		figures = *sum
	} else {
		figures = run.Summary("", nil)
	}
	badge := s.badge(figures.Verdict)
	name := "what happens here"
	if run.To != "" {
		name = run.From + " to " + run.To
	}
	d := &Document{
		Title: fmt.Sprintf("%s: %s", badge.Text, name), Kind: "netassay migrate watch", Name: name, Badge: badge,
		Lead: fmt.Sprintf("%s. %s", run.Cluster, s.when(run.Started, run.Finished)),
	}
	if run.Trouble != "" {
		d.Alerts = append(d.Alerts, "The run ended early: "+run.Trouble)
	}
	blocks := []Block{Tiles{
		{"Open", seconds3(figures.LeakSeconds), fmt.Sprintf("%s packets and connections leaked", count(figures.Leaked)), wrongIf(figures.Leaked, Bad)},
		{"Cut off", seconds3(figures.OutageSeconds), fmt.Sprintf("%s packets and connections were lost", count(figures.Lost)), wrongIf(figures.Lost, Warn)},
		{"Verdicts", count(figures.Verdicts), fmt.Sprintf("%.0f a second", figures.VerdictsPerSecond), Plain},
	}}
	if len(figures.Reasons) > 0 {
		t := Table{Caption: "Why", Head: Columns("Reason")}
		for _, r := range figures.Reasons {
			t.Rows = append(t.Rows, plain(r))
		}
		blocks = append(blocks, t)
	}
	d.section("summary", "Summary", "", append(blocks, watchTable(&figures))...)
	d.section("time", "What was done, and what was open", "Steps stand above; below them is when flows leaked (▲) or were lost (▼), by node, policy and place, on the same clock.", migrationLanes(run)...)
	if len(run.Leftovers) > 0 {
		d.section("leftovers", "Left behind", "What was on the nodes after the old engine had ended, and not before it came.", leftovers(run))
	}
	d.section("conditions", "Conditions", "", migrationConditions(run)...)
	return d
}

func seconds3(s float64) string { return fmt.Sprintf("%.3f s", s) }

func watchTable(s *v1.MigrationSummary) Table {
	t := Table{Caption: "By node, policy and place", Head: Columns("Node", "Policy", "Place", "#Flows", "#Open for", "#From", "#To", "#Cut off for", "#From", "#To")}
	at := func(p *float64) string {
		if p == nil {
			return "–"
		}
		return seconds3(*p)
	}
	for i := range s.Rows {
		r := &s.Rows[i]
		row := plain(r.Node, cmp.Or(r.Policy, "none"), r.Place, count(r.Flows), seconds3(r.LeakSeconds), at(r.LeakFrom), at(r.LeakTo), seconds3(r.OutageSeconds), at(r.OutageFrom), at(r.OutageTo))
		if r.LeakFrom != nil {
			row[4].Tone = Bad
		}
		if r.OutageFrom != nil {
			row[7].Tone = Warn
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// migrationLanes are steps and exposures on the clock of the run.
func migrationLanes(run *v1.MigrationRun) []Block {
	last := max(run.Finished.Sub(run.Started), 0)
	for i := range run.Exposures {
		last = max(last, run.Exposures[i].To-run.Origin)
	}
	table := Table{Caption: "Steps", Fold: true, Head: Columns("#At", "Phase", "What")}
	lanes := Lanes{Title: "Steps and exposures", To: last.Seconds(), Ticks: ticks(last.Seconds())}
	for i := range run.Events {
		e := &run.Events[i]
		at := e.At - run.Origin
		lanes.put("steps", Span{From: at.Seconds(), To: at.Seconds(), Says: e.What})
		table.Rows = append(table.Rows, plain(lasted(at), e.Phase, e.What))
	}
	for i := range run.Exposures {
		e := &run.Exposures[i]
		tone := Bad
		if e.What == v1.Lost {
			tone = Warn
		}
		w := v1.Watch{Node: e.Node, Policy: e.Policy, Place: e.Place}
		lanes.put(w.Where(), Span{From: (e.From - run.Origin).Seconds(), To: (e.To - run.Origin).Seconds(), Tone: tone, Says: exposure(e)})
	}
	if len(lanes.Lanes) == 0 {
		return []Block{Facts{{"Steps and exposures", "none yet"}}}
	}
	lanes.Behind = exposures(run)
	lanes.cut("lanes")
	return []Block{lanes, table}
}

func exposure(e *v1.Exposure) string {
	return fmt.Sprintf("%s %s of %s, for %s", count(e.Count), e.What, e.Flow, lasted(e.To-e.From))
}

func exposures(run *v1.MigrationRun) Table {
	t := Table{Caption: fmt.Sprintf("Exposures: %s", count(len(run.Exposures))), Fold: true, Head: Columns("#At", "What", "#Packets", "Flow", "Phase", "#For")}
	for i := range run.Exposures {
		if i == mostRows {
			break
		}
		e := &run.Exposures[i]
		t.Rows = append(t.Rows, plain(lasted(e.From-run.Origin), e.What, count(e.Count), e.Flow, e.Phase, lasted(e.To-e.From)))
	}
	return t
}

func leftovers(run *v1.MigrationRun) Table {
	t := Table{Caption: "Left behind", Head: Columns("Node", "Engine", "What", "#How many", "Such as")}
	for _, l := range run.Leftovers {
		t.Rows = append(t.Rows, plain(cmp.Or(l.Node, "the cluster"), l.Engine, l.Kind+"s", count(l.Count), strings.Join(l.Names, ", ")))
	}
	return t
}

func migrationConditions(run *v1.MigrationRun) []Block {
	t := Table{Caption: "Phases", Head: Columns("Phase", "#Seconds"), Fold: len(run.Phases) > 12}
	for _, p := range run.Phases {
		t.Rows = append(t.Rows, plain(p.Phase, fmt.Sprintf("%.1f", p.Seconds)))
	}
	blocks := []Block{
		facts("Cluster", run.Cluster, "Kernel", run.Kernel, "From", run.From, "To", run.To, "One node after the other", yes(run.Rolling), "Leftovers taken away", yes(run.Purged),
			"Run", run.ID, "netassay", run.Tool, "Started", moment(run.Started), "Finished", finished(run.Finished)),
		t,
	}
	notes := Table{Caption: "Notes", Head: Columns("Note")}
	for _, n := range run.Notes {
		notes.Rows = append(notes.Rows, plain(n))
	}
	if len(notes.Rows) > 0 {
		blocks = append(blocks, notes)
	}
	return append(blocks, Code(command(run.Command, "netassay", "migrate", "watch", "--from", run.From, "--to", run.To)))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
