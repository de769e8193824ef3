package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/netassay/netassay/reports/live"
)

// Run is the dashboard of a run that goes on.
func Run() (dashboard.Dashboard, error) {
	d := dashboard.NewDashboardBuilder("netassay: a run").Uid("netassay-run").
		Description("A run with --metrics-listen while it goes on. Made by reports/dashboards: change it there.").
		Tags([]string{"netassay"}).Time("now-30m", "now").Refresh("5s").Timezone(common.TimeZoneBrowser).Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(sourceVariable())
	progress(d)
	found(d)
	measured(d)
	return d.Build()
}

func rate(metric, by string) string {
	return fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))", by, metric)
}

func progress(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("How far")).
		WithPanel(number("Cases done", "Of those that the run is to play.", "percentunit", now(fmt.Sprintf("sum(%s) / sum(%s > 0)", live.Cases, live.Planned), "done"))).
		WithPanel(number("Running for", "Since its beginning.", "s", now(fmt.Sprintf("time() - max(%s)", live.Started), ""))).
		WithPanel(number("Leaks", "Cells that passed what had to be denied.", "none", now(fmt.Sprintf(`sum(%s{kind="leak"})`, live.Failures), "leaks")).Thresholds(bad())).
		WithPanel(number("Wrong packets", "Of which evidence is kept.", "none", now(fmt.Sprintf("sum by (kind) (%s)", live.Wrong), "{{kind}}")).Thresholds(bad())).
		WithPanel(number("Verdict", "Of a run that is over.", "none", now(live.Finished, "{{verdict}}"))).
		WithPanel(number("Notes", "Troubles of the run itself.", "none", now(fmt.Sprintf("sum(%s)", live.Troubles), ""))).
		WithPanel(list("What runs", "The run that is scraped.", "none", now(live.Info, ""))).
		WithPanel(course("Records per second", "A run that records nothing for long is stuck, or waits.", "none", query(rate(live.Records, "kind"), "{{kind}}")))
}

func found(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("What it finds")).
		WithPanel(course("Cells per second", "By what became of them.", "none", query(rate(live.Cells, "outcome"), "{{outcome}}"))).
		WithPanel(course("Cases", "That are over, by what became of them.", "none", query(fmt.Sprintf("sum by (outcome) (%s)", live.Cases), "{{outcome}}"))).
		WithPanel(course("Failed cells", "So far.", "none", query(fmt.Sprintf("sum by (kind) (%s)", live.Failures), "{{kind}}"))).
		WithPanel(course("Probes per second", "Conclusive ones, of cells that were judged.", "none", query(fmt.Sprintf("sum(rate(%s[$__rate_interval]))", live.Probes), "probes"))).
		WithPanel(course("Faults", "That were done to the cluster on purpose, so far.", "none", query(fmt.Sprintf("sum(%s)", live.Faults), "faults")))
}

func measured(d *dashboard.DashboardBuilder) {
	quantile := func(q float64) string {
		return fmt.Sprintf("histogram_quantile(%g, sum by (le, transition) (%s_bucket))", q, live.Convergence)
	}
	d.WithRow(dashboard.NewRowBuilder("What it measures")).
		WithPanel(course("Convergence", "Of the run so far, from histograms: the report has the exact quantiles.", "s",
			query(quantile(0.5), "{{transition}} p50"), query(quantile(0.99), "{{transition}} p99"))).
		WithPanel(course("Samples", "Pairs of pods in a change, by what became of them.", "none", query(fmt.Sprintf("sum by (transition, result) (%s)", live.Samples), "{{transition}} {{result}}"))).
		WithPanel(course("Memory", "The latest reading of each phase.", "bytes", query(live.Memory, "{{engine}} {{phase}} {{reading}}")))
}
