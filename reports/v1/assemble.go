package v1

import (
	"cmp"
	"fmt"
	"slices"
)

// Experiment is a run that is put together from its records, in their order. Each type of
// run takes the kinds that belong to it, and refuses others.
type Experiment interface {
	Add(r Record) error
}

// misplaced is the error of a record that has no place in a run.
func misplaced(r Record, in RecordKind) error {
	return fmt.Errorf("a record of kind %s has no place in a run of kind %s", r.recordKind(), in)
}

// Add takes conditions, cases with their cells, notes, and the verdict, which follows from the
// cases.
func (r *Run) Add(record Record) error {
	switch v := record.(type) {
	case *Run:
		cases, notes := r.Cases, r.Notes
		*r = *v
		r.Cases, r.Notes = cases, notes
	case *Case:
		c := *v
		c.Steps = slices.Clone(c.Steps)
		r.Cases = append(r.Cases, c)
		slices.SortStableFunc(r.Cases, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
	case *Cell:
		return r.addCell(v)
	case *Note:
		r.Notes = append(r.Notes, v.Text)
	case *Conclusion:
	default:
		return misplaced(record, KindConformance)
	}
	return nil
}

func (r *Run) addCell(cell *Cell) error {
	i := slices.IndexFunc(r.Cases, func(c Case) bool { return c.Name == cell.Case })
	if i < 0 {
		return fmt.Errorf("a cell is of case %q, which did not come before it", cell.Case)
	}
	steps := r.Cases[i].Steps
	j := slices.IndexFunc(steps, func(s Step) bool { return s.Name == cell.Step })
	if j < 0 {
		return fmt.Errorf("a cell is of step %q, which case %s does not have", cell.Step, cell.Case)
	}
	steps[j].Cells = append(steps[j].Cells, *cell)
	return nil
}

// Header is the run without what was found: its first record and, when all is known, the last
// before the verdict.
func (r *Run) Header() *Run {
	c := *r
	c.Cases, c.Notes = nil, nil
	return &c
}

// Records are the case's: itself without its cells, and these.
func (c *Case) Records() []Record {
	short := *c
	short.Steps = slices.Clone(c.Steps)
	out := []Record{&short}
	for i := range short.Steps {
		short.Steps[i].Cells = nil
		for j := range c.Steps[i].Cells {
			out = append(out, &c.Steps[i].Cells[j])
		}
	}
	return out
}

// Add takes conditions, steps and the verdict, which follows from the steps.
func (r *CheckRun) Add(record Record) error {
	switch v := record.(type) {
	case *CheckRun:
		steps := r.Steps
		*r = *v
		r.Steps = steps
	case *CheckStep:
		r.Steps = append(r.Steps, *v)
	case *Conclusion:
	default:
		return misplaced(record, KindCheck)
	}
	return nil
}

// Header is the run without its steps.
func (r *CheckRun) Header() *CheckRun {
	c := *r
	c.Steps = nil
	return &c
}

// Add takes conditions, what was done and what was found.
func (r *ChaosRun) Add(record Record) error {
	switch v := record.(type) {
	case *ChaosRun:
		all := *r
		*r = *v
		r.Backends, r.Phases, r.Faults, r.Findings = all.Backends, all.Phases, all.Faults, all.Findings
	case *Backend:
		r.Backends = append(r.Backends, *v)
	case *Phase:
		r.Phases = append(r.Phases, *v)
	case *Fault:
		r.Faults = append(r.Faults, *v)
	case *Finding:
		r.Findings = append(r.Findings, *v)
	case *Conclusion:
	default:
		return misplaced(record, KindChaos)
	}
	return nil
}

// Header is the run without what came to pass in it.
func (r *ChaosRun) Header() *ChaosRun {
	c := *r
	c.Backends, c.Phases, c.Faults, c.Findings = nil, nil, nil, nil
	return &c
}

// Add takes conditions, engines, turns, raw data and notes.
func (d *ScaleData) Add(record Record) error {
	switch v := record.(type) {
	case *ScaleRun:
		all := d.Run
		d.Run = *v
		d.Run.Engines, d.Run.Turns, d.Run.Notes = all.Engines, all.Turns, all.Notes
	case *Engine:
		d.Run.Engines = append(d.Run.Engines, *v)
	case *Turn:
		d.Run.Turns = append(d.Run.Turns, *v)
	case *Sample:
		d.Samples = append(d.Samples, *v)
	case *Reading:
		d.Readings = append(d.Readings, *v)
	case *Point:
		d.Points = append(d.Points, *v)
	case *Void:
		v.apply(d.Samples)
	case *Note:
		d.Run.Notes = append(d.Run.Notes, v.Text)
	case *Conclusion:
	default:
		return misplaced(record, KindScale)
	}
	return nil
}

// Header is the run without what was measured in it.
func (r *ScaleRun) Header() *ScaleRun {
	c := *r
	c.Engines, c.Turns, c.Notes = nil, nil, nil
	return &c
}

// apply makes the samples void that are not yet.
func (v *Void) apply(samples []Sample) {
	for i := range samples {
		if s := &samples[i]; s.Engine == v.Engine && s.Repeat == v.Repeat && s.Transition == v.Transition && s.Void == "" {
			s.Void = v.Reason
		}
	}
}
