package reports

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// nightSuffix is that of a history's files: one per night, records as in a result directory, so
// that a version control system shows a figure per line.
const nightSuffix = ".jsonl"

// MaxNight is how large the file of a night may be, in bytes: some thousands of figures. A history
// that is kept for years must stay small.
const MaxNight = 1 << 20

// NightID names a night and its file: by its beginning, which sorts, and its run.
func NightID(began time.Time, run string) string {
	return began.UTC().Format("20060102-150405") + "-" + run
}

// AppendNight adds a night to the history in dir, which is made when it is missing. A night that
// is there already is refused.
func AppendNight(dir string, n *v1.Night) error {
	text, err := encode(n.Records())
	if err != nil {
		return err
	}
	if len(text) > MaxNight {
		return fmt.Errorf("night %s has %d bytes, at most %d are kept: run fewer experiments or engines in a night", n.ID, len(text), MaxNight)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make history: %w", err)
	}
	path := filepath.Join(dir, n.ID+nightSuffix)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("history %s has night %s already", dir, n.ID)
	}
	if err := writeWhole(path, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return fmt.Errorf("write night: %w", err)
	}
	return nil
}

// ReadHistory reads all nights in dir, in order of time. A file that can't be read is left out, and
// is an error of damaged, one line each; err is that of a directory without any night.
func ReadHistory(dir string) (nights []v1.Night, damaged []error, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read history: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), nightSuffix) {
			continue
		}
		n, err := readNight(filepath.Join(dir, e.Name()))
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		nights = append(nights, *n)
	}
	if len(nights)+len(damaged) == 0 {
		return nil, nil, fmt.Errorf("%s has no night: give a directory that netassay nightly --history wrote", dir)
	}
	slices.SortStableFunc(nights, func(a, b v1.Night) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	return nights, damaged, nil
}

func readNight(path string) (*v1.Night, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read night: %w", err)
	}
	if info.Size() > MaxNight {
		return nil, fmt.Errorf("%s has %d bytes, a night has at most %d: take it out of the history", path, info.Size(), MaxNight)
	}
	var n v1.Night
	whole, err := readRecords(path, &n)
	switch {
	case err != nil:
		return nil, err
	case n.Schema != v1.Schema:
		return nil, fmt.Errorf("%s:1: schema is %q, a night has %q: take the file out of the history", path, n.Schema, v1.Schema)
	case !whole:
		return nil, fmt.Errorf("%s ends without a verdict: it was cut off, take the whole one from where the history is kept", path)
	case n.Started.IsZero():
		return nil, errors.New(path + ":1: started is missing: take the whole file from where the history is kept")
	}
	return &n, nil
}
