package render

import (
	"encoding/json"
	"io"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Run writes the run without its cells.
func Run(w io.Writer, run *v1.Run) error {
	short := *run
	short.Cases = make([]v1.Case, len(run.Cases))
	for i := range run.Cases {
		short.Cases[i] = run.Cases[i].WithoutCells()
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
