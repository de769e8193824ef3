package render

import (
	"encoding/json"
	"io"

	v1 "github.com/netassay/netassay/reports/v1"
)

// CellWriter writes cells as JSON lines, one at a time, so that the cells of a case can be
// on disk before the run is over.
type CellWriter struct {
	enc *json.Encoder
}

// NewCellWriter writes to w.
func NewCellWriter(w io.Writer) *CellWriter {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &CellWriter{enc}
}

// Write writes one cell as one line.
func (c *CellWriter) Write(cell *v1.Cell) error { return c.enc.Encode(cell) }

// Cells writes all cells of a run as JSON lines.
func Cells(w io.Writer, run *v1.Run) error {
	cells := NewCellWriter(w)
	for c := range run.EachCell {
		if err := cells.Write(c); err != nil {
			return err
		}
	}
	return nil
}

// Summary writes the verdict and the figures.
func Summary(w io.Writer, run *v1.Run) error { return JSON(w, run.Summary()) }

// Run writes the run without its cells.
func Run(w io.Writer, run *v1.Run) error {
	short := *run
	short.Cases = make([]v1.Case, len(run.Cases))
	for i, c := range run.Cases {
		steps := make([]v1.Step, len(c.Steps))
		for j, s := range c.Steps {
			s.Cells = nil
			steps[j] = s
		}
		c.Steps = steps
		short.Cases[i] = c
	}
	return JSON(w, short)
}

// JSON writes v for machines and for diffs.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Lines writes each of the list as one line of JSON.
func Lines[T any](w io.Writer, list []T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return err
		}
	}
	return nil
}
