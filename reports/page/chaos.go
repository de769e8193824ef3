package page

import (
	"fmt"
	"strconv"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// chaos is the page of a chaos run; sum is nil while it goes on.
func chaos(run *v1.ChaosRun, sum *v1.ChaosSummary, s State) *Document {
	var tally v1.Tally
	var done v1.Done
	for i := range run.Backends {
		tally.Add(run.Backends[i].Tally)
		done.Add(run.Backends[i].Done)
	}
	var verdict v1.Verdict
	if sum != nil {
		verdict = sum.Verdict
	}
	badge := s.badge(verdict)
	d := &Document{
		Title: badge.Text + ": chaos", Kind: "netassay chaos", Name: "reference enforcer", Badge: badge,
		Lead: fmt.Sprintf("%s, kernel %s. %s", run.Cluster, run.Kernel, s.when(run.Started, run.Finished)),
	}
	if run.Trouble != "" {
		d.Alerts = append(d.Alerts, "The run ended early: "+run.Trouble)
	}
	leaked, lost := tally.UDP.Leaked+tally.TCP.Leaked, tally.UDP.Lost+tally.TCP.Lost
	tiles := Tiles{
		{"Leaked", count(leaked), fmt.Sprintf("of %s packets and connections that had to be dropped", count(tally.UDP.MustDrop+tally.TCP.MustDrop)), wrongIf(leaked, Bad)},
		{"Lost", count(lost), fmt.Sprintf("of %s that had to pass", count(tally.UDP.MustPass+tally.TCP.MustPass)), wrongIf(lost, Warn)},
		{"Kills and stops", count(done.Kills + done.Terms), fmt.Sprintf("%s killed, %s stopped", count(done.Kills), count(done.Terms)), Plain},
		{"Edits", count(done.Edits), fmt.Sprintf("and %s pods made anew", count(done.Recreates)), Plain},
		{"Damage", count(done.Drifts + done.APIOutages + done.LockHolds), fmt.Sprintf("%s drifts, %s outages of the API, %s locks held", count(done.Drifts), count(done.APIOutages), count(done.LockHolds)), Plain},
	}
	if sum != nil && sum.Figures.RepairN > 0 {
		tiles = append(tiles, Tile{"Repair of drift", ms(sum.Figures.RepairP50), fmt.Sprintf("p50, slowest %s, n=%d", ms(sum.Figures.RepairMax), sum.Figures.RepairN), Plain})
	}
	blocks := []Block{tiles}
	if sum != nil && len(sum.Reasons) > 0 {
		t := Table{Caption: "Why", Head: Columns("Reason")}
		for _, r := range sum.Reasons {
			t.Rows = append(t.Rows, plain(r))
		}
		blocks = append(blocks, t)
	}
	d.section("summary", "Summary", "", append(blocks, backendTable(run))...)
	d.section("time", "What was done, and what went wrong", "Each lane is one kind of fault; findings stand below them, on the same clock: ▲ is the first instant of a leak, ▼ of a loss.", chaosLanes(run)...)
	d.section("conditions", "Conditions", "", chaosConditions(run)...)
	return d
}

func backendTable(run *v1.ChaosRun) Table {
	t := Table{
		Caption: "By iptables backend", Head: Columns("Backend", "Protocol", "#Must drop", "#Leaked", "#Must pass", "#Lost", "#Unproven", "#Overflow", "#Inconclusive", "#Seconds"),
	}
	for i := range run.Backends {
		b := &run.Backends[i]
		for _, p := range []struct {
			name   string
			c      v1.Counts
			counts bool
		}{{"UDP", b.UDP, true}, {"TCP", b.TCP, true}, {"both, during drift", b.Drift, false}} {
			row := plain(b.Backend, p.name, count(p.c.MustDrop), count(p.c.Leaked), count(p.c.MustPass), count(p.c.Lost), count(p.c.Unproven), count(p.c.Overflow), count(p.c.Inconclusive), fmt.Sprintf("%.0f", b.Seconds))
			if p.counts {
				row[3].Tone, row[5].Tone = wrongIf(p.c.Leaked, Bad), wrongIf(p.c.Lost, Warn)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// chaosLanes are faults and findings on the clock of the run. Where that has no origin it begins
// with the first of them.
func chaosLanes(run *v1.ChaosRun) []Block {
	first, last := run.Origin, run.Origin+max(run.Finished.Sub(run.Started), 0)
	if first == 0 {
		last = 0
	}
	note := func(at time.Duration) {
		if first == 0 || at < first {
			first = at
		}
		last = max(last, at)
	}
	for i := range run.Faults {
		note(run.Faults[i].At)
	}
	for i := range run.Findings {
		note(run.Findings[i].From)
		note(run.Findings[i].To)
	}
	lanes := Lanes{Title: "Faults and findings", To: (last - first).Seconds(), Ticks: ticks((last - first).Seconds()), Behind: findingsTable(run, first)}
	for i := range run.Faults {
		f := &run.Faults[i]
		seconds := (f.At - first).Seconds()
		lanes.put(fmt.Sprintf("%s: %s", f.Backend, f.Phase), Span{From: seconds, To: seconds, Says: f.What})
	}
	for i := range run.Findings {
		f := &run.Findings[i]
		tone := toneOf(f)
		if f.Drift {
			tone = Odd
		}
		lanes.put(f.Flow+" "+f.Protocol, Span{From: (f.From - first).Seconds(), To: (f.To - first).Seconds(), Tone: tone, Says: says(f)})
	}
	if len(lanes.Lanes) == 0 {
		return []Block{Facts{{"Faults and findings", "none yet"}}}
	}
	lanes.cut("lanes")
	return []Block{lanes, faultsTable(run, first)}
}

func says(f *v1.Finding) string {
	return fmt.Sprintf("%s %s of %s %s, for %s", count(f.Count), f.What, f.Flow, f.Protocol, lasted(f.To-f.From))
}

func findingsTable(run *v1.ChaosRun, first time.Duration) Table {
	t := Table{Caption: fmt.Sprintf("Findings: %s", count(len(run.Findings))), Fold: true, Head: Columns("#At", "What", "#Packets", "Flow", "Phase", "#For", "After")}
	for i := range run.Findings {
		f := &run.Findings[i]
		t.Rows = append(t.Rows, []Cell{
			{Text: lasted(f.From - first)},
			{Text: f.What, Tone: toneOf(f)},
			{Text: count(f.Count)},
			{Text: f.Flow + " " + f.Protocol},
			{Text: f.Phase},
			{Text: lasted(f.To - f.From)},
			{Text: before(run, f)},
		})
	}
	return t
}

// before is the last thing that was done before something was found.
func before(run *v1.ChaosRun, f *v1.Finding) string {
	var last *v1.Fault
	for i := range run.Faults {
		if fault := &run.Faults[i]; fault.Backend == f.Backend && fault.At <= f.From && (last == nil || fault.At > last.At) {
			last = fault
		}
	}
	if last == nil {
		return ""
	}
	return fmt.Sprintf("%s, %s before", last.What, lasted(f.From-last.At))
}

func faultsTable(run *v1.ChaosRun, first time.Duration) Table {
	t := Table{Caption: fmt.Sprintf("Faults: %s", count(len(run.Faults))), Fold: true, Head: Columns("#At", "Backend", "Phase", "What")}
	for i := range run.Faults {
		if i == mostRows {
			break
		}
		f := &run.Faults[i]
		t.Rows = append(t.Rows, plain(lasted(f.At-first), f.Backend, f.Phase, f.What))
	}
	return t
}

func chaosConditions(run *v1.ChaosRun) []Block {
	t := Table{Caption: "Phases", Head: Columns("Backend", "Phase", "#Seconds"), Fold: len(run.Phases) > 12}
	for _, p := range run.Phases {
		t.Rows = append(t.Rows, plain(p.Backend, p.Phase, fmt.Sprintf("%.1f", p.Seconds)))
	}
	return []Block{
		facts("Cluster", run.Cluster, "Kernel", run.Kernel, "Seed", strconv.FormatUint(run.Seed, 10), "Run", run.ID, "netassay", run.Tool,
			"Started", moment(run.Started), "Finished", finished(run.Finished)),
		t, Code(command(run.Command, "netassay", "chaos", "--seed", strconv.FormatUint(run.Seed, 10))),
	}
}
