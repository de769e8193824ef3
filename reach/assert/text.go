package assert

import (
	"fmt"
	"io"
	"strings"

	"github.com/netassay/netassay/model"
)

// Table writes the report for people: a line for each expectation that does not hold, with the
// flows and what the policies on both ends say, and then the count.
func (r *Report) Table(w io.Writer) error {
	t := &text{w: w}
	for i := range r.Lines {
		r.Lines[i].write(t)
	}
	held := len(r.Lines) - r.Failed()
	verdict := "pass"
	if r.Failed() > 0 {
		verdict = "FAIL"
	}
	t.line("%s: %d of %s hold, over %s and %s", verdict, held, plural(len(r.Lines), "expectation"), plural(r.Flows, "flow"), plural(r.Policies, "NetworkPolicy object"))
	return t.err
}

func (l *Line) write(t *text) {
	if l.Wrong == 0 {
		return
	}
	t.line("%s:%d: %s", l.File, l.Line, l.Text)
	for _, f := range l.Examples {
		t.line("  %s: %s, want %s", f, word(f.Got), word(f.Want))
		t.line("    %s", f.Egress)
		t.line("    %s", f.Ingress)
		for _, near := range f.Near {
			t.line("    near: %s", near)
		}
	}
	if l.Wrong > len(l.Examples) {
		t.line("  in all %d of its %s", l.Wrong, plural(l.Flows, "flow"))
	}
	t.line("")
}

// String tells how the expectation fared, in as many lines as that takes; "" when it holds.
func (l *Line) String() string {
	var b strings.Builder
	l.write(&text{w: &b})
	return b.String()
}

// word is a verdict as a line has it.
func word(v model.Verdict) string {
	switch v {
	case model.Allow:
		return "allowed"
	case model.Deny:
		return "denied"
	case model.Undefined:
	}
	return "left open by the specification"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// text writes lines and keeps the first error.
type text struct {
	w   io.Writer
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}
