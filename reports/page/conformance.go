package page

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// conformance is the page of a run of the suite.
func conformance(run *v1.Run, s State) *Document {
	f := run.Figures()
	badge := s.badge(run.Verdict())
	d := &Document{
		Title: fmt.Sprintf("%s: conformance of %s", badge.Text, run.Engine),
		Kind:  "netassay conformance",
		Name:  strings.TrimSpace(run.Engine + " " + run.EngineVersion),
		Lead: fmt.Sprintf("%s, Kubernetes %s, %s. %s", run.Cluster, cmp.Or(run.Kubernetes, "of unknown version"),
			strings.Join(run.Families, " and "), s.when(run.Started, run.Finished)),
		Badge: badge,
		cells: pack(run),
	}
	d.section("summary", "Summary", "", summaryTiles(run, f), Mount{"overview", "All cases"})
	if wrong := wrongCases(run); len(wrong.Rows) > 0 {
		d.section("wrong", "What did not pass", "Each with the first of its cells that decided. The matrix below has them all.", wrong)
	}
	d.section("cells", "Cases and cells",
		"A cell is one flow in one step of a case. Choose a case, then a square of its matrix: rows are clients, columns are servers.",
		Mount{"explorer", "Cases and cells"})
	d.section("convergence", "Convergence", "Of cells whose verdict a step changes, from the API server's answer to right and stable. What never became right stays below 100 %.", convergence(run, f)...)
	d.section("time", "Leaks and outages over time", "Sentinels are flows that no case may touch. Lanes are theirs, and those of the cases with wrong cells: ▲ is the first instant of a leak, ▼ of an outage.", overTime(run)...)
	if table := undefined(run); len(table.Rows) > 0 {
		d.section("undefined", "Observed, not judged", "What the API leaves undefined. It is told of an engine, and no verdict depends on it.", table)
	}
	d.section("conditions", "Conditions", "", conditions(run)...)
	return d
}

func (d *Document) section(id, title, note string, blocks ...Block) {
	d.Sections = append(d.Sections, Section{id, title, note, blocks})
}

// summaryTiles are what is read first.
func summaryTiles(run *v1.Run, f v1.Figures) Tiles {
	of := []string{}
	for _, n := range []struct {
		n    int
		name string
	}{{f.Failed, "failed"}, {f.Inconclusive, "inconclusive"}, {f.Errors, "in error"}, {f.Unfinished, "unfinished"}, {f.NotSupported, "not supported"}, {f.Skipped, "skipped"}} {
		if n.n > 0 {
			of = append(of, fmt.Sprintf("%s %s", count(n.n), n.name))
		}
	}
	cases := Tile{"Cases passed", fmt.Sprintf("%s of %s", count(f.Passed), count(max(f.Cases, len(run.Order)))), strings.Join(of, ", "), Good}
	if f.Failed > 0 {
		cases.Tone = Bad
	} else if f.Passed < f.Cases-f.Skipped-f.NotSupported || f.Cases < len(run.Order) {
		cases.Tone = Odd
	}
	tiles := Tiles{
		cases,
		{"Cells judged", count(f.Cells - f.CellsObserved), fmt.Sprintf("%s wrong, %s inconclusive; %s more undefined", count(f.CellsFailed), count(f.CellsVoid), count(f.CellsObserved)), Plain},
		{"Leaks", count(f.Leaks), "cells that let through what a policy denies", wrongIf(f.Leaks, Bad)},
		{"Outages", count(f.Outages), "cells that deny what must pass", wrongIf(f.Outages, Warn)},
		{"Convergence p50", orLate(f.ConvergenceP50, f), fmt.Sprintf("p99 %s, slowest %s, n=%s", orLate(f.ConvergenceP99, f), orLate(f.ConvergenceMax, f), count(f.ConvergenceN)), Plain},
	}
	if sent := run.Sentinel; sent != nil && sent.Flows > 0 {
		leaked, lost := sent.UDP.Leaked+sent.TCP.Leaked, sent.UDP.Lost+sent.TCP.Lost
		tile := Tile{"Sentinels", strings.ToLower(string(sent.Outcome)), fmt.Sprintf("%s of %s packets leaked, %s of %s lost", count(leaked), count(sent.UDP.MustDrop+sent.TCP.MustDrop), count(lost), count(sent.UDP.MustPass+sent.TCP.MustPass)), tone(sent.Outcome)}
		tiles = append(tiles, tile)
	}
	if f.DetectableConnections != nil {
		tiles = append(tiles, Tile{"Certainty", fmt.Sprintf("%.2g %%", 100**f.DetectableConnections), fmt.Sprintf("of new connections, n=%s: rarer leaks may be unseen (95 %%)", count(f.DeniedConnections)), Plain})
	}
	return tiles
}

// orLate is a quantile of convergence, whose rank may fall on a cell that was never right.
func orLate(q *float64, f v1.Figures) string {
	if q == nil && f.ConvergenceCensored > 0 {
		return "never"
	}
	return ms(q)
}

// linkTo opens a case in the explorer.
func linkTo(name string) string { return "#case=" + url.PathEscape(name) }

// mostWrong is how many cases are told of without the page's script.
const mostWrong = 60

// wrongCases are those that did not pass, and why.
func wrongCases(run *v1.Run) Table {
	t := Table{Caption: "Cases that did not pass", Head: Columns("Case", "Outcome", "Why")}
	n := 0
	for i := range run.Cases {
		c := &run.Cases[i]
		if c.Outcome == v1.Pass || c.Outcome == v1.Skipped || c.Outcome == v1.NotSupported {
			continue
		}
		if n++; n <= mostWrong {
			t.Rows = append(t.Rows, []Cell{{Text: c.Name, Link: linkTo(c.Name)}, {Text: string(c.Outcome), Tone: tone(c.Outcome)}, {Text: c.Reason}})
		}
	}
	t.Caption = fmt.Sprintf("%s: %s", t.Caption, count(n))
	if n > mostWrong {
		t.Caption += fmt.Sprintf(", the first %d", mostWrong)
	}
	t.Fold = n > 12
	return t
}

// undefined is what was seen of what the API leaves open.
func undefined(run *v1.Run) Table {
	t := Table{Head: Columns("Where", "Path", "Flow", "Observed", "#Allowed", "#Denied", "#Both", "#Unknown")}
	all := run.Observed()
	for i := range all {
		o := &all[i]
		t.Rows = append(t.Rows, plain(whereObserved(o), o.Path, flowObserved(o), cmp.Or(o.Verdict, "unknown"), count(o.Allowed), count(o.Denied), count(o.Mixed), count(o.Unknown)))
	}
	t.Caption = fmt.Sprintf("Undefined by the API: %d kinds of cells", len(t.Rows))
	t.Fold = len(t.Rows) > 12
	return t
}

func whereObserved(o *v1.Observed) string {
	if o.Case == "" {
		return "any pod to itself"
	}
	return fmt.Sprintf("%s, step %q", o.Case, o.Step)
}

func flowObserved(o *v1.Observed) string {
	if o.Case == "" {
		return ""
	}
	cell := v1.Cell{Port: o.Port, Protocol: o.Protocol, Form: o.Form}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", cell.Probe(), o.Family, o.Flow))
}

// conditions are what the run was made under, and how it is made again.
func conditions(run *v1.Run) []Block {
	t := run.Timing
	seconds := func(v *float64) string {
		if v == nil {
			return ""
		}
		return fmt.Sprintf("%.1f s", *v)
	}
	all := facts(
		"Engine", run.Engine+" "+cmp.Or(run.EngineVersion, "of this netassay"), "Cluster", run.Cluster, "Kubernetes", run.Kubernetes, "Kernel", run.Kernel,
		"Nodes", strconv.Itoa(run.Nodes), "IP families", strings.Join(run.Families, ", "), "Run", run.ID, "netassay", run.Tool,
		"Seed", strconv.FormatUint(run.Seed, 10), "Cases at once", strconv.Itoa(run.Parallel), "Paths", run.Paths,
		"Probe timeout", exactly(t.Timeout), "Silence", exactly(t.Silence), "Hold", exactly(t.Hold), "Deadline", exactly(t.Deadline),
		"Rounds", fmt.Sprintf("every %s, %s while changing", exactly(t.RoundEvery), exactly(t.FastEvery)),
		"Lab ready after", seconds(run.LabReady), "Cluster made in", seconds(run.ClusterSeconds), "Images made in", seconds(run.ImageSeconds),
		"Started", moment(run.Started), "Finished", finished(run.Finished),
	)
	blocks := []Block{all}
	rows := [][]Cell{}
	for _, l := range run.Lacks {
		rows = append(rows, plain("not judged", l))
	}
	for _, p := range run.Resumed {
		rows = append(rows, plain("resumed", fmt.Sprintf("run %s, in which %d cases were judged", p.ID, p.Cases)))
	}
	for _, n := range run.Notes {
		rows = append(rows, plain("note", n))
	}
	if run.Sentinel != nil {
		for _, n := range run.Sentinel.Notes {
			rows = append(rows, plain("sentinels", n))
		}
	}
	if len(rows) > 0 {
		blocks = append(blocks, Table{Caption: "Notes", Head: Columns("Kind", "Note"), Rows: rows})
	}
	return append(blocks, Code(command(run.Command, reproduce(run)...)))
}

// reproduce is a command that makes the same run, of one that doesn't say how it was made.
func reproduce(run *v1.Run) []string {
	args := []string{"netassay", "conformance", "--engine", run.Engine}
	if provider, _, _ := strings.Cut(run.Cluster, "-"); provider != "" && provider != "lab" {
		args = append(args, "--provider", provider)
	}
	args = append(args, "--seed", strconv.FormatUint(run.Seed, 10), "--parallel", strconv.Itoa(run.Parallel))
	if run.Paths != "" {
		args = append(args, "--paths", run.Paths)
	}
	if len(run.Families) == 1 {
		args = append(args, "--ip-family", strings.ToLower(run.Families[0]))
	}
	if n := len(run.Order); n > 0 && n <= 20 {
		args = append(args, "--case", strings.Join(slices.Sorted(slices.Values(run.Order)), ","))
	}
	return args
}
