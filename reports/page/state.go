package page

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// State is how far a run had come when its page was written.
type State struct {
	// Whole says that the run came to its end. A run without an end goes on, or was killed.
	Whole bool
	// At is when the page was written, of a run that is not whole.
	At time.Time
	// Troubles are what could not be read, one line each.
	Troubles []string
}

// Write writes the page of a run, which is of one of the types of reports/v1 that records make.
// sum has figures that are made elsewhere: of type *v1.ScaleSummary, *v1.ChaosSummary or
// *v1.MigrationSummary, nil for none.
func Write(w io.Writer, run v1.Experiment, sum any, s State) error {
	var d *Document
	switch r := run.(type) {
	case *v1.Run:
		d = conformance(r, s)
	case *v1.ScaleData:
		figures, _ := sum.(*v1.ScaleSummary)
		d = scale(r, figures, s)
	case *v1.ChaosRun:
		figures, _ := sum.(*v1.ChaosSummary)
		d = chaos(r, figures, s)
	case *v1.FuzzRun:
		d = fuzz(r, s)
	case *v1.MigrationRun:
		figures, _ := sum.(*v1.MigrationSummary)
		d = migration(r, figures, s)
	case *v1.AuditRun:
		d = audit(r, s)
	case *v1.CheckRun:
		d = check(r, s)
	default:
		return fmt.Errorf("there is no page for a run of type %T", run)
	}
	d.Alerts = append(s.alerts(), d.Alerts...)
	return d.Write(w)
}

// alerts are what a reader has to know of a run that is not whole.
func (s State) alerts() []string {
	var out []string
	if !s.Whole {
		out = append(out, fmt.Sprintf("Unfinished: the run goes on, or was killed. This page shows what had been seen at %s. "+
			"netassay report page DIRECTORY writes it anew.", moment(s.At)))
	}
	for _, t := range s.Troubles {
		out = append(out, "Not read: "+t)
	}
	return out
}

// badge is a verdict as people see it.
func (s State) badge(v v1.Verdict) Badge {
	switch {
	case !s.Whole:
		return Badge{"unfinished", Odd}
	case v == "":
		return Badge{"no verdict", Odd}
	}
	return Badge{string(v), ToneOf(v)}
}

// ToneOf is that of a verdict.
func ToneOf(v v1.Verdict) Tone {
	switch v {
	case v1.VerdictPass:
		return Good
	case v1.VerdictFail:
		return Bad
	default:
		return Odd
	}
}

// tone is that of an outcome in a table.
func tone(o v1.Outcome) Tone {
	switch o {
	case v1.Pass:
		return Good
	case v1.Fail:
		return Bad
	case v1.Inconclusive, v1.Error, v1.Unfinished:
		return Odd
	case v1.Skipped, v1.NotSupported:
	}
	return Plain
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// when says when a run began, and how long it took or has gone on.
func (s State) when(started, finished time.Time) string {
	if finished.IsZero() {
		finished = s.At
	}
	return fmt.Sprintf("%s, for %s.", moment(started), took(finished.Sub(started)))
}

func finished(t time.Time) string {
	if t.IsZero() {
		return "not"
	}
	return moment(t)
}

// took is how long something lasted, as people say it.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "unknown"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min %.0f s", d.Truncate(time.Minute).Minutes(), (d % time.Minute).Truncate(time.Second).Seconds())
	}
	return d.Round(time.Minute).String()
}

// count is an integer with its thousands apart.
func count[T ~int | ~uint64](n T) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// ms is a time in milliseconds with the digits that matter, "–" for none.
func ms(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v >= 100 || *v <= -100:
		return fmt.Sprintf("%.0f ms", *v)
	}
	return fmt.Sprintf("%.1f ms", *v)
}

// exactly is a time of a run's settings, in milliseconds.
func exactly(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) + " ms" }

// wrongIf is the tone of a figure that should be 0.
func wrongIf[T ~int | ~uint64](n T, t Tone) Tone {
	if n > 0 {
		return t
	}
	return Plain
}

// facts are those of pairs that have a value.
func facts(pairs ...string) Facts {
	var out Facts
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := strings.TrimSpace(pairs[i+1]); v != "" {
			out = append(out, Fact{pairs[i], v})
		}
	}
	return out
}

// plain are cells of texts.
func plain(texts ...string) []Cell {
	out := make([]Cell, len(texts))
	for i, t := range texts {
		out[i].Text = t
	}
	return out
}

// command is what was typed, or else what makes the same run.
func command(typed []string, same ...string) string {
	if len(typed) == 0 {
		return strings.Join(same, " ")
	}
	out := []string{}
	for _, word := range typed {
		out = append(out, quoted(word))
	}
	return strings.Join(out, " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%", r)
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
