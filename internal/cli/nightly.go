package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/status"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trendpage"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/runner"
)

// nightlyFlags are what a night can be told.
type nightlyFlags struct {
	trend    trendFlags
	history  string
	out      string
	set      []string
	skip     []string
	engines  []string
	parallel int
	list     bool
	// program runs this program with arguments; another one in tests.
	program func(ctx context.Context, stdio IO, args []string) (code int, said string, err error)
}

func newNightly(stdio IO) *cobra.Command {
	f := nightlyFlags{trend: newTrendFlags(), history: "history", set: []string{standardSet}, engines: []string{"reference"}, parallel: 4, program: again}
	c := &cobra.Command{
		Use:   "nightly",
		Short: "Run the standard set of experiments, and say what has changed since other nights",
		Long: `Runs conformance, chaos-smoke and scale, one after the other, each as its own command does,
scale at a size that fits the machine. When one of them fails, the others still run. Then it
adds one small file to the history, a directory that is made for git, and shows what has
changed from night to night, and since when.

Exit code 0: all passed. 1: an engine failed, or a figure got worse lately where
--fail-within asks. 2: an experiment could not be done, or said nothing; what the others
found is in the history. 130: interrupted; nothing is added.`,
		Example: `  netassay nightly
  netassay nightly --history ../netassay-history --fail-within 2
  netassay nightly --engine reference,kube-router --skip chaos-smoke
  netassay nightly --set scale --push http://127.0.0.1:9091
  netassay nightly --list`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			members, err := f.members()
			if err != nil {
				return err
			}
			if f.list {
				f.print(stdio.Out, members)
				return nil
			}
			return f.run(c.Context(), stdio, members)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.history, "history", f.history, "directory that a file is added to")
	flags.StringSliceVar(&f.set, "set", f.set, "experiments: standard, or some of conformance, chaos-smoke, scale")
	flags.StringSliceVar(&f.skip, "skip", nil, "experiments of the set to leave out")
	flags.StringSliceVar(&f.engines, "engine", f.engines, "engines under test, one after the other (see netassay engines); chaos-smoke is for the reference enforcer only")
	flags.IntVar(&f.parallel, "parallel", f.parallel, "sets of namespaces that work through the cases of conformance at once")
	flags.StringVar(&f.out, "out", "", "directory of the result directories (default results/<time>-nightly)")
	flags.BoolVar(&f.list, "list", false, "list what would run, and run nothing")
	f.trend.register(flags)
	return c
}

// members are the experiments to run, nothing being wrong with the flags.
func (f *nightlyFlags) members() ([]nightlyMember, error) {
	if err := f.trend.check(); err != nil {
		return nil, err
	}
	for _, e := range f.engines {
		if _, err := registry.Lookup(e); err != nil {
			return nil, err
		}
	}
	switch {
	case len(f.engines) == 0:
		return nil, errors.New("--engine is empty: give one or more, see netassay engines")
	case f.parallel < 1:
		return nil, fmt.Errorf("--parallel %d: at least one case must be played at a time", f.parallel)
	case f.history == "":
		return nil, errors.New("--history is empty: name a directory")
	}
	return chosenMembers(nightlySet(runtime.NumCPU(), hostMemory(), f.parallel), f.set, f.skip)
}

// fits reports whether an experiment can be done to an engine.
func (m *nightlyMember) fits(engine string) bool { return !m.referenceOnly || engine == "reference" }

// commandLine is what runs an experiment of an engine.
func (m *nightlyMember) commandLine(engine, out string) []string {
	args := slices.Clone(m.args)
	if !m.referenceOnly {
		args = append(args, "--engine", engine)
	}
	return append(args, "--out", out)
}

func (f *nightlyFlags) print(w io.Writer, members []nightlyMember) {
	for _, engine := range f.engines {
		for _, m := range members {
			if m.fits(engine) {
				fmt.Fprintf(w, "netassay %s\n", strings.Join(m.commandLine(engine, filepath.Join("OUT", m.name+"-"+engine)), " "))
			}
		}
	}
}

// run runs a night and adds it to the history.
func (f *nightlyFlags) run(ctx context.Context, stdio IO, members []nightlyMember) error {
	began := time.Now().UTC()
	if f.out == "" {
		f.out = reports.Fresh(time.Now(), "nightly")
	}
	if err := reports.Claim(f.out); err != nil {
		return err
	}
	night := v1.Night{NightConditions: v1.NightConditions{
		Schema: v1.Schema, ID: reports.NightID(began, runner.NewID()), Tool: toolVersion(), Kernel: kernelRelease(), CPUs: runtime.NumCPU(), Memory: hostMemory(), Started: began,
	}}
	for _, m := range members {
		night.Set = append(night.Set, m.name)
	}
	for _, engine := range f.engines {
		for i := range members {
			if !members[i].fits(engine) {
				stdio.say(fmt.Sprintf("=== %s is for the reference enforcer only: not run with %s", members[i].name, engine))
				continue
			}
			if err := f.experiment(ctx, stdio, &night, &members[i], engine); err != nil {
				return err
			}
		}
	}
	night.Finished = time.Now().UTC()
	if err := reports.AppendNight(f.history, &night); err != nil {
		return err
	}
	return f.tell(stdio, &night)
}

// experiment runs one experiment and takes its figures. Only an interruption is an error: what
// fails is part of the night.
func (f *nightlyFlags) experiment(ctx context.Context, stdio IO, night *v1.Night, m *nightlyMember, engine string) error {
	out := filepath.Join(f.out, m.name+"-"+engine)
	stdio.say(fmt.Sprintf("=== %s, %s", m.name, engine))
	began := time.Now()
	hide := show(stdio, func(now time.Time) []status.Part {
		return []status.Part{{Text: fmt.Sprintf("%s, %s · %s", m.name, engine, status.Clock(now.Sub(began)))}}
	})
	code, said, err := f.program(ctx, stdio, m.commandLine(engine, out))
	hide()
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", m.name, context.Canceled)
	}
	if err == nil && code != exitPass && code != exitFail {
		err = fmt.Errorf("exit code %d: %s", code, said)
	}
	run := v1.NightRun{
		Experiment: m.name, Engine: engine, Load: strings.Join(m.args[1:], " "), Verdict: v1.VerdictVoid, Results: out, Seconds: time.Since(began).Seconds(),
	}
	figures, reading := collectNight(m.name, out, &run)
	// A run that says nothing, and says why in its own verdict, has not failed to run.
	if reading != nil {
		run.Trouble = oneLine(errors.Join(err, reading).Error())
	}
	night.Runs = append(night.Runs, run)
	night.Metrics = append(night.Metrics, append(metrics.OfRun(&run), figures...)...)
	stdio.say(fmt.Sprintf("=== %s, %s: %s after %.0f s%s", m.name, engine, run.Verdict, run.Seconds, prefixed(": ", run.Trouble)))
	return nil
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// oneLine is text without its line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// tell shows the trend with the night in it, leaves it beside the results, and ends the command.
func (f *nightlyFlags) tell(stdio IO, night *v1.Night) error {
	nights, t, damaged, err := f.trend.read(f.history)
	if err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer, *trend.Trend) error{"trend.txt": trend.Text, "trend.md": trend.Markdown, "trend.html": trendpage.Write} {
		var text strings.Builder
		err := write(&text, t)
		if err == nil {
			err = os.WriteFile(filepath.Join(f.out, name), []byte(text.String()), 0o644)
		}
		damaged = append(damaged, err)
	}
	damaged = append(damaged, trend.Text(stdio.Out, t), f.trend.pushLast(nights, t))
	fmt.Fprintf(stdio.Out, "\nresults: %s\nhistory: %s\npage:    %s\n", f.out, f.history, filepath.Join(f.out, "trend.html"))
	if err := errors.Join(damaged...); err != nil {
		return err
	}
	if code := v1.ExitCode(night.Verdict()); code != exitPass {
		return withCode(code)
	}
	return f.trend.verdict(t)
}
