package fuzz

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/misread"
)

// With -every 1 -draws 300 all readings are looked for, which takes minutes.
var (
	every = flag.Int("every", 20, "look for one misreading of so many")
	draws = flag.Int("draws", 40, "in so many cases")
)

const enough = 60 * time.Second // of a processor, for one misreading, with the drawing of the cases

// Engines with misreadings are found, 20 of them at least: not each shows in as few cases. What
// is left of the case still convicts the engine, and asks for little else.
func TestMisreadingsAreFoundAndShrunk(t *testing.T) {
	start := processor(t)
	var drawn []cases.Case
	for g := NewGenerator(1, Options{Steps: 8, Prefixes: true, Nodes: true}); len(drawn) < *draws; {
		drawn = append(drawn, g.Next())
	}
	left, readings, found := enough-(processor(t)-start), misread.All(), 0
	t.Logf("%d cases drawn in %v of a processor", len(drawn), enough-left)
	for i := 0; i < len(readings); i += *every {
		t.Run(readings[i].Name, func(t *testing.T) {
			if findAndShrink(t, drawn, onPaper(readings[i]), left) {
				found++
			}
		})
	}
	if found < 20 {
		t.Errorf("%d misreadings found, want 20 at least", found)
	}
}

// processor is the time of a processor that this process has taken, which other work on the
// machine does not make longer.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func findAndShrink(t *testing.T, drawn []cases.Case, engine Paper, left time.Duration) bool {
	t.Helper()
	start := processor(t)
	found, n := find(t, drawn, engine)
	if n < 0 {
		t.Log("not found")
		return false
	}
	small, err := Shrink(found, 1, func(batch []cases.Case) (int, error) {
		r, err := OnPaper(batch[0], engine)
		return min(len(r.Wrong), 1) - 1, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OnPaper(small, engine); err != nil || len(got.Wrong) == 0 {
		t.Errorf("the small case does not fail: %v", err)
	}
	if len(small.Steps) > 1 || len(small.Probes) > 1 {
		t.Errorf("%d steps and %d probes are left, want one of each:\n%s", len(small.Steps), len(small.Probes), text(t, small))
	}
	if took := processor(t) - start; took > left {
		t.Errorf("took %v", took)
	}
	t.Logf("case %d, %v\n%s", n, processor(t)-start, text(t, small))
	return true
}

func onPaper(r *misread.Reading) Paper {
	return func(s model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
		return func(f model.Flow) (model.Verdict, error) { return r.Verdict(&s, f), nil }, nil
	}
}

// find plays cases until one fails, which it returns up to the step that did, and its number.
func find(t *testing.T, drawn []cases.Case, engine Paper) (cases.Case, int) {
	t.Helper()
	for n, c := range drawn {
		r, err := OnPaper(c, engine)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Wrong) > 0 {
			c.Steps = c.Steps[:r.Steps]
			return c, n
		}
	}
	return cases.Case{}, -1
}
