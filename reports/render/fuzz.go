package render

import (
	"cmp"
	"io"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// FuzzText writes the report of a run of drawn cases for people: what was played, and what was
// found.
func FuzzText(w io.Writer, run *v1.FuzzRun) error {
	t, s := newText(w), run.Summary()
	engines := strings.Join(run.Engines, " and ")
	t.line("")
	t.line("seed %d: %d cases, %d steps, %d cells in %.0f s (%.0f cells/s), %d cases inconclusive",
		s.Seed, s.Cases, s.Steps, s.Cells, s.Seconds, s.CellsPerSecond, s.Inconclusive)
	for _, f := range run.Found {
		t.line("")
		t.line("%s fails %s: %s", f.Engine, f.Name, f.Wrong)
		if f.Confirmed {
			t.line("it failed again; the smallest case that does, after %d plays in %.0f s, is %s", f.Plays, f.Seconds, f.File)
		} else {
			t.line("it did not fail again: the case is %s, as it was drawn", f.File)
		}
	}
	t.line("")
	switch s.Verdict {
	case v1.VerdictPass:
		t.line("%s: no disagreement with %s", t.paint.Good("PASS"), engines)
	case v1.VerdictFail:
		t.line("%s: %s", t.paint.Bad("FAIL"), engines)
	case v1.VerdictVoid:
		t.line("%s: %s", t.paint.Doubtful("VOID"), cmp.Or(run.Trouble, "too little was judged"))
	}
	return t.err
}
