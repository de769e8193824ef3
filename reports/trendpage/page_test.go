package trendpage

import (
	"os"
	"strings"
	"testing"

	"github.com/netassay/netassay/reports/internal/nights"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trend/changepoint"
	v1 "github.com/netassay/netassay/reports/v1"
)

func trendOf(t *testing.T, all []v1.Night) *trend.Trend {
	t.Helper()
	out, err := trend.Of(all, changepoint.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func written(t *testing.T, all []v1.Night) string {
	t.Helper()
	var text strings.Builder
	if err := Write(&text, trendOf(t, all)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// The page says what has changed, and has a chart for it with what came that night.
func TestPageOfKnownChanges(t *testing.T) {
	text := written(t, nights.Invent(30, 1))
	for _, want := range []string{
		"netassay v1.4.0 → v1.5.0", "convergence_seconds policy-create p50", `id="chart-change-1"`, "last night: pass",
		`id="scale-reference"`, `id="conformance-reference"`, "memory bytes, rss", "2026-11-17",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if path := os.Getenv("NETASSAY_KEEP_PAGE"); path != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A year of nights is a page that opens at once.
func TestPageIsSmall(t *testing.T) {
	if size := len(written(t, nights.Invent(365, 1))); size > 3<<20 {
		t.Errorf("%d bytes for a year", size)
	} else {
		t.Logf("%d bytes for a year of nights", size)
	}
}

func TestPagesOfFewNights(t *testing.T) {
	for n := range 3 {
		text := written(t, nights.Invent(n, 1))
		if !strings.Contains(text, "No figure has changed its level.") {
			t.Errorf("%d nights: nothing says that nothing has changed", n)
		}
	}
}

// Every course is in one chart, and every chart has its table.
func TestEveryCourseIsShown(t *testing.T) {
	trend := trendOf(t, nights.Invent(12, 1))
	shown := 0
	for _, g := range groupsOf(trend) {
		for _, l := range g.sharing() {
			c := l.chart(trend, "x")
			shown += len(c.Series)
			if len(c.Behind.Rows) != 12 || len(c.Behind.Head) != len(c.Series)+1 {
				t.Errorf("%s: %d rows and %d columns behind %d lines", l.title, len(c.Behind.Rows), len(c.Behind.Head), len(c.Series))
			}
			seen := map[string]bool{}
			for _, s := range c.Series {
				if seen[s.Name] {
					t.Errorf("%s has two lines %q", l.title, s.Name)
				}
				seen[s.Name] = true
			}
		}
	}
	verdicts := 9 // three of each of three runs have no chart
	if want := len(trend.Courses) - verdicts; shown != want {
		t.Errorf("%d lines, want %d", shown, want)
	}
}
