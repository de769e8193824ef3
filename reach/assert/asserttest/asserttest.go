package asserttest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/assert/files"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/mutate"
)

// Files reads manifests and expectations, as netassay assert -f does, and makes a subtest of each
// expectation. One that does not hold fails with the flow, and what the policies on both of its
// ends say.
func Files(t *testing.T, paths ...string) {
	t.Helper()
	_, plan := read(t, paths)
	report := plan.Check()
	for i := range report.Lines {
		line := report.Lines[i]
		t.Run(fmt.Sprintf("%s:%d", filepath.Base(line.File), line.Line), func(t *testing.T) {
			if line.Wrong > 0 {
				t.Errorf("\n%s", line.String())
			}
		})
	}
}

// Mutate makes each policy wrong in turn, as netassay assert --mutate does, and fails when fewer
// of the mistakes that change a flow are noticed than the percentage.
func Mutate(t *testing.T, percent float64, paths ...string) *mutate.Matrix {
	t.Helper()
	in, plan := read(t, paths)
	if report := plan.Check(); report.Failed() > 0 {
		t.Fatalf("%d expectations do not hold: see netassay assert", report.Failed())
	}
	m := mutate.Judge(in.Inventory, plan, func(int, int) {})
	if m.Percent() < percent {
		var b strings.Builder
		_ = m.Table(&b) // a builder takes everything
		t.Errorf("%.0f %% of the mistakes are noticed, want %.0f %%:\n%s", m.Percent(), percent, b.String())
	}
	return m
}

func read(t *testing.T, paths []string) (*files.Input, *assert.Plan) {
	t.Helper()
	in, err := files.Read(paths, manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := assert.NewPlan(in.Inventory, in.Expectations)
	if err != nil {
		t.Fatal(err)
	}
	return in, plan
}
