package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Conformance compares runs of the suite. Each side may have several, which repeat each other:
// what failed in one of them counts as failed.
func Conformance(baseName, headName string, base, head []*v1.Run) *Report {
	r := &Report{Experiment: "conformance", Base: runSide(baseName, base), Head: runSide(headName, head)}
	r.Conditions = differing(base[0].Conditions(), head[0].Conditions())
	b, h := casesOf(base), casesOf(head)
	for _, name := range slices.Sorted(maps.Keys(union(b, h))) {
		r.compareCase(name, b[name], h[name])
	}
	if r.Compared == 0 {
		r.Why = append(r.Why, "no case was played on both sides: play the same ones")
	}
	r.sentinels(base, head)
	r.Observed = observed(base, head)
	r.notePieces("base", base)
	r.notePieces("head", head)
	r.conclude()
	return r
}

func runSide(name string, runs []*v1.Run) Side {
	s := Side{Name: name, Engine: runs[0].Engine, Version: cmp.Or(runs[0].EngineVersion, runs[0].Tool), Runs: len(runs)}
	var all []v1.Verdict
	for _, r := range runs {
		all = append(all, r.Verdict())
	}
	s.Verdict = worst(all)
	return s
}

// key is a cell of a case, whatever became of it.
type key struct {
	step, client, server, path, family, flow, protocol, form, want string
	port, payload                                                  uint16
}

func keyOf(c *v1.Cell) key {
	return key{
		step: c.Step, client: c.Client, server: c.Server, path: c.Path, family: c.Family, flow: c.Flow, protocol: c.Protocol,
		form: c.Form, want: c.Want, port: c.Port, payload: c.Payload,
	}
}

// theCase is what the runs of one side say about a case.
type theCase struct {
	outcome v1.Outcome
	reason  string
	cells   map[key]*v1.Cell
}

// casesOf are the cases of a side, each with the worst of its runs.
func casesOf(runs []*v1.Run) map[string]*theCase {
	out := map[string]*theCase{}
	for _, run := range runs {
		for i := range run.Cases {
			c := &run.Cases[i]
			it := out[c.Name]
			if it == nil {
				it = &theCase{cells: map[key]*v1.Cell{}}
				out[c.Name] = it
			}
			if it.outcome == "" || gravity(c.Outcome) > gravity(it.outcome) {
				it.outcome, it.reason = c.Outcome, c.Reason
			}
			it.add(c)
		}
	}
	return out
}

func (t *theCase) add(c *v1.Case) {
	for i := range c.Steps {
		for j := range c.Steps[i].Cells {
			cell := &c.Steps[i].Cells[j]
			k := keyOf(cell)
			if had := t.cells[k]; had == nil || gravity(cell.Outcome) > gravity(had.Outcome) {
				t.cells[k] = cell
			}
		}
	}
}

// gravity orders outcomes, the worst last.
func gravity(o v1.Outcome) int {
	return slices.Index([]v1.Outcome{v1.Skipped, v1.NotSupported, v1.Pass, v1.Unfinished, v1.Inconclusive, v1.Error, v1.Fail}, o)
}

// became is the change from one outcome to another.
func became(base, head v1.Outcome) Change {
	switch {
	case base == head:
		return Same
	case base == v1.Pass && head == v1.Fail:
		return Worse
	case base == v1.Fail && head == v1.Pass:
		return Better
	default:
		return Unsure
	}
}

func union[K comparable, V any](a, b map[K]V) map[K]V {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func (r *Report) compareCase(name string, base, head *theCase) {
	switch {
	case base == nil:
		r.OnlyHead = append(r.OnlyHead, name)
		if head.outcome == v1.Fail { // a reader wants to know, and nobody can say that it got worse
			r.Items = append(r.Items, Item{Name: name, Base: "-", Head: string(head.outcome), Change: Unsure, Why: head.reason})
		}
		return
	case head == nil:
		r.OnlyBase = append(r.OnlyBase, name)
		return
	}
	r.Compared++
	item := Item{Name: name, Base: string(base.outcome), Head: string(head.outcome), Change: became(base.outcome, head.outcome), Why: head.reason}
	if item.Change == Better {
		item.Why = "was: " + base.reason
	}
	for k, b := range base.cells {
		if h := head.cells[k]; h != nil {
			r.Cells++
			if c, changed := compareCell(k, b, h); changed {
				item.Cells = append(item.Cells, c)
			}
		}
	}
	slices.SortFunc(item.Cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Change.urgency(), b.Change.urgency()), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Want, b.Want))
	})
	if len(item.Cells) > 0 && item.Change != Worse && item.Cells[0].Change.urgency() < item.Change.urgency() {
		item.Change = item.Cells[0].Change
	}
	if item.Change != Same {
		r.Items = append(r.Items, item)
	}
}

// compareCell tells a cell that changed. A failure that was an outage and is a leak is worse.
func compareCell(k key, base, head *v1.Cell) (Cell, bool) {
	c := Cell{Step: k.step, Flow: head.InWords(), Want: k.want, Base: outcome(base), Head: outcome(head), Change: became(base.Outcome, head.Outcome), Evidence: cmp.Or(head.Evidence, head.Reason)}
	switch {
	case base.Outcome != v1.Fail || head.Outcome != v1.Fail || base.Kind == head.Kind:
	case head.Kind == v1.Leak:
		c.Change = Worse
	default:
		c.Change = Better
	}
	return c, c.Change != Same
}

func outcome(c *v1.Cell) string {
	if c.Kind == "" {
		return string(c.Outcome)
	}
	return fmt.Sprintf("%s (%s)", c.Outcome, c.Kind)
}

// sentinels compares the flows that are watched all through a run as one more item.
func (r *Report) sentinels(base, head []*v1.Run) {
	worst := func(runs []*v1.Run) (o v1.Outcome, why string) {
		for _, run := range runs {
			if s := run.Sentinel; s != nil && (o == "" || gravity(s.Outcome) > gravity(o)) {
				o, why = s.Outcome, s.Reason
			}
		}
		return o, why
	}
	b, _ := worst(base)
	h, why := worst(head)
	if b == "" || h == "" || b == h {
		return
	}
	r.Items = append(r.Items, Item{Name: "sentinels", Base: string(b), Head: string(h), Change: became(b, h), Why: why})
}

// observed is what the API leaves undefined and the sides do otherwise.
func observed(base, head []*v1.Run) []Differing {
	sums := func(runs []*v1.Run) map[string]string {
		out := map[string]string{}
		for _, run := range runs {
			for _, o := range run.Observed() {
				what := strings.Join(slices.DeleteFunc([]string{o.Case, o.Step, o.Path, o.Family, o.Protocol, portOf(o.Port), o.Form, o.Flow}, func(s string) bool { return s == "" }), ", ")
				if had, ok := out[what]; ok && had != o.Verdict {
					o.Verdict = v1.ObservedMixed
				}
				out[what] = o.Verdict
			}
		}
		return out
	}
	b, h := sums(base), sums(head)
	return slices.DeleteFunc(differing(b, h), func(d Differing) bool { return d.Base == "" || d.Head == "" })
}

func portOf(port uint16) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(int(port))
}

// notePieces notes what of a side did not come to its end.
func (r *Report) notePieces(side string, runs []*v1.Run) {
	for _, run := range runs {
		if run.Finished.IsZero() {
			r.Notes = append(r.Notes, fmt.Sprintf("%s is unfinished: run %s was killed or goes on, what it saw until then counts", side, run.ID))
		}
	}
}
