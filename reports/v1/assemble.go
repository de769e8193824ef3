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

// Begin is an empty run of the experiment that a record belongs to, nil when several
// experiments have such records.
func Begin(r Record) Experiment {
	switch r.(type) {
	case *RunConditions, *Case, *Cell, *Sentinel:
		return &Run{}
	case *CheckConditions, *CheckStep:
		return &CheckRun{}
	case *ChaosConditions, *Backend, *Phase, *Fault:
		return &ChaosRun{}
	case *ScaleConditions, *Engine, *Turn, *Sample, *Reading, *Point, *Void:
		return &ScaleData{}
	case *FuzzConditions, *PlayedCase, *FoundCase:
		return &FuzzRun{}
	case *MigrationConditions, *Watch, *Exposure, *Leftover, *Watched:
		return &MigrationRun{}
	case *AuditConditions, *AuditFlow, *AuditStratum, *AuditGap:
		return &AuditRun{}
	}
	return nil
}

// misplaced is the error of a record that has no place in a run.
func misplaced(r Record, in RecordKind) error {
	return fmt.Errorf("a record of kind %s has no place in a run of kind %s", r.recordKind(), in)
}

// Add takes conditions, cases with their cells, what sentinels found, notes, and the verdict,
// which follows from the cases and the sentinels.
func (r *Run) Add(record Record) error {
	switch v := record.(type) {
	case *RunConditions:
		r.RunConditions = *v
	case *Case:
		c := *v
		c.Steps = slices.Clone(c.Steps)
		r.Cases = append(r.Cases, c)
		slices.SortStableFunc(r.Cases, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
	case *Cell:
		return r.addCell(v)
	case *Finding:
		s := r.sentinel()
		s.Findings = append(s.Findings, *v)
	case *Sentinel:
		s := *v
		s.Findings = r.sentinel().Findings
		r.Sentinel = &s
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

// Records are the case's: itself without its cells, and these.
func (c *Case) Records() []Record {
	short := c.WithoutCells()
	out := []Record{&short}
	for i := range c.Steps {
		for j := range c.Steps[i].Cells {
			out = append(out, &c.Steps[i].Cells[j])
		}
	}
	return out
}

// Records are the sentinel's: its findings, and itself without these.
func (s *Sentinel) Records() []Record {
	var out []Record
	for i := range s.Findings {
		out = append(out, &s.Findings[i])
	}
	short := *s
	short.Findings = nil
	return append(out, &short)
}

// WithoutCells is the case as its record and run.json have it.
func (c *Case) WithoutCells() Case {
	short := *c
	short.Steps = slices.Clone(c.Steps)
	for i := range short.Steps {
		short.Steps[i].Cells = nil
	}
	return short
}

// Add takes conditions, steps and the verdict, which follows from the steps.
func (r *CheckRun) Add(record Record) error {
	switch v := record.(type) {
	case *CheckConditions:
		r.CheckConditions = *v
	case *CheckStep:
		r.Steps = append(r.Steps, *v)
	case *Conclusion:
	default:
		return misplaced(record, KindCheck)
	}
	return nil
}

// Add takes conditions, what was done and what was found.
func (r *ChaosRun) Add(record Record) error {
	switch v := record.(type) {
	case *ChaosConditions:
		r.ChaosConditions = *v
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

// Add takes conditions, engines, turns, raw data and notes.
func (d *ScaleData) Add(record Record) error {
	switch v := record.(type) {
	case *ScaleConditions:
		d.Run.ScaleConditions = *v
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

// apply makes the samples void that are not yet.
func (v *Void) apply(samples []Sample) {
	for i := range samples {
		if s := &samples[i]; s.Engine == v.Engine && s.Repeat == v.Repeat && s.Transition == v.Transition && s.Void == "" {
			s.Void = v.Reason
		}
	}
}
