package page

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Side is a run of the suite among several that are looked at side by side.
type Side struct {
	Name string // no other side's
	Dir  string // where its own page is
	Run  *v1.Run
}

// Sides name runs by their engines, those of one engine by their versions and directories too.
func Sides(runs []*v1.Run, dirs []string) []Side {
	names := []func(i int) string{
		func(i int) string { return runs[i].Engine },
		func(i int) string { return strings.TrimSpace(runs[i].Engine + " " + runs[i].EngineVersion) },
		func(i int) string { return runs[i].Engine + ", " + dirs[i] },
	}
	out := make([]Side, len(runs))
	for i := range runs {
		for _, name := range names {
			out[i] = Side{Name: name(i), Dir: dirs[i], Run: runs[i]}
			if !slices.ContainsFunc(runs, func(r *v1.Run) bool { return r != runs[i] && name(slices.Index(runs, r)) == out[i].Name }) {
				break
			}
		}
	}
	return out
}

// WriteComparison writes a page of several engines side by side: runs of the suite, and what was
// measured at scale, which may be nil with its figures. troubles are what a reader has to know of
// what was read, one line each.
func WriteComparison(w io.Writer, sides []Side, data *v1.ScaleData, sum *v1.ScaleSummary, troubles []string) error {
	var names []string
	for i := range sides {
		names = append(names, sides[i].Name)
	}
	if data != nil {
		for _, name := range engineNames(&data.Run) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	d := &Document{
		Title: "netassay: " + strings.Join(names, ", "), Kind: "netassay report compare", Name: strings.Join(names, ", "),
		Lead:  fmt.Sprintf("%d engines side by side.", len(names)),
		Badge: Badge{"comparison", Plain}, Alerts: troubles, Source: "the results that its conditions name",
	}
	if len(sides) > 0 {
		d.suites(sides)
	}
	if data != nil {
		d.measured(data, sum)
	}
	var conditions []Block
	if len(sides) > 0 {
		conditions = append(conditions, sidesConditions(sides))
		for i := range sides {
			conditions = append(conditions, Code(command(sides[i].Run.Command, reproduce(sides[i].Run)...)))
		}
	}
	if data != nil {
		conditions = append(conditions, scaleConditions(&data.Run)...)
	}
	d.section("conditions", "Conditions", "Times of runs whose conditions differ don't compare.", conditions...)
	return d.Write(w)
}

// suites are the parts about runs of the suite.
func (d *Document) suites(sides []Side) {
	d.versus = versusOf(sides)
	if differ := differing(sides); len(differ) > 0 {
		d.Alerts = append(d.Alerts, "These conditions are not equal: "+strings.Join(differ, ", ")+". Verdicts compare, times do not.")
	}
	d.section("summary", "Summary", "", sidesTable(sides))
	d.section("cases", "Cases of each engine", "The worst that was seen of each case. Choose a case to see what decided; the page of each run has every cell.",
		Mount{"versus", "Cases by engine"}, d.versus.table())
	d.section("convergence", "Convergence", "Of cells whose verdict a step changes, from the API server's answer to right and stable: in cases that all have played. What never became right stays below 100 %.", sidesConvergence(sides)...)
	if t := sidesUndefined(sides); len(t.Rows) > 0 {
		d.section("undefined", "Observed, not judged", "What the API leaves undefined.", t)
	}
}

// measured are the parts about what was measured at scale.
func (d *Document) measured(data *v1.ScaleData, sum *v1.ScaleSummary) {
	groups := transitions(data)
	d.section("scale", "At scale", "", sideBySide(sum), reasons(sum))
	if len(groups) > 0 {
		d.section("latency", "Latency by transition", latencyNote, latency(data, sum, groups)...)
	}
	if blocks := memory(data); len(blocks) > 0 {
		d.section("memory", "Memory by phase", memoryNote, blocks...)
	}
	if blocks := growth(data, sum); len(blocks) > 0 {
		d.section("growth", "Growth", "", blocks...)
	}
}

// differing names the conditions that are not equal.
func differing(sides []Side) []string {
	all := make([]map[string]string, len(sides))
	for i := range sides {
		all[i] = sides[i].Run.Conditions()
	}
	return v1.Unequal(all...)
}

// sidesTable has a row for each side.
func sidesTable(sides []Side) Table {
	t := Table{Caption: "Runs of the suite side by side", Head: Columns("Engine", "Version", "Verdict", "#Passed", "#Failed", "#Inconclusive", "#Not supported", "#Leaks", "#Outages",
		"#Convergence p50", "#p99", "#n", "#Sentinels leaked", "#Sentinels lost")}
	for i := range sides {
		run := sides[i].Run
		f := run.Figures()
		verdict, told := run.Verdict(), ""
		if told = string(verdict); run.Finished.IsZero() {
			told = "unfinished"
		}
		row := plain(sides[i].Name, cmp.Or(run.EngineVersion, run.Tool), told, fmt.Sprintf("%s of %s", count(f.Passed), count(max(f.Cases, len(run.Order)))), count(f.Failed),
			count(f.Inconclusive+f.Errors+f.Unfinished), count(f.NotSupported), count(f.Leaks), count(f.Outages),
			orLate(f.ConvergenceP50, f), orLate(f.ConvergenceP99, f), count(f.ConvergenceN), "–", "–")
		row[2].Tone, row[4].Tone, row[5].Tone = ToneOf(verdict), wrongIf(f.Failed, Bad), wrongIf(f.Inconclusive+f.Errors+f.Unfinished, Odd)
		row[7].Tone, row[8].Tone = wrongIf(f.Leaks, Bad), wrongIf(f.Outages, Warn)
		if f.SentinelLeaked != nil && f.SentinelLost != nil {
			row[12] = Cell{Text: count(*f.SentinelLeaked), Tone: wrongIf(*f.SentinelLeaked, Bad)}
			row[13] = Cell{Text: count(*f.SentinelLost), Tone: wrongIf(*f.SentinelLost, Warn)}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// sidesConvergence is a chart for each kind of transition, a line in it for each side.
func sidesConvergence(sides []Side) []Block {
	played := map[string]int{}
	for i := range sides {
		for j := range sides[i].Run.Cases {
			if len(sides[i].Run.Cases[j].Steps) > 0 {
				played[sides[i].Run.Cases[j].Name]++
			}
		}
	}
	var all Group
	for i, became := range []string{becameAllowed, becameDenied} {
		var groups grouped
		for j := range sides {
			for c := range sides[j].Run.EachCell {
				if v, ok := c.Convergence(); ok && played[c.Case] == len(sides) && becomes(c) == became {
					groups.add(sides[j].Name, v)
				}
			}
		}
		if len(groups) > 0 {
			all = append(all, distributions(fmt.Sprintf("convergence-%d", i), "Share of cells that "+became+", right and stable", groups, sidesMarks(sides)))
		}
	}
	if len(all) == 0 {
		return []Block{Facts{{"Changed cells", "none was judged in a case that all have played"}}}
	}
	return []Block{all}
}

// sidesMarks is the largest of the floors, which tells from where on times are an engine's.
func sidesMarks(sides []Side) []Mark {
	var floor float64
	for i := range sides {
		if s := sides[i].Run.Sentinel; s != nil && s.Floor.DelayP50 != nil {
			floor = max(floor, *s.Floor.DelayP50)
		}
	}
	if floor == 0 {
		return nil
	}
	return []Mark{{X: floor, Text: "floor p50: a connection without a policy"}}
}

// sidesUndefined is what the API leaves open, a column for each side.
func sidesUndefined(sides []Side) Table {
	t := Table{Head: Columns("Where", "Path", "Flow")}
	rows := map[[3]string][]string{}
	var order [][3]string
	for i := range sides {
		t.Head = append(t.Head, Column{Name: sides[i].Name})
		all := sides[i].Run.Observed()
		for j := range all {
			key := [3]string{whereObserved(&all[j]), all[j].Path, flowObserved(&all[j])}
			if rows[key] == nil {
				rows[key] = make([]string, len(sides))
				order = append(order, key)
			}
			rows[key][i] = cmp.Or(all[j].Verdict, "unknown")
		}
	}
	for _, key := range order {
		t.Rows = append(t.Rows, plain(slices.Concat(key[:], rows[key])...))
	}
	t.Caption = fmt.Sprintf("Undefined by the API: %d kinds of cells", len(t.Rows))
	t.Fold = len(t.Rows) > 12
	return t
}

// sidesConditions has a row for each condition; those that differ are marked.
func sidesConditions(sides []Side) Table {
	t := Table{Caption: "Conditions of the runs of the suite", Head: Columns("What")}
	differ := differing(sides)
	rows := map[string][]Cell{}
	for i := range sides {
		t.Head = append(t.Head, Column{Name: sides[i].Name})
		run := sides[i].Run
		values := run.Conditions()
		values["~result"], values["~run"], values["~netassay"], values["~started"] = sides[i].Dir, run.ID, run.Tool, moment(run.Started)
		for name, v := range values {
			cell := Cell{Text: v}
			if slices.Contains(differ, name) {
				cell.Tone = Odd
			}
			rows[name] = append(rows[name], cell)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		t.Rows = append(t.Rows, append(plain(strings.TrimPrefix(name, "~")), rows[name]...))
	}
	return t
}
