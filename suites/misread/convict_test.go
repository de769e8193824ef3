package misread

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/suites/cases"
)

const table = "../../docs/misreadings.md"

// onPaper are the exams of all cases, which take a while to prepare.
var onPaper = sync.OnceValues(func() (out []Exam, err error) {
	all, err := cases.Load()
	for _, c := range all {
		e, err := NewExam(c)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, err
})

func exams(t *testing.T) []Exam {
	t.Helper()
	all, err := onPaper()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The right reading does what every case pins, or the wrong ones would be convicted of its
// faults.
func TestRightReadingIsConvictedByNoCase(t *testing.T) {
	for _, e := range exams(t) {
		if e.Convicts(Right()) {
			t.Errorf("case %s convicts the right reading", e.Case)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All() {
		if seen[r.Name] {
			t.Errorf("%q twice", r.Name)
		}
		seen[r.Name] = true
	}
}

// enough is how many cases must convict each reading: one alone is one edit from none.
const enough = 2

// Every misreading is convicted, by two cases at least, and the table in the documentation says
// by which.
func TestEveryMisreadingIsConvicted(t *testing.T) {
	kills := convictions(exams(t), All())
	for i, r := range All() {
		if len(kills[i]) < enough {
			t.Errorf("%q is convicted by %d cases: %s", r.Name, len(kills[i]), strings.Join(kills[i], ", "))
		}
	}
	checkTable(t, kills)
}

// convictions are the cases that convict each of the readings.
func convictions(all []Exam, readings []*Reading) [][]string {
	out := make([][]string, len(readings))
	var wg sync.WaitGroup
	for i, r := range readings {
		wg.Go(func() {
			for _, e := range all {
				if e.Convicts(r) {
					out[i] = append(out[i], e.Case)
				}
			}
		})
	}
	wg.Wait()
	return out
}

func checkTable(t *testing.T, kills [][]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(heading)
	for i, r := range All() {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", r.Name, len(kills[i]), strings.Join(kills[i][:min(len(kills[i]), 3)], ", "))
	}
	golden.Check(t, table, b.String())
}

const heading = `# Misreadings, and the cases that convict them

Each line is one way to misread the NetworkPolicy API (suites/misread), with all else read as it is
meant, and how many cases of the catalogue pin a cell to something else than an engine with that
misreading would do. At least two must, or the test that writes this table fails ("make mutants").
What needs time or state (late, open for a moment, forgotten) is not a reading: see
[live mutants](live-mutants.md).

| misreading | cases | such as |
|---|---|---|
`
