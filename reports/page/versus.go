package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// versus is the cases of several runs, as the page's script filters and shows them.
type versus struct {
	Engines []string     `json:"engines"`
	Kinds   [][3]string  `json:"kinds"` // of cells: path, family, protocol
	Cases   []versusCase `json:"cases"`
}

type versusCase struct {
	Name     string        `json:"name"`
	Title    string        `json:"title,omitempty"`
	Features []string      `json:"features,omitempty"`
	Sides    []*versusSide `json:"sides"` // of the engines in their order; nil of one that has not played it
}

// versusSide is what became of a case with one engine.
type versusSide struct {
	Outcome string   `json:"outcome"`
	Reason  string   `json:"reason,omitempty"`
	Counts  [][5]int `json:"counts"`          // kind, cells, leaks, outages, inconclusive; undefined ones don't count
	First   []string `json:"first,omitempty"` // wrong cells in words
}

// mostFirst is how many wrong cells are told of each case and engine.
const mostFirst = 5

func versusOf(sides []Side) *versus {
	v := &versus{}
	var kinds numbered[[3]string]
	cases := map[string]*versusCase{}
	for i := range sides {
		v.Engines = append(v.Engines, sides[i].Name)
		for j := range sides[i].Run.Cases {
			c := &sides[i].Run.Cases[j]
			it := cases[c.Name]
			if it == nil {
				it = &versusCase{Name: c.Name, Title: c.Title, Features: c.Features, Sides: make([]*versusSide, len(sides))}
				cases[c.Name] = it
			}
			it.Sides[i] = versusSideOf(c, &kinds)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		v.Cases = append(v.Cases, *cases[name])
	}
	v.Kinds = kinds.all
	return v
}

func versusSideOf(c *v1.Case, kinds *numbered[[3]string]) *versusSide {
	s := &versusSide{Outcome: string(c.Outcome), Reason: c.Reason, Counts: [][5]int{}}
	at := map[uint32]int{}
	for i := range c.Steps {
		for j := range c.Steps[i].Cells {
			cell := &c.Steps[i].Cells[j]
			if cell.Want == "Undefined" {
				continue
			}
			kind := kinds.of([3]string{cell.Path, cell.Family, cell.Protocol})
			if _, ok := at[kind]; !ok {
				at[kind] = len(s.Counts)
				s.Counts = append(s.Counts, [5]int{int(kind)})
			}
			n := &s.Counts[at[kind]]
			n[1]++
			n[2] += bit(cell.Outcome == v1.Fail && cell.Kind != v1.Outage)
			n[3] += bit(cell.Outcome == v1.Fail && cell.Kind == v1.Outage)
			n[4] += bit(cell.Outcome == v1.Inconclusive)
			if cell.Outcome == v1.Fail && len(s.First) < mostFirst {
				s.First = append(s.First, fmt.Sprintf("%s: %s: %s, %s", cell.Step, cell.InWords(), cmp.Or(string(cell.Kind), "wrong"), cell.Reason))
			}
		}
	}
	return s
}

// table is all of it for those who have no script, or can't see.
func (v *versus) table() Table {
	t := Table{Caption: fmt.Sprintf("The same as a table: %s cases", count(len(v.Cases))), Fold: true, Head: Columns("Case")}
	for _, name := range v.Engines {
		t.Head = append(t.Head, Column{Name: name})
	}
	for i := range v.Cases {
		row := plain(v.Cases[i].Name)
		for _, s := range v.Cases[i].Sides {
			row = append(row, s.cell())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// cell is a side in few words: its outcome, and how many cells were wrong.
func (s *versusSide) cell() Cell {
	if s == nil {
		return Cell{Text: "not played"}
	}
	var leaks, outages int
	for _, n := range s.Counts {
		leaks, outages = leaks+n[2], outages+n[3]
	}
	words := []string{s.Outcome}
	if leaks > 0 {
		words = append(words, fmt.Sprintf("▲ %s", count(leaks)))
	}
	if outages > 0 {
		words = append(words, fmt.Sprintf("▼ %s", count(outages)))
	}
	return Cell{Text: strings.Join(words, " "), Tone: tone(v1.Outcome(s.Outcome))}
}
