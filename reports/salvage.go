package reports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/netassay/netassay/reports/schema"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Layout is how the files of a result directory hold what was seen.
type Layout string

// The layouts that there have been.
const (
	LayoutRecords Layout = "records" // one stream of all records
	LayoutLists   Layout = "lists"   // before 2026-11-28: a file for each kind of data
)

// Trouble is something of a result directory that can't be read, or isn't there.
type Trouble struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0 when it is about the whole file
	What string `json:"what"`           // and the cure
}

// String is one line for people.
func (t Trouble) String() string {
	if t.Line == 0 {
		return fmt.Sprintf("%s: %s", t.File, t.What)
	}
	return fmt.Sprintf("%s:%d: %s", t.File, t.Line, t.What)
}

// maxTroubles are listed of one directory.
const maxTroubles = 10

// Salvaged is all that is whole of a result directory of any version, and what is not.
type Salvaged struct {
	Dir    string
	Layout Layout
	// Run is what was put together, nil when nothing says of which experiment it is.
	Run    v1.Experiment
	Counts map[v1.RecordKind]int // of records that were read; of lists, of their lines
	// Verdict is that of the whole run, "" when it was killed, goes on, or has lost its end.
	Verdict  v1.Verdict
	Lacks    []string  // what runs of this layout never left for programs
	Missing  []string  // files that a run with a verdict leaves, and that aren't there
	Troubles []Trouble // the first of them, equal ones in a row once
	Unread   int       // how many lines and files can't be read

	check bool // against the schemas
}

// Whole reports whether the run came to its end, and nothing of it is missing or damaged.
func (s *Salvaged) Whole() bool { return s.Verdict != "" && s.Unread == 0 && len(s.Missing) == 0 }

// Experiment is the name of what was run, as the conditions' kind begins; "" when nothing tells.
func (s *Salvaged) Experiment() string {
	switch s.Run.(type) {
	case *v1.Run:
		return v1.KindConformance.Experiment()
	case *v1.CheckRun:
		return v1.KindCheck.Experiment()
	case *v1.ChaosRun:
		return v1.KindChaos.Experiment()
	case *v1.ScaleData:
		return v1.KindScale.Experiment()
	case *v1.FuzzRun:
		return v1.KindFuzz.Experiment()
	case *v1.MigrationRun:
		return v1.KindMigration.Experiment()
	case *v1.AuditRun:
		return v1.KindAudit.Experiment()
	}
	return ""
}

// Salvage reads what there is of a result directory, of any version. What can't be read is left
// out and told of. The error is of a directory that can't be read at all or holds no results.
func Salvage(dir string) (*Salvaged, error) { return salvage(dir, false) }

// Validate is Salvage that also holds everything that it reads against the schemas, and the
// summary against the records. It reads as well what is derived, and takes some times longer.
func Validate(dir string) (*Salvaged, error) { return salvage(dir, true) }

func salvage(dir string, check bool) (*Salvaged, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	s := &Salvaged{Dir: dir, Counts: map[v1.RecordKind]int{}, check: check}
	switch {
	case exists(dir, RecordsFile):
		s.Layout = LayoutRecords
		s.records()
	case exists(dir, RunFile) || exists(dir, evidenceFile):
		s.Layout = LayoutLists
		s.lists()
	default:
		return nil, fmt.Errorf("%s has neither %s nor %s: give a result directory, such as one below results", dir, RecordsFile, RunFile)
	}
	if s.Verdict != "" {
		for _, name := range derived(s.Run, s.Layout) {
			if !exists(dir, name) {
				s.Missing = append(s.Missing, name)
			}
		}
	}
	if check && s.Layout == LayoutRecords && s.Run != nil {
		s.documents()
	}
	return s, nil
}

// trouble notes what can't be read.
func (s *Salvaged) trouble(file string, line int, what string) {
	s.Unread++
	path := filepath.Join(s.Dir, file)
	if n := len(s.Troubles); n > 0 && s.Troubles[n-1].File == path && s.Troubles[n-1].What == what {
		return // the cells of a case that is lost
	}
	if len(s.Troubles) < maxTroubles {
		s.Troubles = append(s.Troubles, Trouble{File: path, Line: line, What: what})
	}
}

// records puts the run together from its stream.
func (s *Salvaged) records() {
	s.eachLine(RecordsFile, func(line []byte) error {
		r, err := v1.DecodeRecord(line)
		if err == nil && s.check {
			err = schema.Line(line)
		}
		if err != nil {
			return err
		}
		s.Counts[v1.KindOf(r)]++
		s.Verdict = ""
		if c, ok := r.(*v1.Conclusion); ok {
			s.Verdict = c.Verdict
		}
		if s.Run == nil {
			if v1.KindOf(r).Experiment() == "" && s.Unread == 0 {
				s.trouble(RecordsFile, 1, "the first record holds no conditions: the beginning was cut off, take the whole file")
			}
			s.Run = v1.Begin(r)
		}
		if s.Run == nil {
			return errors.New("nothing before it says of which experiment it is: the beginning was cut off, take the whole file")
		}
		return s.Run.Add(r)
	})
}

// documents holds summary.json and run.json against their schemas, and the summary's verdict
// against that of the records.
func (s *Salvaged) documents() {
	summary, conditions := schema.Of(s.Run)
	for file, name := range map[string]schema.Name{SummaryFile: summary, RunFile: conditions} {
		if name != "" && exists(s.Dir, file) {
			s.document(file, func(text []byte) error { return schema.Document(name, text) })
		}
	}
	if !exists(s.Dir, SummaryFile) {
		return
	}
	switch told := s.written(); {
	case told == s.Verdict:
	case s.Verdict == "":
		s.trouble(SummaryFile, 0, "is of a run that came to its end, and the records have no verdict: their end was cut off, take the whole directory")
	default:
		s.trouble(SummaryFile, 0, fmt.Sprintf("its verdict is %q, that of the records is %q: the files are of two runs, or one was edited", told, s.Verdict))
	}
}

// eachLine gives take the lines of a file of the directory; what take refuses, and lines that
// are too long or have no end, are troubles.
func (s *Salvaged) eachLine(name string, take func(line []byte) error) {
	f, err := os.Open(filepath.Join(s.Dir, name))
	if err != nil {
		s.trouble(name, 0, "is missing or can't be opened: take the whole directory")
		return
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, maxLine)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return
		case err != nil && !errors.Is(err, io.EOF):
			s.trouble(name, n, fmt.Sprintf("%v: the rest of the file is not read", err))
			return
		case long:
			s.trouble(name, n, "the line is longer than any that is written: the file was edited, take the whole one")
		default:
			if err := take(slices.Clip(bytes.TrimSuffix(line, []byte("\n")))); err != nil {
				s.trouble(name, n, err.Error())
			}
		}
	}
}

// derived are the files that a run leaves beside what it saw, when it comes to its end.
func derived(run v1.Experiment, layout Layout) []string {
	names := []string{ReportFile, SummaryFile}
	switch run.(type) {
	case *v1.ScaleData:
		names = append(names, RunFile, BenchFile)
		if layout == LayoutLists {
			return names // it had no JUnit file
		}
	case *v1.Run:
		names = append(names, RunFile)
	case *v1.ChaosRun:
		if layout == LayoutLists {
			return names
		}
	}
	return append(names, JUnitFile)
}
