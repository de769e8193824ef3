package render

import (
	"cmp"
	"io"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// CheckText writes the report of an AKS check for people: each step with its evidence, and the
// verdict.
func CheckText(w io.Writer, run *v1.CheckRun) error {
	for i := range run.Steps {
		if err := CheckStep(w, &run.Steps[i]); err != nil {
			return err
		}
	}
	return CheckVerdict(w, run)
}

// CheckVerdict writes the end of the report.
func CheckVerdict(w io.Writer, run *v1.CheckRun) error {
	t := newText(w)
	t.line("")
	switch run.Verdict() {
	case v1.VerdictPass:
		t.line("%s: engine %s passes the check", t.paint.Good("PASS"), run.Engine)
	case v1.VerdictFail:
		t.line("%s: engine %s does not pass the check", t.paint.Bad("FAIL"), run.Engine)
	case v1.VerdictVoid:
		t.line("%s: the check could not be done: %s", t.paint.Doubtful("VOID"), run.Trouble)
	}
	return t.err
}

// CheckStep writes one step, as it ends.
func CheckStep(w io.Writer, s *v1.CheckStep) error {
	t := newText(w)
	mark := t.paint.Good("ok  ")
	if !s.OK {
		mark = t.paint.Bad(strings.ToUpper(string(v1.Fail)))
	}
	t.line("%s  %s (%.1f s)", mark, s.Title, s.Seconds)
	if s.Command != "" {
		t.line("      $ %s", s.Command)
		t.line("      %s", cmp.Or(s.Output, "(silent: connected)"))
		t.line("      run %d times", s.Attempts)
	}
	return t.err
}
