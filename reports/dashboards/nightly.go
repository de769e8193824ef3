package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/netassay/netassay/reports/metrics"
)

// chosen are the experiments and engines that the reader of the dashboard wants to see.
const chosen = `experiment=~"$experiment", engine=~"$engine"`

// night is a figure of nights as a line: the last night's of each moment. A night that is late by
// six hours leaves no hole.
func night(metric, more string) string {
	if more != "" {
		more = ", " + more
	}
	return "last_over_time(" + metric + "{" + chosen + more + "}[30h])"
}

// Nightly is the dashboard of a history.
func Nightly() (dashboard.Dashboard, error) {
	d := dashboard.NewDashboardBuilder("netassay: nights").Uid("netassay-nights").
		Description("What netassay nightly has measured, night for night. Made by reports/dashboards: change it there.").
		Tags([]string{"netassay"}).Time("now-90d", "now").Timezone(common.TimeZoneBrowser).Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(sourceVariable()).
		WithVariable(variable(metrics.LabelExperiment, metrics.Verdict)).
		WithVariable(variable(metrics.LabelEngine, metrics.Verdict)).
		Annotation(dashboard.NewAnnotationQueryBuilder().Name("Worse since").Datasource(source()).Enable(true).IconColor("red").
			Expr(metrics.Change + "{" + chosen + `, direction="worse"}`).TitleFormat("{{experiment}} {{engine}}").TextFormat("{{series}}").Step("1h"))
	verdicts(d)
	correctness(d)
	speed(d)
	cost(d)
	harness(d)
	return d.Build()
}

func verdicts(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("Since when")).
		WithPanel(number("Passed", "1 where the last night passed.", "none", now(night(metrics.Verdict, `verdict="pass"`), "{{experiment}} {{engine}}")).Span(third).Thresholds(good())).
		WithPanel(number("Worse in 30 days", "Figures that got worse, by the changes of level that were found.", "none",
			now(`count(last_over_time(`+metrics.Change+`{`+chosen+`, direction="worse"}[30d])) or vector(0)`, "worse")).Thresholds(bad())).
		WithPanel(number("Better in 30 days", "Figures that got better.", "none",
			now(`count(last_over_time(`+metrics.Change+`{`+chosen+`, direction="better"}[30d])) or vector(0)`, "better"))).
		WithPanel(number("Took", "How long the experiments of the last night took.", "s", now(night(metrics.Duration, ""), "{{experiment}} {{engine}}")).Span(third)).
		WithPanel(list("Changes of level in 30 days", "The figures that have another level, and by how much of the level before.", "percentunit",
			now(`last_over_time(`+metrics.Change+`{`+chosen+`}[30d])`, ""))).
		WithPanel(list("Versions of the last night", "What the last night ran with.", "none", now(night(metrics.Info, ""), ""))).
		WithPanel(course("Verdicts", "1 for the verdict of each night.", "none", query(night(metrics.Verdict, "")+" == 1", "{{experiment}} {{engine}} {{verdict}}")))
}

func correctness(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("Right")).
		WithPanel(course("Failed cells", "Leaks passed what had to be denied, outages denied what had to pass.", "none", query(night(metrics.Failures, ""), "{{experiment}} {{engine}} {{kind}}"))).
		WithPanel(course("Packets that went wrong", "Of flows that were watched without a pause.", "none", query(night(metrics.Packets, ""), "{{experiment}} {{engine}} {{kind}}"))).
		WithPanel(course("Time with the wrong verdict", "Summed over the pairs of pods of all changes.", "s", query(night(metrics.WrongSeconds, ""), "{{engine}} {{transition}} {{kind}}"))).
		WithPanel(course("Cells", "By what became of them.", "none", query(night(metrics.Cells, ""), "{{engine}} {{outcome}}"))).
		WithPanel(course("Cases", "By what became of them.", "none", query(night(metrics.Cases, ""), "{{engine}} {{outcome}}")))
}

func speed(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("Fast")).
		WithPanel(course("Convergence, median", "From the answer of the API server until the verdict was right and stayed right. Floor is the method's own.", "s",
			query(night(metrics.Convergence, `statistic="p50"`), "{{experiment}} {{engine}} {{transition}}"))).
		WithPanel(course("Convergence, 99th percentile", "Of the same; it has no value where it lies beyond the deadline.", "s",
			query(night(metrics.Convergence, `statistic="p99"`), "{{experiment}} {{engine}} {{transition}}"))).
		WithPanel(course("Never right", "Share of changes that did not become right before the deadline.", "percentunit", query(night(metrics.Censored, ""), "{{experiment}} {{engine}} {{transition}}"))).
		WithPanel(course("Repair", "From the destruction of rules by somebody else to the last wrong packet.", "s", query(night(metrics.Repair, ""), "{{engine}} {{statistic}}")))
}

func cost(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("Small")).
		WithPanel(course("Memory, resident", "Of the agent on one node, by phase.", "bytes", query(night(metrics.Memory, `reading="rss"`), "{{engine}} {{phase}}"))).
		WithPanel(course("Memory, high water", "The most that was ever resident.", "bytes", query(night(metrics.Memory, `reading="hwm"`), "{{engine}} {{phase}}"))).
		WithPanel(course("Processor time per change", "Of the agent and its tools.", "s", query(night(metrics.CPUPerChange, ""), "{{engine}} {{phase}}"))).
		WithPanel(course("Processor share under churn", "Of one core.", "percentunit", query(night(metrics.CPUShare, ""), "{{engine}} {{reading}} {{phase}}"))).
		WithPanel(course("Other readings", "What the engine holds on one node, such as its number of rules.", "none", query(night(metrics.Reading, ""), "{{engine}} {{reading}} {{phase}}")))
}

// harness is what tells a slow machine from a slow engine.
func harness(d *dashboard.DashboardBuilder) {
	d.WithRow(dashboard.NewRowBuilder("The machine itself")).
		WithPanel(course("Cells per second", "How fast conformance works.", "none", query(night(metrics.CellRate, ""), "{{engine}}"))).
		WithPanel(course("Late", "By how much probes were sent late at most, and how long a cluster took.", "s",
			query(night(metrics.Late, ""), "{{engine}} probes late"), query(night(metrics.Ready, ""), "{{engine}} cluster ready"))).
		WithPanel(course("Packets not sent in time", "Share that senders were too late for.", "percentunit", query(night(metrics.Missed, ""), "{{experiment}} {{engine}}")))
}
