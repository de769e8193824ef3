package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// The files of a result directory.
const (
	ReportFile  = "report.txt"   // for people
	JUnitFile   = "junit.xml"    // for CI
	CellsFile   = "cells.jsonl"  // one line per cell
	SummaryFile = "summary.json" // verdict and figures
	RunFile     = "run.json"     // conditions, cases and steps, without the cells
)

// Text writes the report for people.
func Text(w io.Writer, run *v1.Run) error { return render.Text(w, run) }

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

// WriteFolder writes all files of a run into dir, which is made when it is missing.
// Logs may be in it already, results may not: a file that exists is refused before anything
// is written.
func WriteFolder(dir string, run *v1.Run) error {
	return writeAll(dir, []file{
		{CellsFile, func(w io.Writer) error { return render.Cells(w, run) }},
		{JUnitFile, func(w io.Writer) error { return render.JUnit(w, run) }},
		{RunFile, func(w io.Writer) error { return render.Run(w, run) }},
		{ReportFile, func(w io.Writer) error { return render.Text(w, run) }},
		{SummaryFile, func(w io.Writer) error { return render.Summary(w, run) }},
	})
}

// file is one file of a result directory.
type file struct {
	name  string
	write func(io.Writer) error
}

// writeAll writes files in order. The summary is the last: who sees it sees the others whole.
func writeAll(dir string, files []file) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make result directory: %w", err)
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			return fmt.Errorf("result directory %s has a %s already: name another with --out, or remove it", dir, f.name)
		}
	}
	for _, f := range files {
		if err := writeWhole(filepath.Join(dir, f.name), f.write); err != nil {
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
