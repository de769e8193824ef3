package cases_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/suites/cases"
)

var rounds = flag.Int("rounds", 300, "texts that TestParseMutated tries")

const goldenMark = "\n==== ERRORS ====\n"

// TestParseErrors reads each file of testdata/errors up to its mark as a case file, and
// holds the errors against what stands below the mark.
func TestParseErrors(t *testing.T) {
	names, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) { parseError(t, name) })
	}
}

func parseError(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	input, _, _ := strings.Cut(string(data), goldenMark)
	_, err = cases.Parse(filepath.Base(name), []byte(input+"\n"))
	if err == nil {
		t.Fatal("no error")
	}
	golden.Check(t, name, input+goldenMark+err.Error()+"\n")
}

var errorLine = regexp.MustCompile(`^[^:]+\.txtar:[0-9]+: .+: .+`)

// FuzzParse: no text makes the parser panic, and every error has a file and a line.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"data/*.txtar", "testdata/errors/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(parseAnything)
}

// TestParseMutated does for a few seeded texts in every run what FuzzParse does for long:
// real case files with bytes changed, lines lost and lines doubled.
func TestParseMutated(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	names, err := filepath.Glob("data/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for round := range *rounds {
		data, err := os.ReadFile(names[r.IntN(len(names))])
		if err != nil {
			t.Fatal(err)
		}
		parseAnything(t, mutate(r, data))
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, round)
		}
	}
}

func mutate(r *rand.Rand, data []byte) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	for range 1 + r.IntN(3) {
		i := r.IntN(len(lines))
		switch line := bytes.Clone(lines[i]); r.IntN(4) {
		case 0:
			lines = slices.Delete(lines, i, i+1)
		case 1:
			lines = slices.Insert(lines, i, lines[r.IntN(len(lines))])
		case 2:
			lines[i] = bytes.TrimLeft(line, " ")
		default:
			if len(line) > 0 {
				line[r.IntN(len(line))] = "\x00\n :-{}[]$/*#|&y0"[r.IntN(17)]
			}
			lines[i] = line
		}
		if len(lines) == 0 {
			return nil
		}
	}
	return bytes.Join(lines, nil)
}

func parseAnything(t *testing.T, data []byte) {
	t.Helper()
	c, err := cases.Parse("fuzz.txtar", data)
	if err == nil {
		useCase(c)
		return
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	if !errorLine.MatchString(first) {
		t.Errorf("error without file and line: %q", err)
	}
}

// useCase calls whatever a runner calls of a case that was read without error.
func useCase(c cases.Case) {
	for i, s := range c.Steps {
		for _, cell := range c.Cells(i, dual) {
			c.Want(i, cell)
		}
		for _, a := range s.Do {
			_ = a.String()
		}
	}
	c.Undo(len(c.Steps) - 1)
}

// TestFilesAreTidy: what a reader may expect of every case file.
func TestFilesAreTidy(t *testing.T) {
	names, err := filepath.Glob("data/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n"); n < 10 || n > 80 {
			t.Errorf("%s has %d lines; split or join cases", name, n)
		}
		if got := txtar.Format(txtar.Parse(data)); string(got) != string(data) {
			t.Errorf("%s is not as txtar formats it", name)
		}
		if strings.Contains(string(data), "\t") || regexp.MustCompile(`(?m) +$`).Match(data) {
			t.Errorf("%s has tabs or spaces at the end of a line", name)
		}
	}
}
