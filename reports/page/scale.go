package page

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// How charts of scale are read.
const (
	latencyNote = "From the API server's answer to right on the slowest pair of a change, and staying so. What was right before the answer stands at the left end. The dashed line is the floor: what the method takes without an engine."
	memoryNote  = "Of a repeat the largest reading of a phase, of repeats the median. The kernel's share is what an engine has it keep: sets, and what its cgroup is charged for."
)

// scale is the page of a scale run; sum is nil while it goes on.
func scale(data *v1.ScaleData, sum *v1.ScaleSummary, s State) *Document {
	r := &data.Run
	engines := strings.Join(engineNames(r), ", ")
	kind := "netassay scale"
	if len(data.Samples) == 0 && len(data.Readings) > 0 {
		kind = "netassay footprint"
	}
	var verdict v1.Verdict
	if sum != nil {
		verdict = sum.Verdict
	}
	badge := s.badge(verdict)
	d := &Document{
		Title: fmt.Sprintf("%s: scale of %s", badge.Text, engines), Kind: kind, Name: engines,
		Lead:  fmt.Sprintf("%s. %s, Kubernetes %s, %d CPUs. %s", r.Profile, r.Cluster, r.Kubernetes, r.CPUs, s.when(r.Started, r.Finished)),
		Badge: badge,
	}
	for _, t := range r.Turns {
		for _, why := range t.Void {
			d.Alerts = append(d.Alerts, fmt.Sprintf("%s, repeat %d, is void: %s", t.Engine, t.Repeat, why))
		}
	}
	groups := transitions(data)
	d.section("summary", "Summary", "", scaleTiles(data, sum, groups), sideBySide(sum), reasons(sum))
	if blocks := edits(sum); len(blocks) > 0 {
		d.section("edits", "Edits and restarts", editsNote, blocks...)
	}
	if len(groups) > 0 {
		d.section("latency", "Latency by transition", latencyNote, latency(data, sum, groups)...)
	}
	if blocks := wrongPackets(data); len(blocks) > 0 {
		d.section("time", "Leaks and outages", "Packets that got the wrong verdict because of a change, and when.", blocks...)
	}
	if blocks := memory(data); len(blocks) > 0 {
		d.section("memory", "Memory by phase", memoryNote, blocks...)
	}
	if blocks := growth(data, sum); len(blocks) > 0 {
		d.section("growth", "Growth", "", blocks...)
	}
	d.section("conditions", "Conditions", "", scaleConditions(r)...)
	return d
}

// transition are the changes of one kind, by engine.
type transition struct {
	name    string
	engines grouped // a sample is a change: its slowest pair
}

// void reports whether a turn counts for nothing.
func void(r *v1.ScaleRun, engine string, repeat int) bool {
	return slices.ContainsFunc(r.Turns, func(t v1.Turn) bool { return t.Engine == engine && t.Repeat == repeat && len(t.Void) > 0 })
}

// transitions groups samples, the floor last. Changes that no flow had to follow have no time.
func transitions(d *v1.ScaleData) []transition {
	type change struct {
		transition, engine string
		repeat, n          int
	}
	var order []change
	slowest := map[change]float64{}
	for i := range d.Samples {
		s := &d.Samples[i]
		if _, _, edit := v1.ParseEdit(s.Transition); edit || s.Void != "" || void(&d.Run, s.Engine, s.Repeat) {
			continue
		}
		c := change{s.Transition, s.Engine, s.Repeat, s.Change}
		took := math.Inf(1)
		if s.Stable != nil {
			took = *s.Stable - s.Ack
		}
		if _, ok := slowest[c]; !ok {
			order = append(order, c)
			slowest[c] = took
		}
		slowest[c] = max(slowest[c], took)
	}
	var out []transition
	for _, c := range order {
		i := slices.IndexFunc(out, func(t transition) bool { return t.name == c.transition })
		if i < 0 {
			i = len(out)
			out = append(out, transition{name: c.transition})
		}
		out[i].engines.add(c.engine, slowest[c])
	}
	slices.SortStableFunc(out, func(a, b transition) int { return cmp.Compare(place(a.name), place(b.name)) })
	return out
}

// place is where a transition stands: those of the table first, and the floor last.
func place(name string) int {
	known := []string{v1.PolicyCreate, v1.PolicyDelete, v1.IPBlockEdit, v1.Revoke, "grant", v1.LabelChange, v1.PodCreate, "pod-delete"}
	switch i := slices.Index(known, name); {
	case i >= 0:
		return i
	case name == v1.Floor:
		return len(known) + 1
	}
	return len(known)
}

// scaleTiles are what is read first.
func scaleTiles(d *v1.ScaleData, sum *v1.ScaleSummary, groups []transition) Tiles {
	changes, never := 0, 0
	for _, t := range groups {
		for _, g := range t.engines {
			changes += len(g.samples)
			never += late(g.samples)
		}
	}
	tiles := Tiles{}
	if len(groups) > 0 {
		tiles = append(tiles, Tile{"Changes timed", count(changes), fmt.Sprintf("of %d kinds; %s never right", len(groups), count(never)), wrongIf(never, Warn)})
	}
	if sum == nil {
		return append(tiles, Tile{"Samples", count(len(d.Samples)), "pairs, so far", Plain}, Tile{"Readings", count(len(d.Readings)), "so far", Plain})
	}
	if len(sum.Engines) == 1 {
		tiles = append(tiles, engineTiles(&sum.Engines[0], len(groups) > 0)...)
	}
	return tiles
}

// sideBySide is a row for each of several engines.
func sideBySide(sum *v1.ScaleSummary) Block {
	if sum == nil || len(sum.Engines) < 2 {
		return Facts(nil)
	}
	t := Table{Caption: "Engines side by side", Head: Columns("Engine", "Version", "#Repeats", "#Slowest p99", "Of", "#Packets leaked", "#Packets lost", "#Most memory when loaded")}
	for i := range sum.Engines {
		e := &sum.Engines[i]
		row := plain(e.Engine, e.Version, count(e.Repeats), "–", "–", count(e.LeakPackets), count(e.LostPackets), "–")
		if slow := slowest(e.Transitions); slow != nil {
			row[3].Text, row[4].Text = figure(slow.P99), slow.Transition
		}
		if v := mostMemory(e); v != "" {
			row[7].Text = v
		}
		row[5].Tone, row[6].Tone = wrongIf(e.LeakPackets, Bad), wrongIf(e.LostPackets, Warn)
		t.Rows = append(t.Rows, row)
	}
	return t
}

// mostMemory is what an engine ever had resident when the load was there, "" when nobody looked.
func mostMemory(e *v1.EngineSummary) string {
	for _, row := range e.Memory {
		if loaded := row.At(v1.PhaseLoaded); row.Name == v1.HWM && loaded != nil {
			return v1.Quantity(*loaded, row.Unit)
		}
	}
	return ""
}

// engineTiles are those of one engine; of a run in which nothing is timed, its memory alone.
func engineTiles(e *v1.EngineSummary, timed bool) Tiles {
	var tiles Tiles
	if slow := slowest(e.Transitions); slow != nil {
		tiles = append(tiles, Tile{"Slowest p99", figure(slow.P99), slow.Transition + fmt.Sprintf(", n=%d", slow.N), Plain})
	}
	if timed {
		tiles = append(tiles, Tile{"Packets leaked", count(e.LeakPackets), count(e.LostPackets) + " lost", wrongIf(e.LeakPackets, Bad)})
	}
	if v := mostMemory(e); v != "" {
		tiles = append(tiles, Tile{"Most memory", v, "resident when loaded", Plain})
	}
	return tiles
}

// slowest is the transition of the largest p99; one that is beyond the deadline is larger than all.
func slowest(all []v1.Transition) *v1.Transition {
	var slow *v1.Transition
	for i := range all {
		t := &all[i]
		if slow == nil || t.P99.Value == nil || slow.P99.Value != nil && *t.P99.Value > *slow.P99.Value {
			slow = t
		}
	}
	return slow
}

func figure(f v1.Figure) string {
	if f.Value == nil && f.Over == nil {
		return "–"
	}
	if f.Value == nil {
		return fmt.Sprintf("> %g s", *f.Over/1000)
	}
	return ms(f.Value)
}

func reasons(sum *v1.ScaleSummary) Block {
	t := Table{Caption: "What engines were held to, and what they lack", Head: Columns("Engine", "What")}
	if sum != nil {
		for _, r := range sum.Reasons {
			t.Rows = append(t.Rows, plain("", r))
		}
		for i := range sum.Engines {
			for _, why := range sum.Engines[i].Void {
				t.Rows = append(t.Rows, plain(sum.Engines[i].Engine, why))
			}
			for _, l := range sum.Engines[i].Lacks {
				t.Rows = append(t.Rows, plain(sum.Engines[i].Engine, fmt.Sprintf("lacks %s: %s", l.What, l.Reason)))
			}
		}
	}
	if len(t.Rows) == 0 {
		return Facts(nil)
	}
	return t
}

func scaleConditions(r *v1.ScaleRun) []Block {
	blocks := []Block{facts(
		"Profile", r.Profile, "Changes", r.Churn, "Cluster", r.Cluster, "Kubernetes", r.Kubernetes, "Kernel", r.Kernel,
		"Machine", fmt.Sprintf("%d CPUs, %s", r.CPUs, v1.Quantity(float64(r.Memory), v1.UnitBytes)), "Run", r.ID, "netassay", r.Tool,
		"A packet each", exactly(r.Timing.Period), "Hold", exactly(r.Timing.Hold), "Deadline", exactly(r.Timing.Deadline),
		"Started", moment(r.Started), "Finished", finished(r.Finished),
	)}
	t := Table{Caption: "Engines", Head: Columns("Engine", "Version", "Limits")}
	for _, e := range r.Engines {
		t.Rows = append(t.Rows, plain(e.Name, e.Version, limits(e.Limits)))
	}
	notes := Table{Caption: "Notes", Head: Columns("Note")}
	for _, n := range r.Notes {
		notes.Rows = append(notes.Rows, plain(n))
	}
	notes.Fold = len(notes.Rows) > 8
	blocks = append(blocks, t)
	if len(notes.Rows) > 0 {
		blocks = append(blocks, notes)
	}
	return append(blocks, Code(command(r.Command, "netassay", "scale", "--engine", strings.Join(engineNames(r), ","), "--profile", quoted(r.Profile))))
}

func engineNames(r *v1.ScaleRun) []string {
	var names []string
	for _, e := range r.Engines {
		names = append(names, e.Name)
	}
	return names
}

func limits(l *v1.Limits) string {
	if l == nil {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(l.P99)) {
		parts = append(parts, fmt.Sprintf("%s p99 %g ms", name, l.P99[name]))
	}
	if l.LeakPackets != nil {
		parts = append(parts, fmt.Sprintf("%d leaked packets", *l.LeakPackets))
	}
	if l.HWM != nil {
		parts = append(parts, v1.Quantity(*l.HWM, v1.UnitBytes)+" resident")
	}
	if l.CPUShare != nil {
		parts = append(parts, fmt.Sprintf("%g %% of a core", *l.CPUShare))
	}
	return strings.Join(parts, ", ")
}
