package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// stretch is a time in which cells of one step were seen wrong.
type stretch struct {
	step  *v1.Step
	cell  *v1.Cell // the first
	cells int
	from  time.Time
	to    time.Time
}

// wrongCells are the stretches in which cells were wrong, those of one step and kind that are less
// than a round of probes apart as one. undated is how many wrong cells have no time: of records
// before steps had one.
func wrongCells(run *v1.Run) (all []stretch, undated int) {
	gap := time.Duration(run.Timing.RoundEvery * float64(time.Millisecond))
	for i := range run.Cases {
		for j := range run.Cases[i].Steps {
			step := &run.Cases[i].Steps[j]
			byKind := map[v1.FailureKind][]stretch{}
			for k := range step.Cells {
				cell := &step.Cells[k]
				switch {
				case cell.Outcome != v1.Fail:
				case step.At.IsZero():
					undated++
				default:
					byKind[cell.Kind] = append(byKind[cell.Kind], stretchesOf(step, cell)...)
				}
			}
			for _, kind := range []v1.FailureKind{v1.Leak, v1.Outage} {
				all = append(all, merged(byKind[kind], gap)...)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	return all, undated
}

// stretchesOf are when a wrong cell was seen wrong; the whole step when no probe tells. What was
// wrong before a change came through is convergence, unless nothing was wrong after it.
func stretchesOf(step *v1.Step, cell *v1.Cell) []stretch {
	acked := step.At.Add(time.Duration(step.AckMS * float64(time.Millisecond)))
	var before, after []stretch
	right := false
	for _, s := range cell.Stretches() {
		switch one := (stretch{step, cell, 1, acked.Add(s.From), acked.Add(s.To)}); {
		case s.Proof == '+':
			right = true
		case s.Proof == '-' && right:
			after = append(after, one)
		case s.Proof == '-':
			before = append(before, one)
		}
	}
	switch {
	case len(after) > 0 && cell.Changed:
		return after
	case len(before)+len(after) > 0:
		return append(before, after...)
	}
	return []stretch{{step, cell, 1, step.At, step.At.Add(time.Duration(step.Millis * float64(time.Millisecond)))}}
}

// merged makes one of stretches that are at most a gap apart.
func merged(all []stretch, gap time.Duration) []stretch {
	slices.SortStableFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	var out []stretch
	counted := map[*v1.Cell]bool{}
	for _, s := range all {
		last := len(out) - 1
		if last < 0 || s.from.Sub(out[last].to) > gap {
			clear(counted)
			counted[s.cell] = true
			out = append(out, s)
			continue
		}
		if !counted[s.cell] {
			counted[s.cell] = true
			out[last].cells++
		}
		if s.to.After(out[last].to) {
			out[last].to = s.to
		}
	}
	return out
}

func (s *stretch) tone() Tone {
	if s.cell.Kind == v1.Outage {
		return Warn
	}
	return Bad
}

// which names the cells of a stretch.
func (s *stretch) which() string {
	if s.cells == 1 {
		return s.cell.InWords()
	}
	return fmt.Sprintf("%s cells, first %s", count(s.cells), s.cell.InWords())
}

// incident is something that went wrong on the clock of a run: a finding of the sentinels, or a
// stretch of wrong cells.
type incident struct {
	lane, what, which, while string
	link                     string // to the case of a cell
	from                     time.Time
	lasted                   time.Duration
	tone                     Tone
}

// incidents are all of a run, those of the sentinels first, in the order of time.
func incidents(run *v1.Run) (all []incident, undated int) {
	if run.Sentinel != nil {
		for i := range run.Sentinel.Findings {
			f := &run.Sentinel.Findings[i]
			if f.At.IsZero() {
				undated++
				continue
			}
			all = append(all, incident{
				lane: "sentinel " + f.Flow + " " + f.Protocol, what: f.What, which: count(f.Count) + " of " + f.Flow + " " + f.Protocol,
				while: during(f), from: f.At, lasted: f.To - f.From, tone: toneOf(f),
			})
		}
		slices.SortStableFunc(all, func(a, b incident) int { return a.from.Compare(b.from) })
	}
	wrong, more := wrongCells(run)
	for i := range wrong {
		s := &wrong[i]
		all = append(all, incident{
			lane: s.cell.Case, what: cmp.Or(string(s.cell.Kind), "wrong"), which: s.which(),
			while: s.cell.Case + ": " + s.step.Name, link: linkTo(s.cell.Case), from: s.from, lasted: s.to.Sub(s.from), tone: s.tone(),
		})
	}
	return all, undated + more
}
