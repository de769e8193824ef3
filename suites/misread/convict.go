package misread

import (
	"fmt"
	"slices"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// Exam is what a case asks on paper: each pinned flow of each step, in the state of a fake
// cluster after it.
type Exam struct {
	Case      string
	questions []question
}

type question struct {
	client, server side // the flow as seen from each of its ends
	allows         bool
}

// NewExam prepares a case, as a run probes it that nothing else is said to. By node ports
// addresses are rewritten: there only what the case itself says is asked.
func NewExam(c cases.Case) (Exam, error) {
	exam := Exam{Case: c.Name}
	c = c.By(cases.PairwisePaths, model.Dual.List(), cases.FixtureNodes)
	c.More = slices.DeleteFunc(c.More, func(k cases.Cell) bool { return k.Path != cases.PathPod && k.Path != cases.PathService })
	if slices.Contains(c.Paths, cases.PathPod) || slices.Contains(c.Paths, cases.PathService) {
		c.Paths = []cases.Path{cases.PathPod} // they share their pins
	}
	for i, step := range c.Steps {
		cluster := cases.NewFakeCluster(model.IPv4, model.IPv6)
		for _, done := range c.Steps[:i+1] {
			if err := cluster.Do(done.Do...); err != nil {
				return Exam{}, fmt.Errorf("case %s, step %q: %w", c.Name, step.Name, err)
			}
		}
		for k, want := range c.Wants(i, cluster.Families()) {
			flow, ok := k.Flow(cluster)
			if ok && want != model.Undefined && cluster.Drops(k) == "" { // of which no policy hears
				client, server := ends(&cluster.Snapshot, flow)
				exam.questions = append(exam.questions, question{client, server, want == model.Allow})
			}
		}
	}
	return exam, nil
}

// Convicts reports whether the case tells the reading from the right one: one of its cells is
// pinned to something else than an engine with that reading would do.
func (e *Exam) Convicts(r *Reading) bool {
	return slices.ContainsFunc(e.questions, func(q question) bool {
		return (r.passes(q.client) && r.passes(q.server)) != q.allows
	})
}
