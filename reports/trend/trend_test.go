package trend

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/reports/internal/nights"
	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/trend/changepoint"
	v1 "github.com/netassay/netassay/reports/v1"
)

func of(t *testing.T, all []v1.Night) *Trend {
	t.Helper()
	trend, err := Of(all, changepoint.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return trend
}

// What is known of the invented history is found, with the version that came that night.
func TestKnownChangesAreFound(t *testing.T) {
	trend := of(t, nights.Invent(30, 1))
	got := map[string]Direction{}
	for _, c := range trend.Changes {
		if c.At == nights.Upgrade {
			got[c.Course.Name()] = c.Direction
			if diff := cmp.Diff([]string{"netassay v1.4.0 → v1.5.0"}, c.Since); diff != "" {
				t.Errorf("%s came with (-want +got):\n%s", c.Course.Name(), diff)
			}
		}
	}
	for name, want := range map[string]Direction{
		"convergence_seconds policy-create p50": Worse, "convergence_seconds policy-create p99": Worse,
		"memory_bytes rss loaded": Better, "memory_bytes hwm churn": Better,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, c := range trend.Changes {
		if c.At != nights.Upgrade && c.Course.Better != metrics.Neither {
			t.Logf("not known: %s since night %d, %s", c.What(), c.At, Percent(c.Effect))
		}
	}
}

func TestTextAndMarkdown(t *testing.T) {
	all := nights.Invent(24, 2)
	all[20].Metrics = nil // a night on which nothing ran
	all[20].Runs = nil
	all[23].Kernel = "6.2.0-<b>|"
	trend := of(t, all)
	for name, write := range map[string]func(io.Writer, *Trend) error{"trend.txt": Text, "trend.md": Markdown} {
		var got strings.Builder
		if err := write(&got, trend); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		golden.Check(t, path, got.String())
	}
}

// small is a history of one figure.
func small(loads string, values ...float64) []v1.Night {
	out := make([]v1.Night, len(values))
	for i, v := range values {
		out[i] = v1.Night{
			NightConditions: v1.NightConditions{ID: fmt.Sprint(i), Tool: "v1", Started: nights.First().AddDate(0, 0, i)},
			Runs:            []v1.NightRun{{Experiment: "scale", Engine: "e", Verdict: v1.VerdictPass, Load: loads[i : i+1]}},
			Metrics:         []v1.Metric{{Name: metrics.Ready, Value: v, Labels: map[string]string{"experiment": "scale", "engine": "e"}}},
		}
	}
	return out
}

// Twice the load is no change of the engine: the course begins anew, and the trend says why.
func TestLoadsAreNotCompared(t *testing.T) {
	trend := of(t, small("aaaaaabbbbbb", 1, 1.01, 0.99, 1, 1.01, 0.99, 2, 2.02, 1.98, 2, 2.02, 1.98))
	c := trend.Courses[0]
	if len(c.Changes) != 0 || c.From != 6 || c.N != 6 || c.Median != 2 {
		t.Errorf("%+v", c)
	}
	if diff := cmp.Diff([]string{"load of scale a → b"}, trend.Nights[6].New); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What was new on a night without a figure is also what may have changed it.
func TestChangeNamesWhatCameBefore(t *testing.T) {
	all := small("aaaaaaaaaaaaa", 1, 1.01, 0.99, 1, 1.01, 0.99, 5, 2, 2.02, 1.98, 2, 2.02, 1.98)
	all[6].Metrics = nil
	for i := range all[6:] {
		all[6+i].Runs[0].EngineVersion = "v2"
	}
	trend := of(t, all)
	if len(trend.Changes) != 1 || trend.Changes[0].At != 7 || trend.Changes[0].Direction != Worse {
		t.Fatalf("%+v", trend.Changes)
	}
	if diff := cmp.Diff([]string{"e ? → v2"}, trend.Changes[0].Since); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEmpty(t *testing.T) {
	var got strings.Builder
	if err := Text(&got, of(t, nil)); err != nil || !strings.HasPrefix(got.String(), "no nights") {
		t.Errorf("%q, %v", got.String(), err)
	}
}

func TestFigure(t *testing.T) {
	for _, tc := range []struct {
		metric string
		value  float64
		want   string
	}{
		{metrics.Convergence, 0.0123, "12.3 ms"},
		{metrics.Convergence, 0.0000123, "12.3 µs"},
		{metrics.Duration, 600, "10 min"},
		{metrics.Duration, 0, "0 s"},
		{metrics.Memory, 30 << 20, "30.0 MiB"},
		{metrics.Censored, 0.05, "5 %"},
		{metrics.CellRate, 46.123, "46.12/s"},
		{metrics.CPUPerChange, 0.006, "6 ms"},
		{metrics.Cells, 11900, "11900"},
	} {
		if got := Figure(tc.metric, tc.value); got != tc.want {
			t.Errorf("%g of %s is %q, want %q", tc.value, tc.metric, got, tc.want)
		}
	}
}
