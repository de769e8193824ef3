package v1

// Outcome is what became of a cell, a step or a case.
type Outcome string

// The outcomes of a cell, and two that only steps and cases can have: Error is a
// defect of the case itself (the oracle and the pins disagree, an action cannot be
// applied), Unfinished a case that was begun, or never begun, when the run was stopped.
// Neither is ever green.
const (
	Pass         Outcome = "Pass"
	Fail         Outcome = "Fail"
	Inconclusive Outcome = "Inconclusive"
	Skipped      Outcome = "Skipped"
	NotSupported Outcome = "NotSupported"
	Error        Outcome = "Error"
	Unfinished   Outcome = "Unfinished"
)

// FailureKind is the direction of a failure.
type FailureKind string

// A leak passes what must be denied, an outage denies what must pass.
const (
	Leak   FailureKind = "leak"
	Outage FailureKind = "outage"
)

// Verdict is what a whole run says about its engine.
type Verdict string

// A run is void when it says nothing about the engine: something in it was inconclusive,
// unfinished or in error, or nothing was judged at all, and nothing failed.
const (
	VerdictPass Verdict = "pass"
	VerdictFail Verdict = "fail"
	VerdictVoid Verdict = "void"
)

// Verdict derives the run's verdict from the outcomes of its cases. One failed case is a
// fail, whatever else happened; without one, anything but Pass, Skipped and NotSupported
// makes the run void, and so does a run in which nothing passed. Sentinels count as a case.
func (r *Run) Verdict() Verdict {
	passed := r.Count(Pass)
	switch {
	case r.Count(Fail) > 0 || r.Sentinel != nil && r.Sentinel.Outcome == Fail:
		return VerdictFail
	case r.Sentinel != nil && r.Sentinel.Outcome != Pass:
		return VerdictVoid
	case passed == 0 || passed+r.Count(Skipped)+r.Count(NotSupported) < len(r.Cases):
		return VerdictVoid // also by an outcome that nobody knows, which is no reason to trust the run
	}
	return VerdictPass
}

// ExitCode is the process exit code that a verdict maps to: 0 pass, 1 the engine failed,
// 2 the run itself failed and says nothing about the engine.
func ExitCode(v Verdict) int {
	switch v {
	case VerdictPass:
		return 0
	case VerdictFail:
		return 1
	case VerdictVoid:
	}
	return 2
}

// Count is how many cases have outcome o.
func (r *Run) Count(o Outcome) int {
	n := 0
	for i := range r.Cases {
		if r.Cases[i].Outcome == o {
			n++
		}
	}
	return n
}
