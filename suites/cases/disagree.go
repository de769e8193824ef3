package cases

import (
	"fmt"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// Disagreement is a cell for which the author of a case and the specification, as the
// oracle reads it, do not want the same. One of them is wrong, so the case can't judge.
type Disagreement struct {
	Case string
	Step string
	Cell
	Pin, Oracle model.Verdict
	Reason      string // the oracle's
}

func (d Disagreement) String() string {
	return fmt.Sprintf("%s: step %q: %s -> %s %s %s: pinned %s, the oracle says %s (%s)",
		d.Case, d.Step, d.Client, d.Server, d.Probe, d.Family, d.Pin, d.Oracle, d.Reason)
}

// Disagreements holds every pinned cell after step (0 is the first) of case c against the
// oracle, in the state s whose addresses b knows. A cell that either side leaves open is
// no disagreement, nor is one whose pod has no address of the family. By a node the pins are held
// against what a fake cluster's addresses give, as where they count there they count everywhere.
func Disagreements(c Case, step int, s model.Snapshot, b Binding) []Disagreement {
	var all []Disagreement
	hold := func(k Cell, got oracle.Decision) {
		pin := c.Want(step, k)
		if pin != got.Verdict && pin != model.Undefined && got.Verdict != model.Undefined {
			all = append(all, Disagreement{c.Name, c.Steps[step].Name, k, pin, got.Verdict, got.Reason})
		}
	}
	c.More = nil
	if c.DialsNodePorts() {
		fake := c.after(step)
		for _, k := range c.Cells(step, b.Families()) {
			if got, ok := fake.Verdict(k); ok && k.Path.ByNode() {
				hold(k, got)
			}
		}
	}
	c.Paths = []Path{PathPod} // with which all others share their pins
	for _, k := range c.Cells(step, b.Families()) {
		if flow, ok := k.Flow(b); ok {
			hold(k, oracle.Evaluate(s, flow))
		}
	}
	return all
}
