package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/netassay/netassay/internal/terminal"
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

// printEvent prints a line for what only a run of the command line shows. Where a live line
// counts the cases, those that pass have none of their own.
func printEvent(w io.Writer, e runner.Event) {
	on := terminal.On(w)
	switch e.Kind {
	case runner.RunStarted:
		fmt.Fprintf(on, "running %d cases\n", e.Total)
	case runner.CaseEnded:
		if on.Live() && e.Result.Outcome == v1.Pass {
			return
		}
		outcome := fmt.Sprintf("%-12s", e.Result.Outcome)
		switch e.Result.Outcome {
		case v1.Pass:
			outcome = on.Good(outcome)
		case v1.Fail, v1.Error:
			outcome = on.Bad(outcome)
		default:
			outcome = on.Doubtful(outcome)
		}
		fmt.Fprintf(on, "[%*d/%d] %s %s (%.1f s)\n", len(fmt.Sprint(e.Total)), e.N, e.Total, outcome, e.Case, e.Result.Seconds)
	case runner.CaseStarted, runner.FixtureReady, runner.Trouble:
	}
}
