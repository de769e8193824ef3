package fuzz

import (
	"fmt"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// Paper is an engine that is asked and never run: what it would do with flows, in a state.
type Paper func(s model.Snapshot) (func(f model.Flow) (model.Verdict, error), error)

// Result is what playing a case has shown.
type Result struct {
	Steps, Cells int    // that were judged
	Wrong        []Cell // of the first step that has some
	Outcome      v1.Outcome
	Reason       string // of what is not Pass
}

// Cell is one that an engine was wrong in.
type Cell struct {
	Step string
	cases.Cell
	Want, Got model.Verdict
	Reason    string // why that is wanted
}

func (c Cell) String() string {
	return fmt.Sprintf("%s -> %s %s %s: want %s, got %s (%s)", c.Client, c.Server, c.Probe, c.Family, c.Want, c.Got, c.Reason)
}

// OnPaper plays a case in a fake cluster, up to the first step with a wrong cell.
func OnPaper(c cases.Case, engine Paper) (r Result, err error) {
	r.Outcome = v1.Pass
	w := fixture()
	for i, s := range c.Steps {
		if w, err = w.after(s.Do); err != nil {
			return r, err
		}
		cells, err := judged(c.Cells(i, w.cluster.Families()), &w.cluster)
		if err != nil {
			return r, err
		}
		judge, err := engine(w.cluster.Snapshot)
		if err != nil {
			return r, err
		}
		r.Steps++
		for _, p := range cells {
			got, err := judge(p.flow)
			if err != nil {
				return r, err
			}
			r.Cells++
			if got != p.want {
				r.Wrong = append(r.Wrong, Cell{s.Name, p.cell, p.want, got, p.reason})
			}
		}
		if len(r.Wrong) > 0 {
			r.Outcome, r.Reason = v1.Fail, r.Wrong[0].String()
			return r, nil
		}
	}
	return r, nil
}
