package reports

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Read puts the run in a result directory together from its records. whole is false when
// there is no verdict: the run was killed, or goes on.
func Read(dir string, into v1.Experiment) (whole bool, err error) {
	err = readLines(filepath.Join(dir, RecordsFile), func(line []byte) error {
		r, err := v1.DecodeRecord(line)
		if err != nil {
			return err
		}
		_, whole = r.(*v1.Conclusion)
		return into.Add(r)
	})
	return whole, err
}

// ReadScale reads a scale run's result directory, or a directory of such directories: their
// runs are then repeats of one. It also reads what was written before there were records.
func ReadScale(dir string) (*v1.ScaleData, error) {
	read := reader(dir)
	if read != nil {
		return read(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	var all []*v1.ScaleData
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		read := reader(sub)
		if read == nil {
			continue
		}
		d, err := read(sub)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no %s, nor a directory that has: give a result directory of netassay scale", dir, RecordsFile)
	}
	d, err := v1.JoinScale(all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return d, nil
}

// reader is how a directory is read, nil when it holds no results.
func reader(dir string) func(dir string) (*v1.ScaleData, error) {
	if _, err := os.Stat(filepath.Join(dir, RecordsFile)); err == nil {
		return readScale
	}
	if _, err := os.Stat(filepath.Join(dir, RunFile)); err == nil {
		return readListedScale
	}
	return nil
}

func readScale(dir string) (*v1.ScaleData, error) {
	var d v1.ScaleData
	whole, err := Read(dir, &d)
	switch {
	case err != nil:
		return nil, err
	case !whole:
		return nil, fmt.Errorf("%s ends without a verdict: the run was killed or goes on, give one that came to its end", filepath.Join(dir, RecordsFile))
	}
	return checked(dir, &d)
}

// readListedScale reads what was written before there were records: conditions in run.json,
// and a file for each list.
func readListedScale(dir string) (*v1.ScaleData, error) {
	var d v1.ScaleData
	text, err := os.ReadFile(filepath.Join(dir, RunFile))
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if err := v1.Strictly(text, &d.Run); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, RunFile), err)
	}
	if err := errors.Join(
		readList(filepath.Join(dir, "samples.jsonl"), &d.Samples),
		readList(filepath.Join(dir, "readings.jsonl"), &d.Readings),
		readList(filepath.Join(dir, "points.jsonl"), &d.Points),
	); err != nil {
		return nil, err
	}
	return checked(dir, &d)
}

func checked(dir string, d *v1.ScaleData) (*v1.ScaleData, error) {
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return d, nil
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
		if err := take(lines.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", path, n+1, err)
	}
	return nil
}
