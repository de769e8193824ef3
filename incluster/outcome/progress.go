package outcome

import (
	"fmt"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Update is a progress update as Sonobuoy's worker takes it. What it shows as passed is
// Completed, and as remaining Total without Completed and Failures: so these are disjoint.
type Update struct {
	Message   string   `json:"msg"`
	Total     int64    `json:"total"`
	Completed int64    `json:"completed"`
	Failures  []string `json:"failures,omitempty"`
	Errors    []string `json:"errors,omitempty"`
}

// Progress follows the records of an experiment. The zero value has seen none.
type Progress struct {
	update Update
}

// Update is how far the experiment is.
func (p *Progress) Update() Update { return p.update }

// Add takes a record, and reports whether it is worth an update.
func (p *Progress) Add(record v1.Record) bool {
	switch r := record.(type) {
	case *v1.RunConditions:
		if len(r.Order) > 0 {
			p.update.Total = int64(len(r.Order))
		}
		p.say("conformance of %s", r.Engine)
	case *v1.Case:
		p.outcome(r.Name, r.Outcome, r.Reason)
	case *v1.CheckConditions:
		p.say("the AKS documentation's check of %s", r.Engine)
	case *v1.CheckStep:
		p.step(r)
	case *v1.Turn:
		p.done("%s was measured", r.Engine)
	case *v1.Phase:
		p.done("phase %s is over", r.Phase)
	case *v1.Conclusion:
		p.say("verdict: %s", r.Verdict)
	default:
		return false
	}
	return true
}

func (p *Progress) say(format string, args ...any) { p.update.Message = fmt.Sprintf(format, args...) }

func (p *Progress) done(format string, args ...any) {
	p.update.Completed++
	p.say(format, args...)
}

// bad is a case that Sonobuoy will call failed.
func (p *Progress) bad(name string) { p.update.Failures = append(p.update.Failures, name) }

// outcome counts a case. An error says nothing of the engine, but Sonobuoy knows only one red.
func (p *Progress) outcome(name string, o v1.Outcome, reason string) {
	switch o {
	case v1.Pass, v1.Skipped, v1.NotSupported:
		p.update.Completed++
	case v1.Fail:
		p.bad(name)
	case v1.Inconclusive, v1.Error, v1.Unfinished:
		p.bad(name)
		p.update.Errors = append(p.update.Errors, name+": "+reason)
	}
	// Cases that were skipped before the run are not in its order.
	p.update.Total = max(p.update.Total, p.update.Completed+int64(len(p.update.Failures)))
	p.say("%s: %s", name, o)
}

func (p *Progress) step(s *v1.CheckStep) {
	if s.OK {
		p.update.Completed++
	} else {
		p.bad(s.Title)
	}
	p.update.Total = p.update.Completed + int64(len(p.update.Failures))
	p.say("%s", s.Title)
}
