package render

import (
	"io"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// CheckText writes the report of an AKS check for people: each step with its evidence, and the
// verdict.
func CheckText(w io.Writer, run *v1.CheckRun) error {
	t := &text{w: w}
	for i := range run.Steps {
		t.checkStep(&run.Steps[i])
	}
	t.checkVerdict(run)
	return t.err
}

// CheckVerdict writes the end of the report.
func CheckVerdict(w io.Writer, run *v1.CheckRun) error {
	t := &text{w: w}
	t.checkVerdict(run)
	return t.err
}

func (t *text) checkVerdict(run *v1.CheckRun) {
	t.line("")
	switch run.Verdict() {
	case v1.VerdictPass:
		t.line("PASS: engine %s passes the check", run.Engine)
	case v1.VerdictFail:
		t.line("FAIL: engine %s does not pass the check", run.Engine)
	case v1.VerdictVoid:
		t.line("VOID: the check could not be done: %s", run.Trouble)
	}
}

// CheckStep writes one step, as it ends.
func CheckStep(w io.Writer, s *v1.CheckStep) error {
	t := &text{w: w}
	t.checkStep(s)
	return t.err
}

func (t *text) checkStep(s *v1.CheckStep) {
	mark := "ok  "
	if !s.OK {
		mark = strings.ToUpper(string(v1.Fail))
	}
	t.line("%s  %s (%.1f s)", mark, s.Title, s.Seconds)
	if s.Command == "" {
		return
	}
	output := s.Output
	if output == "" {
		output = "(silent: connected)"
	}
	t.line("      $ %s", s.Command)
	t.line("      %s", output)
	t.line("      run %d times", s.Attempts)
}
