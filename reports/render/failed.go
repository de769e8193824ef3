package render

import (
	"fmt"
	"io"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// What is told of a case that failed, at once, is bounded: it stands between other lines.
const (
	cellsAtOnce = 3 // of a step
	rowsAtOnce  = 4 // of a course
)

// Failed tells of a case that failed while the run goes on: of its steps that failed the first
// wrong cells, what was expected and why, what was seen, what the engine itself says, and the
// policies in force. rest is where all of it is.
func Failed(w io.Writer, c *v1.Case, rest string) error {
	var b strings.Builder
	t := &text{w: &b, paint: newText(w).paint}
	t.line("  %s", c.Title)
	if c.Spec != "" {
		t.line("  spec: %s", strings.Join(strings.Fields(c.Spec), " "))
	}
	if len(c.Steps) == 0 {
		t.line("  %s", c.Reason)
	}
	for i := range c.Steps {
		if s := &c.Steps[i]; s.Outcome == v1.Fail || s.Outcome == v1.Error {
			t.failedStep(s, rest)
		}
	}
	_, err := io.WriteString(w, b.String()) // in one piece
	return err
}

func (t *text) failedStep(s *v1.Step, rest string) {
	t.line("  step %q: %s", s.Name, s.Reason)
	n := 0
	for i := range s.Cells {
		if s.Cells[i].Outcome != v1.Fail {
			continue
		}
		if n++; n <= cellsAtOnce {
			t.failedCell(&s.Cells[i])
		}
	}
	if n > cellsAtOnce {
		t.line("  … and %d more wrong cells: %s", n-cellsAtOnce, rest)
	}
	if len(s.Policies) > 0 {
		t.line("  policies in force:")
	}
	for i, p := range s.Policies {
		if i > 0 {
			t.line("    ---")
		}
		for line := range strings.Lines(p) {
			t.line("    %s", strings.TrimSuffix(line, "\n"))
		}
	}
}

func (t *text) failedCell(c *v1.Cell) {
	k := kindOf(c)
	k.path = "pod" // which needs no words
	addresses := ""
	if c.Addresses != "" {
		addresses = " (" + c.Addresses + ")"
	}
	t.line("  %s -> %s%s, %s by %s: %s", c.Client, c.Server, addresses, k, c.Path, t.paint.Bad(string(c.Kind)))
	t.field("expected", c.Want, c.Because)
	t.field("observed", c.Evidence)
	rows := courseWords(c.Course)
	for _, row := range rows[:min(len(rows), rowsAtOnce)] {
		t.field("", row)
	}
	if more := len(rows) - rowsAtOnce; more > 0 {
		t.field("", fmt.Sprintf("… and %d more turns, the last: %s", more, rows[len(rows)-1]))
	}
	t.field("verdict", c.Reason)
	for i, line := range c.Explained {
		name := "engine says"
		if i > 0 {
			name = ""
		}
		t.field(name, line)
	}
}

// field is a line about a cell, nothing when there is nothing to say.
func (t *text) field(name string, words ...string) {
	var said []string
	for _, w := range words {
		if w != "" {
			said = append(said, w)
		}
	}
	if len(said) > 0 {
		t.line("    %-11s %s", name, strings.Join(said, ": "))
	}
}
