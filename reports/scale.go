package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// The files of a scale run's result directory, besides ReportFile, SummaryFile and RunFile.
const (
	SamplesFile  = "samples.jsonl"  // one line per pair and change, raw
	ReadingsFile = "readings.jsonl" // one line per reading of memory and cost, raw
	PointsFile   = "points.jsonl"   // one line per cost at one size, raw
	BenchFile    = "bench.txt"      // a value per metric and repeat, for benchstat
)

// WriteScale writes all files of a scale run into dir, which is made when it is missing;
// bench writes the values for benchstat. A file that exists is refused before anything is
// written.
func WriteScale(dir string, d *v1.ScaleData, s *v1.ScaleSummary, bench func(io.Writer) error) error {
	return writeAll(dir, []file{
		{SamplesFile, func(w io.Writer) error { return render.Lines(w, d.Samples) }},
		{ReadingsFile, func(w io.Writer) error { return render.Lines(w, d.Readings) }},
		{PointsFile, func(w io.Writer) error { return render.Lines(w, d.Points) }},
		{RunFile, func(w io.Writer) error { return render.JSON(w, d.Run) }},
		{BenchFile, bench},
		{ReportFile, func(w io.Writer) error { return render.ScaleText(w, d, s) }},
		{SummaryFile, func(w io.Writer) error { return render.JSON(w, s) }},
	})
}

// ReadScale reads a scale run's result directory, or a directory of such directories: their runs are
// then repeats of one.
func ReadScale(dir string) (*v1.ScaleData, error) {
	if _, err := os.Stat(filepath.Join(dir, RunFile)); err == nil {
		return readScale(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	var all []*v1.ScaleData
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(sub, RunFile)); err != nil {
			continue
		}
		d, err := readScale(sub)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no %s, nor a directory that has: give a result directory of netassay scale", dir, RunFile)
	}
	d, err := v1.JoinScale(all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return d, nil
}

func readScale(dir string) (*v1.ScaleData, error) {
	var d v1.ScaleData
	text, err := os.ReadFile(filepath.Join(dir, RunFile))
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if err := strictly(text, &d.Run); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, RunFile), err)
	}
	if err := errors.Join(
		readLines(filepath.Join(dir, SamplesFile), &d.Samples),
		readLines(filepath.Join(dir, ReadingsFile), &d.Readings),
		readLines(filepath.Join(dir, PointsFile), &d.Points),
	); err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &d, nil
}

// strictly refuses fields that it doesn't know: they would be ignored in comparisons.
func strictly(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the first value")
	}
	return nil
}

// maxLine is far above the longest line that Lines writes.
const maxLine = 1 << 20

// readLines reads a file of one JSON object per line.
func readLines[T any](path string, into *[]T) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		var v T
		if err := strictly(lines.Bytes(), &v); err != nil {
			return fmt.Errorf("%s:%d: %w: the file was cut off or edited, take the whole one", path, n, err)
		}
		*into = append(*into, v)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", path, n+1, err)
	}
	return nil
}
