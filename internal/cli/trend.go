package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	dto "github.com/prometheus/client_model/go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/openmetrics"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trend/changepoint"
	"github.com/netassay/netassay/reports/trendpage"
	v1 "github.com/netassay/netassay/reports/v1"
)

// trendFlags are how a history is looked at.
type trendFlags struct {
	options changepoint.Options
	push    string
	within  int
}

func newTrendFlags() trendFlags { return trendFlags{options: changepoint.DefaultOptions()} }

func (f *trendFlags) register(flags *pflag.FlagSet) {
	o := &f.options
	flags.Float64Var(&o.Alpha, "alpha", o.Alpha, "chance that a change of level is noise, at most")
	flags.Float64Var(&o.MinEffect, "min-effect", o.MinEffect, "change of level that is worth telling: 0.05 is 5 %")
	flags.IntVar(&o.MinRun, "min-run", o.MinRun, "nights that a level must have lasted, before a change and after it")
	flags.StringVar(&f.push, "push", "", "also push the last night to the Pushgateway at this URL")
	flags.IntVar(&f.within, "fail-within", 0, "exit with 1 when a figure got worse in the last so many nights; 0 is never")
}

func (f *trendFlags) check() error {
	if f.within < 0 {
		return fmt.Errorf("--fail-within %d: give a number of nights, 0 for never", f.within)
	}
	return f.options.Check()
}

// trendFormats are what a trend is written as.
func trendFormats() map[string]func(io.Writer, []v1.Night, *trend.Trend) error {
	return map[string]func(io.Writer, []v1.Night, *trend.Trend) error{
		"text":        func(w io.Writer, _ []v1.Night, t *trend.Trend) error { return trend.Text(w, t) },
		"markdown":    func(w io.Writer, _ []v1.Night, t *trend.Trend) error { return trend.Markdown(w, t) },
		"openmetrics": openmetrics.Write,
		"html":        func(w io.Writer, _ []v1.Night, t *trend.Trend) error { return trendpage.Write(w, t) },
		"json":        func(w io.Writer, nights []v1.Night, _ *trend.Trend) error { return render.JSON(w, nights) },
	}
}

func newTrend(stdio IO) *cobra.Command {
	f := newTrendFlags()
	format := "text"
	c := &cobra.Command{
		Use:   "trend HISTORY",
		Short: "Show what has changed from night to night, and since when",
		Long: `Reads the nights that netassay nightly left in a history directory, and shows per figure its
median and quartiles, its course, and the nights since which it has another level, with what
else was new that night. Nights with another load are not compared.

With -o openmetrics it writes every figure with the time of its night:

  netassay trend history -o openmetrics > nights.txt
  promtool tsdb create-blocks-from openmetrics nights.txt /var/lib/prometheus/metrics2

A file that can't be read costs one line, and the other nights are shown.

Exit code 0: shown. 1: something got worse lately, where --fail-within asks. 2: nothing could
be shown, or not all of it.`,
		Example: `  netassay trend history
  netassay trend history -o html > trend.html
  netassay trend history -o markdown > docs/nights.md
  netassay trend history --fail-within 3
  netassay trend history --push http://pushgateway:9091 -o text`,
		Args: oneDirectory("HISTORY"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := errors.Join(f.check(), suggest.OneOf("--output value", format, slices.Sorted(maps.Keys(trendFormats()))...)); err != nil {
				return err
			}
			return f.show(stdio, args[0], format)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVarP(&format, "output", "o", format, "text, markdown, html, openmetrics or json")
	return c
}

// show writes the trend of a history in a format.
func (f *trendFlags) show(stdio IO, dir, format string) error {
	nights, t, damaged, err := f.read(dir)
	if err != nil {
		return err
	}
	if err := trendFormats()[format](stdio.Out, nights, t); err != nil {
		return fmt.Errorf("write trend: %w", err)
	}
	if err := errors.Join(append(damaged, f.pushLast(nights, t))...); err != nil {
		return err
	}
	return f.verdict(t)
}

// read puts a history together. What could not be read is damaged.
func (f *trendFlags) read(dir string) (nights []v1.Night, t *trend.Trend, damaged []error, err error) {
	if nights, damaged, err = reports.ReadHistory(dir); err != nil {
		return nil, nil, nil, err
	}
	t, err = trend.Of(nights, f.options)
	return nights, t, damaged, err
}

// verdict is an error with an exit code when something got worse lately, if that was asked.
func (f *trendFlags) verdict(t *trend.Trend) error {
	for i := range t.Changes {
		if c := &t.Changes[i]; c.Direction == trend.Worse && c.At >= len(t.Nights)-f.within {
			return withCode(exitFail)
		}
	}
	return nil
}

// pushJob is what a Pushgateway keeps the last night under.
const pushJob = "netassay_nightly"

// pushLast gives the last night to the Pushgateway, in the place of the one before.
func (f *trendFlags) pushLast(nights []v1.Night, t *trend.Trend) error {
	if f.push == "" {
		return nil
	}
	last := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return openmetrics.Last(nights, t), nil })
	if err := push.New(f.push, pushJob).Gatherer(last).Push(); err != nil {
		return fmt.Errorf("push the last night to %s: %w", f.push, err)
	}
	return nil
}
