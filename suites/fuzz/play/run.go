package play

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fuzz"
)

// Run is one or more hunts whose results go to one directory.
type Run struct {
	Report v1.FuzzRun
	Say    func(line string) // progress

	path string
	dir  *reports.Directory
	said time.Time
}

// Begin begins the result directory. watch sees each record; it must take no time.
func Begin(path string, conditions v1.FuzzConditions, say func(string), watch func(v1.Record)) (*Run, error) {
	dir, err := reports.Open(path, watch)
	if err != nil {
		return nil, err
	}
	conditions.Schema, conditions.Started = v1.Schema, time.Now().UTC()
	r := &Run{Report: v1.FuzzRun{FuzzConditions: conditions}, Say: say, path: path, dir: dir}
	first := r.Report.FuzzConditions
	dir.Append(&first)
	return r, nil
}

// Hunt searches for a case that engine fails, makes it small, and leaves it as a file.
func (r *Run) Hunt(ctx context.Context, engine string, h *Hunt) error {
	h.Played = func(c cases.Case, result fuzz.Result, took time.Duration) { r.played(engine, c, result, took) }
	found, err := h.Run(ctx)
	if found == nil {
		return err
	}
	r.Say(fmt.Sprintf("%s fails %s: %s", engine, found.First.Name, found.Wrong))
	if err == nil {
		err = h.Reduce(ctx, found)
	}
	return r.leave(engine, found, err)
}

// leave writes what was found, however small it has become.
func (r *Run) leave(engine string, found *Found, err error) error {
	text, formatErr := cases.Format(found.Case)
	if formatErr != nil {
		return formatErr
	}
	name := found.First.Name + ".txtar"
	if err := os.WriteFile(filepath.Join(r.path, name), text, 0o644); err != nil {
		return fmt.Errorf("save the case: %w", err)
	}
	record := v1.FoundCase{
		Engine: engine, Name: found.First.Name, File: filepath.Join(r.path, name), Wrong: found.Wrong.String(),
		Confirmed: found.Again, Plays: int(found.Plays), Seconds: found.Took.Seconds(),
	}
	r.Report.Found = append(r.Report.Found, record)
	r.dir.Append(&record)
	return err
}

// every is the time between lines of progress.
const every = 10 * time.Second

func (r *Run) played(engine string, c cases.Case, result fuzz.Result, took time.Duration) {
	p := v1.PlayedCase{
		Engine: engine, Name: c.Name, Steps: result.Steps, Cells: result.Cells, Seconds: took.Seconds(),
		Outcome: result.Outcome, Reason: result.Reason,
	}
	r.Report.Played = append(r.Report.Played, p)
	r.dir.Append(&p)
	if time.Since(r.said) > every {
		r.said = time.Now()
		r.Report.Finished = r.said.UTC()
		s := r.Report.Summary()
		r.Say(fmt.Sprintf("%4.0f s: %s, %d cases, %d cells (%.0f/s)", s.Seconds, engine, s.Cases, s.Cells, s.CellsPerSecond))
	}
}

// End ends the result directory with all that is derived from it. trouble is why the run could
// not go on.
func (r *Run) End(trouble error) error {
	r.Report.Finished = time.Now().UTC()
	if trouble != nil {
		r.Report.Trouble = trouble.Error()
	}
	return r.dir.Fuzz(&r.Report)
}
