package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/diff"
	v1 "github.com/netassay/netassay/reports/v1"
)

// suiteResults writes result directories of the suite, in turn with another's, and gives the
// directory that holds them.
func suiteResults(t *testing.T, runs, turn int, engine string, outcome v1.Outcome, ms float64) string {
	t.Helper()
	dir := t.TempDir()
	for i := range runs {
		started := time.Unix(1_800_000_000+int64(600*i+300*turn), 0).UTC()
		d, err := reports.Open(filepath.Join(dir, fmt.Sprint(i)), nil)
		if err != nil {
			t.Fatal(err)
		}
		stable := ms + float64(i)/100
		run := &v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema, ID: fmt.Sprint(i), Engine: engine, Started: started, Finished: started.Add(time.Minute)}}
		c := v1.Case{Name: "a", Outcome: outcome, Steps: []v1.Step{{Name: "one", Outcome: outcome, Cells: []v1.Cell{{Case: "a", Step: "one", Want: "Deny", Outcome: outcome, Changed: true, Stable: &stable}}}}}
		sentinel := &v1.Sentinel{Outcome: v1.Pass, Floor: v1.NoiseFloor{DelayP50: &[]float64{0.8}[0]}}
		all := append([]v1.Record{&run.RunConditions}, c.Records()...)
		d.Into(run)(append(all, sentinel.Records()...)...)
		if err := d.Conformance(run); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDiff(t *testing.T) {
	one := func(dir string) string { return filepath.Join(dir, "0") }
	good, again := suiteResults(t, 10, 0, "reference", v1.Pass, 40), suiteResults(t, 10, 1, "reference", v1.Pass, 40)
	slow, bad := suiteResults(t, 10, 1, "reference", v1.Pass, 80), suiteResults(t, 10, 1, "kube-router", v1.Fail, 40)
	base, slowScale := scaleRuns(t, 1, 0, 1), scaleRuns(t, 3, 1, 1.2)
	older := filepath.Join(goldenResults, "conformance-057bd36")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // in what is printed, wherever
	}{
		{"itself", []string{good, good}, exitPass, "netassay diff: NO CHANGE FOR THE WORSE"},
		{"equal", []string{good, again}, exitPass, "convergence/p50"},
		{"one run each", []string{one(good), one(again)}, exitPass, "times are not judged: "},
		{"slower", []string{good, slow}, exitFail, "netassay diff: WORSE"},
		{"faster", []string{slow, good}, exitPass, "netassay diff: BETTER"},
		{"slower, one run each", []string{one(good), one(slow)}, exitPass, "NO CHANGE FOR THE WORSE"},
		{"fails", []string{one(good), one(bad)}, exitFail, "worse  a: Pass → Fail"},
		{"mended", []string{one(bad), one(good)}, exitPass, "BETTER"},
		{"two engines", []string{good, bad}, exitFail, "reference → kube-router"},
		{"earlier layout", []string{older, filepath.Join(goldenResults, "conformance-3e81ff0")}, exitPass, "cells  18 compared"},
		{"nothing in common", []string{one(good), older}, exitBroken, "can't be compared: no case was played on both sides"},
		{"scale", []string{base, slowScale}, exitFail, "policy-create/p50"},
		{"scale, too few", []string{filepath.Join(base, "0"), filepath.Join(slowScale, "0")}, exitBroken, "has 1 repeats, give at least 10"},
		{"two experiments", []string{one(good), base}, exitBroken, "give two results of one experiment"},
		{"one only", []string{good}, exitBroken, "got 1 results: give two, netassay diff BASE HEAD"},
		{"no results", []string{good, t.TempDir()}, exitBroken, "give a result directory, such as one below results"},
		{"bad flag", []string{good, again, "--alpha", "2"}, exitBroken, "--alpha 2: give a chance between 0 and 1"},
		{"bad format", []string{good, again, "-o", "markdwn"}, exitBroken, `unknown output format "markdwn": did you mean markdown?`},
		{"markdown", []string{one(good), one(bad), "-o", "markdown"}, exitFail, diff.Marker},
		{"html", []string{one(good), one(bad), "-o", "html"}, exitFail, "<!doctype html>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := run(t, append([]string{"diff"}, tc.args...)...)
			if code != tc.code || !strings.Contains(out+errs, tc.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, tc.code, tc.want, out, errs)
			}
		})
	}
	_, out, _ := run(t, "diff", one(good), one(bad), "-o", "json")
	var r diff.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Conclusion != diff.Worse || r.Items[0].Name != "a" {
		t.Errorf("error %v, %+v", err, r)
	}
}

// chaosResults writes a result directory of a chaos run in which so many packets leaked.
func chaosResults(t *testing.T, verdict v1.Verdict, leaked uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run")
	dir, err := reports.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var run v1.ChaosRun
	dir.Into(&run)(&v1.ChaosConditions{Schema: v1.Schema}, &v1.Backend{Backend: "nft", Tally: v1.Tally{UDP: v1.Counts{Leaked: leaked}}})
	if err := dir.Chaos(&run, &v1.ChaosSummary{Verdict: verdict}); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a run of the other experiments came to is in its records, not in what is compared.
func TestDiffTellsVerdicts(t *testing.T) {
	code, out, errs := run(t, "diff", chaosResults(t, v1.VerdictPass, 0), chaosResults(t, v1.VerdictFail, 3), "-o", "json")
	var r diff.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitFail {
		t.Fatalf("error %v, exit code %d: %s", err, code, errs)
	}
	if r.Conclusion != diff.Worse || r.Base.Verdict != v1.VerdictPass || r.Head.Verdict != v1.VerdictFail {
		t.Errorf("%s, base %q, head %q", r.Conclusion, r.Base.Verdict, r.Head.Verdict)
	}
}
