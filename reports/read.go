package reports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Read puts the run in a result directory together from its records. whole is false when
// there is no verdict: the run was killed, or goes on.
func Read(dir string, into v1.Experiment) (whole bool, err error) {
	return readRecords(filepath.Join(dir, RecordsFile), into)
}

// readRecords is Read of a file.
func readRecords(path string, into v1.Experiment) (whole bool, err error) {
	err = readLines(path, func(line []byte) error {
		r, err := v1.DecodeRecord(line)
		if err != nil {
			return err
		}
		_, whole = r.(*v1.Conclusion)
		return into.Add(r)
	})
	return whole, err
}

// ReadUnfinished puts a conformance run together that was stopped or killed. A last line that
// was cut off is left out, and so is a last case after which nothing was written: whether all
// of its cells were, nobody knows.
func ReadUnfinished(dir string) (*v1.Run, error) {
	var run v1.Run
	var last string // the case that the last record is of
	path := filepath.Join(dir, RecordsFile)
	err := scan(path, wholeLines, func(line []byte) error {
		r, err := v1.DecodeRecord(line)
		if err != nil {
			return err
		}
		switch r := r.(type) {
		case *v1.Case:
			last = r.Name
		case *v1.Cell:
		default:
			last = ""
		}
		return run.Add(r)
	})
	if err == nil && run.ID == "" {
		err = fmt.Errorf("%s has no run of netassay conformance: it was killed at once, begin anew", path)
	}
	run.Cases = slices.DeleteFunc(run.Cases, func(c v1.Case) bool { return c.Name == last })
	return &run, err
}

// wholeLines is bufio.ScanLines without a last line that has no end.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if atEOF && bytes.IndexByte(data, '\n') < 0 {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

// ReadScale reads a scale run's result directory, or a directory of such directories: their
// runs are then repeats of one. It also reads what was written before there were records.
func ReadScale(dir string) (*v1.ScaleData, error) {
	dirs, err := Directories(dir)
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("%s has no %s, nor a directory that has: give a result directory of netassay scale", dir, RecordsFile)
	}
	return joinScale(dir, dirs, func(i int) (*v1.ScaleData, error) { return readScale(dirs[i]) })
}

// JoinScale is ReadScale of what was read of dir's directories already; what Salvage would leave
// out is an error here.
func JoinScale(dir string, found []*Salvaged) (*v1.ScaleData, error) {
	dirs := make([]string, len(found))
	for i, s := range found {
		dirs[i] = s.Dir
	}
	return joinScale(dir, dirs, func(i int) (*v1.ScaleData, error) {
		s := found[i]
		if len(s.Troubles) > 0 {
			return nil, errors.New(s.Troubles[0].String())
		}
		if s.Layout == LayoutRecords && s.Verdict == "" {
			return nil, withoutVerdict(s.Dir)
		}
		return s.Run.(*v1.ScaleData), nil
	})
}

// joinScale puts the runs of several directories together, as repeats of one.
func joinScale(dir string, dirs []string, read func(i int) (*v1.ScaleData, error)) (*v1.ScaleData, error) {
	all := make([]*v1.ScaleData, len(dirs))
	for i := range dirs {
		d, err := read(i)
		if err != nil {
			return nil, err
		}
		if err := d.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", dirs[i], err)
		}
		all[i] = d
	}
	d, err := v1.JoinScale(all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return d, nil
}

func withoutVerdict(dir string) error {
	return fmt.Errorf("%s ends without a verdict: the run was killed or goes on, give one that came to its end", filepath.Join(dir, RecordsFile))
}

// Directories are the result directories that a path stands for: itself, or those in it, by name.
func Directories(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if holdsResults(dir) {
		return []string{dir}, nil
	}
	var dirs []string
	for _, e := range entries {
		if sub := filepath.Join(dir, e.Name()); holdsResults(sub) {
			dirs = append(dirs, sub)
		}
	}
	return dirs, nil
}

func holdsResults(dir string) bool { return exists(dir, RecordsFile) || exists(dir, RunFile) }

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// readScale reads one run. What was written before there were records has conditions in
// run.json, and a file for each list.
func readScale(dir string) (*v1.ScaleData, error) {
	var d v1.ScaleData
	if exists(dir, RecordsFile) {
		whole, err := Read(dir, &d)
		if err == nil && !whole {
			err = withoutVerdict(dir)
		}
		return &d, err
	}
	text, err := os.ReadFile(filepath.Join(dir, RunFile))
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if err := v1.Strictly(text, &d.Run); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, RunFile), err)
	}
	return &d, errors.Join(
		readList(filepath.Join(dir, "samples.jsonl"), &d.Samples),
		readList(filepath.Join(dir, "readings.jsonl"), &d.Readings),
		readList(filepath.Join(dir, "points.jsonl"), &d.Points),
	)
}

func readList[T any](path string, into *[]T) error {
	return readLines(path, func(line []byte) error {
		var v T
		if err := v1.Strictly(line, &v); err != nil {
			return v1.Damaged(err)
		}
		*into = append(*into, v)
		return nil
	})
}

// maxLine is far above the longest line that is written.
const maxLine = 1 << 20

// readLines calls take with each line of a file.
func readLines(path string, take func(line []byte) error) error {
	return scan(path, bufio.ScanLines, take)
}

func scan(path string, split bufio.SplitFunc, take func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	lines.Split(split)
	n := 0
	for lines.Scan() {
		n++
		if err := take(lines.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", path, n+1, err)
	}
	return nil
}
