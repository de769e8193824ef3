package incluster

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/netassay/netassay/incluster/outcome"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// follower reads the records of an experiment while it writes them.
type follower struct {
	path     string
	read     int64 // bytes of whole lines
	progress outcome.Progress
}

// most is how much is read at a time, far above the longest line.
const most = 4 << 20

// look reads what is new, and reports whether it is worth telling. What can't be read is left to
// those who read the results.
func (f *follower) look() (news bool) {
	file, err := os.Open(f.path)
	if err != nil {
		return false
	}
	defer file.Close()
	for {
		text, err := io.ReadAll(io.NewSectionReader(file, f.read, most))
		end := bytes.LastIndexByte(text, '\n') + 1
		for line := range bytes.Lines(text[:end]) {
			if record, err := v1.DecodeRecord(line); err == nil {
				news = f.progress.Add(record) || news
			}
		}
		f.read += int64(end)
		if err != nil || end == 0 {
			return news
		}
	}
}

// partialJUnit is the document of what was seen by an experiment that did not come to its end.
func partialJUnit(dir, reason string) ([]byte, error) {
	var out bytes.Buffer
	reason = cmp.Or(reason, "its results are not whole")
	if run, err := reports.ReadUnfinished(dir); err == nil {
		err = partialRun(&out, run, reason)
		return out.Bytes(), err
	}
	left, err := reports.Salvage(dir) // it is no conformance run, or damaged
	if err != nil {
		return nil, err
	}
	run, ok := left.Run.(*v1.CheckRun)
	if !ok {
		return nil, errors.New("experiment has no cases")
	}
	run.Trouble = reason
	err = render.CheckJUnit(&out, run)
	return out.Bytes(), err
}

// partialRun writes the cases that were judged, and as unfinished all others.
func partialRun(w io.Writer, run *v1.Run, reason string) error {
	for _, name := range run.Order {
		if !slices.ContainsFunc(run.Cases, func(c v1.Case) bool { return c.Name == name }) {
			run.Cases = append(run.Cases, v1.Case{Name: name, Outcome: v1.Unfinished, Reason: reason})
		}
	}
	return render.JUnit(w, run)
}

// records is where the experiment writes them.
func (p *place) records() string { return filepath.Join(p.path(OutDir), reports.RecordsFile) }
