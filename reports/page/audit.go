package page

import (
	"fmt"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// audit is the page of an audit.
func audit(run *v1.AuditRun, s State) *Document {
	sum := run.Summary()
	badge := s.badge(sum.Verdict)
	d := &Document{
		Title: fmt.Sprintf("%s: audit of %s", badge.Text, run.Cluster), Kind: "netassay audit", Name: run.Cluster, Badge: badge,
		Lead: fmt.Sprintf("Does %s do with the policies of this cluster what they say? %s", run.Engine, s.when(run.Started, run.Finished)),
	}
	if run.Trouble != "" {
		d.Alerts = append(d.Alerts, "The run ended early: "+run.Trouble)
	}
	d.section("summary", "Summary", "", Tiles{
		{"Right", count(sum.Right), "flows as the policies say", Plain},
		{"Wrong", count(sum.Wrong), "flows otherwise", wrongIf(sum.Wrong, Bad)},
		{"Not proved", count(sum.Unproved), "flows without a live control", wrongIf(sum.Unproved, Warn)},
		{"Not shadowed", count(sum.NotShadow), "flows that mean something else between probe pods", Plain},
	}, auditBounds(run))
	if wrong := run.Wrong(); len(wrong) > 0 {
		d.section("wrong", "What is not as the policies say", "", auditWrong(wrong))
	}
	d.section("flows", "Flows", "Each was asked between two probe pods, which stand for pods of the cluster.", auditFlows(run))
	d.section("conditions", "Conditions", "", auditConditions(run)...)
	return d
}

// auditBounds is how much may be wrong of what was not asked.
func auditBounds(run *v1.AuditRun) Table {
	t := Table{Caption: fmt.Sprintf("Pairs of pods, with %.3g %% certainty", 100*run.Certainty), Head: Columns("Policies say", "#Pairs", "#Asked about", "#Wrong", "#Wrong at most", "#Of all")}
	for _, s := range run.Strata {
		share := "–"
		if s.Pairs > 0 {
			share = fmt.Sprintf("%.3g %%", 100*float64(s.AtMost)/float64(s.Pairs))
		}
		t.Rows = append(t.Rows, plain(s.Verdict, count(s.Pairs), count(s.Asked), count(s.Wrong), count(s.AtMost), share))
	}
	return t
}

func auditWrong(wrong []v1.AuditFlow) Table {
	t := Table{Caption: "Evidence", Head: Columns("Flow", "What", "Evidence")}
	for i := range wrong[:min(len(wrong), mostRows)] {
		f := &wrong[i]
		row := plain(f.InWords(), f.Reason, strings.Join(f.Account(), "\n"))
		row[1].Tone, row[2].Code = Bad, true
		t.Rows = append(t.Rows, row)
	}
	return t
}

func auditFlows(run *v1.AuditRun) Table {
	t := Table{Caption: fmt.Sprintf("Flows: %s", count(len(run.Flows))), Filter: true, Head: Columns("From", "To", "Port", "Family", "Policies say", "Outcome", "Reason", "Seen")}
	for i := range run.Flows[:min(len(run.Flows), mostRows)] {
		f := &run.Flows[i]
		row := plain(f.Client, f.Server, fmt.Sprintf("%d/%s", f.Port, f.Protocol), f.Family, f.Want, string(f.Outcome), f.Reason, f.Evidence)
		switch f.Outcome {
		case v1.Pass:
			row[5].Tone = Good
		case v1.Fail:
			row[5].Tone = Bad
		case v1.Skipped:
		default:
			row[5].Tone = Warn
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func auditConditions(run *v1.AuditRun) []Block {
	blocks := []Block{facts(
		"Cluster", run.Cluster, "Engine", run.Engine, "Namespaces made", count(run.Namespaces), "Pods made", count(run.Pods), "Policies copied", count(run.Policies),
		"Probes", count(run.Probes), "Seed", fmt.Sprint(run.Seed), "Must stay right for", fmt.Sprintf("%.0f ms", run.Hold), "Must be right within", fmt.Sprintf("%.0f ms", run.Deadline),
		"Run", run.ID, "netassay", run.Tool, "Started", moment(run.Started), "Policies were there", moment(run.Acked), "Finished", finished(run.Finished),
	)}
	if len(run.Gaps) > 0 {
		t := Table{Caption: "Not asked about", Head: Columns("What", "Why")}
		for _, g := range run.Gaps {
			t.Rows = append(t.Rows, plain(g.What, g.Why))
		}
		blocks = append(blocks, t)
	}
	if len(run.Notes) > 0 {
		t := Table{Caption: "Notes", Head: Columns("Note")}
		for _, n := range run.Notes {
			t.Rows = append(t.Rows, plain(n))
		}
		blocks = append(blocks, t)
	}
	return append(blocks, Code(command(run.Command, "netassay", "audit", "--context", run.Cluster)))
}
