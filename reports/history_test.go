package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

func night(day int) *v1.Night {
	began := time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC)
	return &v1.Night{
		NightConditions: v1.NightConditions{Schema: v1.Schema, ID: NightID(began, "x"), Set: []string{"conformance"}, Started: began, Finished: began.Add(time.Hour)},
		Runs:            []v1.NightRun{{Experiment: "conformance", Engine: "reference", Verdict: v1.VerdictPass}},
		Metrics: []v1.Metric{
			{Name: "netassay_nightly_cells", Labels: map[string]string{"engine": "reference", "outcome": "fail"}},
			{Name: "netassay_nightly_cells", Labels: map[string]string{"engine": "reference", "outcome": "pass"}, Value: 1.5, N: 3},
		},
	}
}

func TestHistoryRoundTrips(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	want := []v1.Night{*night(3), *night(17)}
	for _, i := range []int{1, 0} {
		if err := AppendNight(dir, &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	got, damaged, err := ReadHistory(dir)
	if err != nil || len(damaged) > 0 {
		t.Fatalf("%v, %v", err, damaged)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"20261103-020000-x.jsonl", "20261117-020000-x.jsonl"}, list(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if err := AppendNight(dir, night(3)); err == nil || !strings.Contains(err.Error(), "has night 20261103-020000-x already") {
		t.Errorf("a night was written over: %v", err)
	}
}

// A night that netassay de02c19 measured is read as it was written.
func TestRealNightIsRead(t *testing.T) {
	nights, damaged, err := ReadHistory("testdata/history")
	if err != nil || len(damaged) > 0 || len(nights) != 1 {
		t.Fatalf("%d nights, %v, %v", len(nights), damaged, err)
	}
	n := &nights[0]
	if len(n.Metrics) != 291 || len(n.Runs) != 3 || n.Verdict() != v1.VerdictPass {
		t.Errorf("%d figures of %d runs, %s", len(n.Metrics), len(n.Runs), n.Verdict())
	}
	dir := t.TempDir()
	if err := AppendNight(dir, n); err != nil {
		t.Fatal(err)
	}
	name := n.ID + nightSuffix
	was, err := os.ReadFile(filepath.Join("testdata/history", name))
	if err != nil {
		t.Fatal(err)
	}
	is, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(was), string(is)); diff != "" {
		t.Errorf("(-was +is):\n%s", diff)
	}
}

// Equal nights are equal bytes, a figure per line in the order of their names: what a version
// control system shows is what has changed.
func TestNightIsOneFigurePerLine(t *testing.T) {
	dir := t.TempDir()
	n := night(1)
	n.Metrics[0], n.Metrics[1] = n.Metrics[1], n.Metrics[0]
	if err := AppendNight(dir, n); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, n.ID+nightSuffix))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 5 || !strings.Contains(lines[2], `"outcome":"fail"`) || !strings.Contains(lines[3], `"outcome":"pass"`) {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
}

// A damaged file costs one line, and none of the other nights.
func TestDamagedNights(t *testing.T) {
	for want, spoil := range map[string]func(text string) string{
		"x.jsonl:5: unexpected EOF: the file was cut off or edited, take the whole one": func(s string) string { return s[:len(s)-9] },
		"x.jsonl ends without a verdict: it was cut off":                                func(s string) string { return s[:strings.LastIndex(strings.TrimSpace(s), "\n")+1] },
		"x.jsonl:1: v is 2, this program reads 1":                                       func(s string) string { return strings.Replace(s, `"v":1`, `"v":2`, 1) },
		"x.jsonl:1: schema is \"\"":                                                     func(s string) string { return strings.Replace(s, v1.Schema, "", 1) },
		"bytes, a night has at most 1048576: take it out of the history":                func(string) string { return strings.Repeat("x", MaxNight+1) },
		"x.jsonl:1: schema is \"\", a night has":                                        func(string) string { return "" },
		"a record of kind fault has no place in a run of kind night":                    func(s string) string { return `{"v":1,"kind":"fault","data":{}}` + "\n" + s },
	} {
		dir := t.TempDir()
		for _, day := range []int{1, 2, 3} {
			if err := AppendNight(dir, night(day)); err != nil {
				t.Fatal(err)
			}
		}
		name := night(2).ID + nightSuffix
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, spoil(string(text)))
		nights, damaged, err := ReadHistory(dir)
		if err != nil || len(nights) != 2 || len(damaged) != 1 {
			t.Fatalf("%s: %d nights, %v, %v", want, len(nights), damaged, err)
		}
		if got := damaged[0].Error(); strings.Contains(got, "\n") || !strings.Contains(got, want) || !strings.Contains(got, dir) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNoHistory(t *testing.T) {
	if _, _, err := ReadHistory(t.TempDir()); err == nil || !strings.Contains(err.Error(), "has no night: give a directory") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, _, err := ReadHistory("/none"); err == nil {
		t.Error("read what is not there")
	}
}

func TestNightIsBounded(t *testing.T) {
	n := night(1)
	for range 20000 {
		n.Metrics = append(n.Metrics, n.Metrics[0])
	}
	if err := AppendNight(t.TempDir(), n); err == nil || !strings.Contains(err.Error(), "at most 1048576 are kept") {
		t.Errorf("got %v", err)
	}
}
