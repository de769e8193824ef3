package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Fresh is the result directory of a run that was told none.
func Fresh(began time.Time, experiment string) string {
	return filepath.Join("results", began.Format("20060102-150405")+"-"+experiment)
}

// Claim makes the directory dir for the results of one run. One that exists and holds
// anything is refused: results are never mixed or overwritten.
func Claim(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make result directory: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("open result directory: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("result directory %s is not empty: name another with --out, or remove it", dir)
	}
	return nil
}

// Directory is the result directory of one run: a stream of records that grows while the run
// goes on, and a page that follows it, so that a run that is killed leaves what it saw; and files
// that are derived from the records at the end. Append may be called from several goroutines.
type Directory struct {
	path string

	mu     sync.Mutex
	stream *os.File
	err    error // the first of the stream
	live   live
	watch  func(v1.Record)
}

// Open begins the stream of records in dir, which is made when it is missing. Logs may be in
// it already, results may not. watch, where it is not nil, sees each record once it is written; it
// must take no time.
func Open(dir string, watch func(v1.Record)) (*Directory, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make result directory: %w", err)
	}
	d := &Directory{path: dir, watch: watch}
	for _, name := range []string{SummaryFile, PageFile} {
		if err := d.vacant(name); err != nil {
			return nil, err
		}
	}
	stream, err := os.OpenFile(filepath.Join(dir, RecordsFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, d.vacant(RecordsFile)
	}
	if err != nil {
		return nil, fmt.Errorf("begin records: %w", err)
	}
	d.stream = stream
	return d, nil
}

// vacant refuses a name that is taken.
func (d *Directory) vacant(name string) error {
	if _, err := os.Lstat(filepath.Join(d.path, name)); err == nil {
		return fmt.Errorf("result directory %s has a %s already: name another with --out, or remove it", d.path, name)
	}
	return nil
}

// Append adds records to the stream, all of them in one write. An error ends the stream; it is
// that of the function that ends the run.
func (d *Directory) Append(records ...v1.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return
	}
	lines, err := encode(records)
	if err == nil {
		_, err = d.stream.Write(lines)
	}
	if err != nil {
		d.err = err
		return
	}
	d.follow(records)
	if d.watch != nil {
		for _, r := range records {
			d.watch(r)
		}
	}
}

// encode gives the lines of records.
func encode(records []v1.Record) ([]byte, error) {
	var lines []byte
	for _, r := range records {
		line, err := v1.EncodeRecord(r)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line...)
	}
	return lines, nil
}

// Into is Append that also puts the run together from its records, so that it is as a reader
// will find it.
func (d *Directory) Into(run v1.Experiment) func(...v1.Record) {
	return func(records ...v1.Record) {
		d.Append(records...)
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, r := range records {
			if d.err == nil {
				d.err = run.Add(r)
			}
		}
	}
}

// file is one derived file of a result directory.
type file struct {
	name  string
	write func(io.Writer) error
}

// finish ends the stream with these records and writes files, none of which may be there, in
// order. The summary is the last: who sees it sees the others whole.
func (d *Directory) finish(last []v1.Record, files ...file) error {
	d.Append(last...)
	d.endPages()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := errors.Join(d.err, d.stream.Close())
	d.err = os.ErrClosed
	for _, f := range files {
		if f.name != PageFile { // which the run itself has written
			err = errors.Join(err, d.vacant(f.name))
		}
	}
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	for _, f := range files {
		if err := writeWhole(filepath.Join(d.path, f.name), f.write); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	return nil
}

// writeWhole never leaves a file that is not whole under its name.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	partial := path + ".partial"
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, path)
}

// The files of a result directory. All but the records are derived from them.
const (
	RecordsFile = "records.jsonl" // all that was seen, one record per line, while the run goes on
	ReportFile  = "report.txt"    // for people
	PageFile    = "report.html"   // for people who look: in a browser, without a network; while the run goes on too
	JUnitFile   = "junit.xml"     // for CI
	SummaryFile = "summary.json"  // verdict and figures
	RunFile     = "run.json"      // conditions; of conformance also cases and steps, without the cells
	BenchFile   = "bench.txt"     // of a scale run: a value per metric and repeat, for benchstat
)

// Conformance ends the stream of a conformance run and writes what is derived from it.
func (d *Directory) Conformance(run *v1.Run) error {
	return d.finish([]v1.Record{&run.RunConditions, &v1.Conclusion{Verdict: run.Verdict()}},
		file{JUnitFile, func(w io.Writer) error { return render.JUnit(w, run) }},
		pageOf(run, nil),
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
		pageOf(run, nil),
		file{ReportFile, func(w io.Writer) error { return render.CheckText(w, run) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}

// Chaos ends the stream of a chaos run and writes what is derived from it.
func (d *Directory) Chaos(run *v1.ChaosRun, sum *v1.ChaosSummary) error {
	return d.finish([]v1.Record{&run.ChaosConditions, &v1.Conclusion{Verdict: sum.Verdict, Reasons: sum.Reasons}},
		file{JUnitFile, func(w io.Writer) error { return render.ChaosJUnit(w, run, sum) }},
		pageOf(run, sum),
		file{ReportFile, func(w io.Writer) error { return render.ChaosText(w, run, sum) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}

// Fuzz ends the stream of a run of drawn cases and writes what is derived from it.
func (d *Directory) Fuzz(run *v1.FuzzRun) error {
	return d.finish([]v1.Record{&run.FuzzConditions, &v1.Conclusion{Verdict: run.Verdict()}},
		file{JUnitFile, func(w io.Writer) error { return render.FuzzJUnit(w, run) }},
		pageOf(run, nil),
		file{ReportFile, func(w io.Writer) error { return render.FuzzText(w, run) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, run.Summary()) }},
	)
}

// Migration ends the stream of a change of engine and writes what is derived from it.
func (d *Directory) Migration(run *v1.MigrationRun, sum *v1.MigrationSummary) error {
	return d.finish([]v1.Record{&run.MigrationConditions, &v1.Conclusion{Verdict: sum.Verdict, Reasons: sum.Reasons}},
		file{JUnitFile, func(w io.Writer) error { return render.MigrationJUnit(w, run, sum) }},
		pageOf(run, sum),
		file{ReportFile, func(w io.Writer) error { return render.MigrationText(w, run, sum) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}

// Audit ends the stream of an audit and writes what is derived from it.
func (d *Directory) Audit(run *v1.AuditRun) error {
	return d.finish([]v1.Record{&run.AuditConditions, &v1.Conclusion{Verdict: run.Verdict(), Reasons: run.Reasons()}},
		file{JUnitFile, func(w io.Writer) error { return render.AuditJUnit(w, run) }},
		pageOf(run, nil),
		file{ReportFile, func(w io.Writer) error { return render.AuditText(w, run) }},
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
		pageOf(data, sum),
		file{ReportFile, func(w io.Writer) error { return render.ScaleText(w, data, sum) }},
		file{SummaryFile, func(w io.Writer) error { return render.JSON(w, sum) }},
	)
}
