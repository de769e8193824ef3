package page_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netassay/netassay/reports/diff"
	"github.com/netassay/netassay/reports/internal/nights"
	"github.com/netassay/netassay/reports/page"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trend/changepoint"
	"github.com/netassay/netassay/reports/trendpage"
)

// inspect looks at a page of another package, which stands on this package's frame, as at its own.
func inspect(t *testing.T, write func(io.Writer) error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	page.Inspect(t, path)
}

func TestTrendPageInABrowser(t *testing.T) {
	all, err := trend.Of(nights.Invent(30, 1), changepoint.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	inspect(t, func(w io.Writer) error { return trendpage.Write(w, all) })
}

func TestDiffPageInABrowser(t *testing.T) {
	long := strings.Repeat("a-very-long-name-of-a-case-", 5)
	r := &diff.Report{
		Experiment: "conformance", Conclusion: diff.Worse, Compared: 2, Cells: 3, OnlyHead: []string{"new"},
		Base: diff.Side{Name: "results/base", Engine: "reference", Verdict: "pass", Runs: 1}, Head: diff.Side{Name: "results/head", Engine: "kube-router", Runs: 2},
		Items:   []diff.Item{{Name: long, Base: "Pass", Head: "Fail", Change: diff.Worse, Cells: []diff.Cell{{Step: "one", Flow: "x/a → y/b 80/TCP IPv4 by pod", Change: diff.Worse}}}, {Name: "mended", Change: diff.Better}},
		Figures: []diff.Figure{{Engine: "reference", Name: "convergence/p50", Change: diff.Unsure}}, Conditions: []diff.Differing{{What: "kernel", Base: "6.18"}}, Notes: []string{"a note"},
	}
	inspect(t, r.HTML)
}
