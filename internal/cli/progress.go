package cli

import (
	"fmt"
	"time"

	"github.com/netassay/netassay/internal/terminal"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/reports/status"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/runner"
)

// onTerminal has results and progress share the terminal, where they are on one.
func (s IO) onTerminal() IO {
	s.Out, s.Err = terminal.Both(s.Out, s.Err)
	return s
}

// say prints a line of progress.
func (s IO) say(line string) { fmt.Fprintln(s.Err, line) }

// watch takes a record that was written: for the live line, and for who may ask.
func (b *bed) watch(r v1.Record) {
	b.status.Record(r)
	b.scrape.watch(r)
}

// attend shows how far the run is, and serves it, until end is called.
func (b *bed) attend(stdio IO) (end func(), err error) {
	served, err := b.serve(stdio)
	if err != nil {
		return nil, err
	}
	hide := show(stdio, func(now time.Time) []status.Part { return b.status.Line(now) })
	return func() { hide(); served() }, nil
}

// show has line be the live line, on a terminal, until hide is called.
func show(stdio IO, line func(now time.Time) []status.Part) (hide func()) {
	colours := map[v1.Outcome]terminal.Colour{v1.Fail: terminal.Red, v1.Inconclusive: terminal.Yellow}
	return terminal.On(stdio.Err).Show(func() []terminal.Span {
		var spans []terminal.Span
		for _, p := range line(time.Now()) {
			spans = append(spans, terminal.Span{Text: p.Text, Colour: colours[p.Tone]})
		}
		return spans
	})
}

// narrator tells of the events of a run that only the command line shows.
type narrator struct {
	on     *terminal.Writer
	rest   string // where all is told of a case that failed
	failed int    // cases
}

// mostFailed is of how many cases that failed it is told at once why.
const mostFailed = 20

func newNarrator(stdio IO, rest string) *narrator {
	return &narrator{on: terminal.On(stdio.Err), rest: rest}
}

// tell tells of an event, one at a time. Where a live line counts the cases, those that pass have
// none of their own.
func (n *narrator) tell(e runner.Event) {
	switch e.Kind {
	case runner.RunStarted:
		fmt.Fprintf(n.on, "running %d cases\n", e.Total)
	case runner.CaseEnded:
		n.ended(e)
	case runner.CaseStarted, runner.FixtureReady, runner.Trouble:
	}
}

func (n *narrator) ended(e runner.Event) {
	outcome := fmt.Sprintf("%-12s", e.Result.Outcome)
	switch e.Result.Outcome {
	case v1.Pass:
		if n.on.Live() {
			return
		}
		outcome = n.on.Good(outcome)
	case v1.Fail, v1.Error:
		outcome = n.on.Bad(outcome)
		defer n.why(e.Result)
	default:
		outcome = n.on.Doubtful(outcome)
	}
	fmt.Fprintf(n.on, "[%*d/%d] %s %s (%.1f s)\n", len(fmt.Sprint(e.Total)), e.N, e.Total, outcome, e.Case, e.Result.Seconds)
}

// why tells why a case failed, of the first of them.
func (n *narrator) why(c *v1.Case) {
	switch n.failed++; {
	case n.failed <= mostFailed:
		_ = render.Failed(n.on, c, n.rest) // what can't be seen stops no run
	case n.failed == mostFailed+1:
		fmt.Fprintf(n.on, "  why further cases failed is told at the end, and in %s\n", n.rest)
	}
}
