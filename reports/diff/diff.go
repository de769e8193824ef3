package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Change is what became of something from base to head.
type Change string

// The changes, the most urgent first.
const (
	Worse  Change = "worse"
	Better Change = "better"
	Unsure Change = "unsure" // one of the sides says nothing about it
	Same   Change = "same"
)

func (c Change) urgency() int { return slices.Index([]Change{Worse, Better, Unsure, Same}, c) }

// Report is all that changed.
type Report struct {
	Experiment string `json:"experiment"`
	// Conclusion is worse, better or same; unsure when the two can't be compared.
	Conclusion Change      `json:"conclusion"`
	Base       Side        `json:"base"`
	Head       Side        `json:"head"`
	Why        []string    `json:"why,omitempty"`        // they can't be compared
	Conditions []Differing `json:"conditions,omitempty"` // that are not equal
	Compared   int         `json:"compared"`             // cases, or what the experiment has in their place
	Cells      int         `json:"cells"`                // that both sides judged
	OnlyBase   []string    `json:"onlyBase,omitempty"`   // cases that the other side did not play
	OnlyHead   []string    `json:"onlyHead,omitempty"`
	Items      []Item      `json:"items,omitempty"`    // that changed, the worse first
	Observed   []Differing `json:"observed,omitempty"` // what the API leaves undefined, and is not the same
	Figures    []Figure    `json:"figures,omitempty"`
	Notes      []string    `json:"notes,omitempty"` // what a reader has to know of the figures or of the runs
}

// Side is one of the two: a run, or some that repeat each other.
type Side struct {
	Name    string     `json:"name"`
	Engine  string     `json:"engine"`
	Version string     `json:"version"` // of the engine, or of netassay when it comes with it
	Runs    int        `json:"runs"`
	Verdict v1.Verdict `json:"verdict"` // the worst of the runs'; "" of one that is unfinished
}

// Differing is something that has two values.
type Differing struct {
	What string `json:"what"`
	Base string `json:"base"`
	Head string `json:"head"`
}

// Item is a case, a step of the AKS check, or packets of one kind.
type Item struct {
	Name   string `json:"name"`
	Base   string `json:"base"` // "-" when it is not there
	Head   string `json:"head"`
	Change Change `json:"change"`
	Why    string `json:"why,omitempty"`
	Cells  []Cell `json:"cells,omitempty"` // that changed, the worse first
}

// Cell is one flow in one step of a case.
type Cell struct {
	Step     string `json:"step"`
	Flow     string `json:"flow"`
	Want     string `json:"want"`
	Base     string `json:"base"`
	Head     string `json:"head"`
	Change   Change `json:"change"`
	Evidence string `json:"evidence,omitempty"`
}

// Figure is a time or a cost on both sides. Numbers are null beyond the deadline, or when there
// are none.
type Figure struct {
	Engine string   `json:"engine"`
	Name   string   `json:"name"`
	Unit   string   `json:"unit"`
	N      [2]int   `json:"n"` // repeats of base and head
	Base   *float64 `json:"base"`
	Head   *float64 `json:"head"`
	Ratio  *float64 `json:"ratio"` // head to base, with its 95 % interval
	Lo     *float64 `json:"lo"`
	Hi     *float64 `json:"hi"`
	P      float64  `json:"p"`
	// Change is unsure where the sides don't allow a verdict about figures.
	Change Change `json:"change"`
	Told   Told   `json:"-"`
}

// Told is a figure for people.
type Told struct{ Base, Head, Change, Interval, P string }

// conclude sorts what changed and draws the conclusion: what is worse is worse, also where
// something else can't be compared.
func (r *Report) conclude() {
	slices.SortStableFunc(r.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Change.urgency(), b.Change.urgency()), cmp.Compare(a.Name, b.Name))
	})
	has := func(c Change) bool {
		return slices.ContainsFunc(r.Items, func(i Item) bool { return i.Change == c }) ||
			slices.ContainsFunc(r.Figures, func(f Figure) bool { return f.Change == c })
	}
	switch {
	case has(Worse):
		r.Conclusion = Worse
	case len(r.Why) > 0:
		r.Conclusion = Unsure
	case has(Better):
		r.Conclusion = Better
	default:
		r.Conclusion = Same
	}
}

// AddFigures takes what the statistics say. void are the reasons for which they are no verdict:
// the figures are then told, and count for nothing. alone says that there is nothing else to go
// by, and that the two can't be compared then.
func (r *Report) AddFigures(figures []Figure, void []string, alone bool) {
	for _, f := range figures {
		if len(void) > 0 {
			f.Change = Unsure
		}
		r.Figures = append(r.Figures, f)
	}
	const most = 3
	if more := len(void) - most; more > 0 {
		void = append(void[:most:most], fmt.Sprintf("and for %d more reasons", more))
	}
	for _, why := range void {
		if alone {
			r.Why = append(r.Why, why)
		} else {
			r.Notes = append(r.Notes, "times are not judged: "+why)
		}
	}
	r.conclude()
}

// Count is how many items changed so.
func (r *Report) Count(c Change) (n int) {
	for i := range r.Items {
		if r.Items[i].Change == c {
			n++
		}
	}
	return n
}

// CountCells is how many cells changed so.
func (r *Report) CountCells(c Change) (n int) {
	for i := range r.Items {
		for j := range r.Items[i].Cells {
			if r.Items[i].Cells[j].Change == c {
				n++
			}
		}
	}
	return n
}

// differing are the keys of two maps whose values are not equal, sorted.
func differing(base, head map[string]string) []Differing {
	var out []Differing
	for _, key := range slices.Sorted(maps.Keys(union(base, head))) {
		if base[key] != head[key] {
			out = append(out, Differing{What: key, Base: base[key], Head: head[key]})
		}
	}
	return out
}

// worst is the verdict of runs that repeat each other.
func worst(verdicts []v1.Verdict) v1.Verdict {
	order := []v1.Verdict{v1.VerdictPass, v1.VerdictVoid, "", v1.VerdictFail}
	return slices.MaxFunc(verdicts, func(a, b v1.Verdict) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
}
