package reports

import (
	"io"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// The files of a result directory. All but the records are derived from them.
const (
	RecordsFile = "records.jsonl" // all that was seen, one record per line, while the run goes on
	ReportFile  = "report.txt"    // for people
	JUnitFile   = "junit.xml"     // for CI
	SummaryFile = "summary.json"  // verdict and figures
	RunFile     = "run.json"      // conditions; of conformance also cases and steps, without the cells
	BenchFile   = "bench.txt"     // of a scale run: a value per metric and repeat, for benchstat
)

// Conformance ends the stream of a conformance run and writes what is derived from it.
func (d *Directory) Conformance(run *v1.Run) error {
	return d.finish([]v1.Record{&run.RunConditions, &v1.Conclusion{Verdict: run.Verdict()}},
		file{JUnitFile, func(w io.Writer) error { return render.JUnit(w, run) }},
		file{RunFile, func(w io.Writer) error { return render.Run(w, run) }},
		file{ReportFile, func(w io.Writer) error { return render.Text(w, run) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, run.Summary()) }},
	)
}

// Check ends the stream of an AKS check and writes what is derived from it.
func (d *Directory) Check(run *v1.CheckRun) error {
	sum := v1.Conclusion{Verdict: run.Verdict()}
	return d.finish([]v1.Record{&run.CheckConditions, &sum},
		file{JUnitFile, func(w io.Writer) error { return render.CheckJUnit(w, run) }},
		file{ReportFile, func(w io.Writer) error { return render.CheckText(w, run) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}

// Chaos ends the stream of a chaos run and writes what is derived from it.
func (d *Directory) Chaos(run *v1.ChaosRun, sum *v1.ChaosSummary) error {
	return d.finish([]v1.Record{&run.ChaosConditions, &v1.Conclusion{Verdict: sum.Verdict, Reasons: sum.Reasons}},
		file{JUnitFile, func(w io.Writer) error { return render.ChaosJUnit(w, run, sum) }},
		file{ReportFile, func(w io.Writer) error { return render.ChaosText(w, run, sum) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}

// Fuzz ends the stream of a run of drawn cases and writes what is derived from it.
func (d *Directory) Fuzz(run *v1.FuzzRun) error {
	return d.finish([]v1.Record{&run.FuzzConditions, &v1.Conclusion{Verdict: run.Verdict()}},
		file{JUnitFile, func(w io.Writer) error { return render.FuzzJUnit(w, run) }},
		file{ReportFile, func(w io.Writer) error { return render.FuzzText(w, run) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, run.Summary()) }},
	)
}

// Scale ends the stream of a scale run and writes what is derived from it; bench writes the
// values for benchstat.
func (d *Directory) Scale(data *v1.ScaleData, sum *v1.ScaleSummary, bench func(io.Writer) error) error {
	return d.finish([]v1.Record{&data.Run.ScaleConditions, &v1.Conclusion{Verdict: sum.Verdict, Reasons: sum.Reasons}},
		file{RunFile, func(w io.Writer) error { return render.JSON(w, data.Run) }},
		file{BenchFile, bench},
		file{JUnitFile, func(w io.Writer) error { return render.ScaleJUnit(w, &data.Run, sum) }},
		file{ReportFile, func(w io.Writer) error { return render.ScaleText(w, data, sum) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}
