package reports

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/netassay/netassay/reports/schema"
	v1 "github.com/netassay/netassay/reports/v1"
)

// The files that held what was seen before there were records. What a reader of today makes of
// them is what their runs would have recorded.
const (
	cellsFile    = "cells.jsonl"    // of conformance
	samplesFile  = "samples.jsonl"  // of scale, and the two that follow
	readingsFile = "readings.jsonl" //
	pointsFile   = "points.jsonl"   //
	evidenceFile = "evidence.json"  // of chaos: findings and faults
)

// lists puts a run together from the files of the layout before records.
func (s *Salvaged) lists() {
	switch {
	case exists(s.Dir, samplesFile) || exists(s.Dir, readingsFile):
		s.scaleLists()
	case exists(s.Dir, evidenceFile):
		s.chaosLists()
	default:
		s.conformanceLists()
	}
	s.Verdict = s.written()
}

// written is the verdict of the summary: the last file that was written.
func (s *Salvaged) written() v1.Verdict {
	var sum struct {
		Verdict v1.Verdict `json:"verdict"`
	}
	if exists(s.Dir, SummaryFile) {
		s.document(SummaryFile, func(text []byte) error { return json.Unmarshal(text, &sum) })
	}
	return sum.Verdict
}

// document reads a file that holds one JSON value.
func (s *Salvaged) document(name string, decode func(text []byte) error) bool {
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		s.trouble(name, 0, "is missing or can't be opened: take the whole directory")
		return false
	}
	if err := decode(text); err != nil {
		line, cure := lineOf(text, err)
		s.trouble(name, line, cure.Error())
		return false
	}
	return true
}

// strictly is v1.Strictly for a whole file, with the cure of a field that it doesn't know.
func strictly(text []byte, into any) error {
	err := v1.Strictly(text, into)
	if err == nil {
		return nil
	}
	if line, _ := lineOf(text, err); line > 0 {
		return err
	}
	return v1.Damaged(err)
}

// lineOf is the line of a JSON text in which it ends too early or goes wrong, and the error with
// its cure; 0 and the error itself of what is wrong about the whole.
func lineOf(text []byte, err error) (int, error) {
	end := len(text)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		end = min(int(syntax.Offset), end)
	case errors.As(err, &kind):
		end = min(int(kind.Offset), end)
	case !errors.Is(err, io.ErrUnexpectedEOF):
		return 0, err
	}
	return 1 + bytes.Count(bytes.TrimRight(text[:end], "\n"), []byte("\n")), v1.Damaged(err)
}

func listOf[T any](s *Salvaged, name string, kind v1.RecordKind, add func(*T) error) {
	s.eachLine(name, func(line []byte) error {
		v := new(T)
		if err := v1.Strictly(line, v); err != nil {
			return v1.Damaged(err)
		}
		if s.check {
			if err := schema.Record(kind, line); err != nil {
				return err
			}
		}
		s.Counts[kind]++
		return add(v)
	})
}

func (s *Salvaged) scaleLists() {
	d := &v1.ScaleData{}
	s.Run = d
	if s.document(RunFile, func(text []byte) error { return strictly(text, &d.Run) }) {
		s.Counts[v1.KindScale]++
		s.count(map[v1.RecordKind]int{v1.KindEngine: len(d.Run.Engines), v1.KindTurn: len(d.Run.Turns), v1.KindNote: len(d.Run.Notes)})
	}
	listOf(s, samplesFile, v1.KindSample, func(v *v1.Sample) error { d.Samples = append(d.Samples, *v); return nil })
	listOf(s, readingsFile, v1.KindReading, func(v *v1.Reading) error { d.Readings = append(d.Readings, *v); return nil })
	listOf(s, pointsFile, v1.KindPoint, func(v *v1.Point) error { d.Points = append(d.Points, *v); return nil })
}

func (s *Salvaged) count(more map[v1.RecordKind]int) {
	for kind, n := range more {
		if n > 0 {
			s.Counts[kind] += n
		}
	}
}

// caseThen is a case as it was written when a fixture set was called an arena.
type caseThen struct {
	v1.Case
	Arena string `json:"arena"`
}

// runThen is run.json of conformance before there were records.
type runThen struct {
	v1.RunConditions
	Notes []string   `json:"notes"`
	Cases []caseThen `json:"cases"`
}

func (s *Salvaged) conformanceLists() {
	run := &v1.Run{}
	s.Run = run
	var then runThen
	if s.document(RunFile, func(text []byte) error { return strictly(text, &then) }) {
		s.Counts[v1.KindConformance]++
	}
	run.RunConditions, run.Notes = then.RunConditions, then.Notes
	for _, c := range then.Cases {
		c.FixtureSet = cmp.Or(c.FixtureSet, c.Arena)
		run.Cases = append(run.Cases, c.Case)
	}
	slices.SortStableFunc(run.Cases, func(a, b v1.Case) int { return cmp.Compare(a.Name, b.Name) })
	s.count(map[v1.RecordKind]int{v1.KindCase: len(run.Cases), v1.KindNote: len(run.Notes)})
	listOf(s, cellsFile, v1.KindCell, func(c *v1.Cell) error { return run.Add(c) })
}

// chaosLists reads findings, faults and the sums of the summary. What was counted on each
// backend was told to people alone.
func (s *Salvaged) chaosLists() {
	run := &v1.ChaosRun{}
	s.Run = run
	var evidence struct {
		Findings []v1.Finding `json:"findings"`
		Faults   []v1.Fault   `json:"faults"`
	}
	s.document(evidenceFile, func(text []byte) error { return strictly(text, &evidence) })
	run.Findings, run.Faults = evidence.Findings, evidence.Faults
	s.count(map[v1.RecordKind]int{v1.KindFinding: len(run.Findings), v1.KindFault: len(run.Faults)})
	s.Lacks = append(s.Lacks, "conditions and counts by backend: told to people alone, in "+ReportFile)
}
