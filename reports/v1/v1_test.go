package v1

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVerdictAndExitCode(t *testing.T) {
	tests := []struct {
		name     string
		outcomes []Outcome
		want     Verdict
		code     int
	}{
		{"all pass", []Outcome{Pass, Pass}, VerdictPass, 0},
		{"pass and not supported", []Outcome{Pass, NotSupported, Skipped}, VerdictPass, 0},
		{"one failed", []Outcome{Pass, Fail}, VerdictFail, 1},
		{"failed and void", []Outcome{Unfinished, Error, Inconclusive, Fail}, VerdictFail, 1},
		{"one inconclusive", []Outcome{Pass, Inconclusive}, VerdictVoid, 2},
		{"one error", []Outcome{Pass, Error}, VerdictVoid, 2},
		{"unfinished is never green", []Outcome{Pass, Unfinished}, VerdictVoid, 2},
		{"nothing ran", nil, VerdictVoid, 2},
		{"nothing could run", []Outcome{NotSupported, Skipped}, VerdictVoid, 2},
		{"an unknown outcome", []Outcome{Pass, "Perhaps"}, VerdictVoid, 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var run Run
			for _, o := range tc.outcomes {
				run.Cases = append(run.Cases, Case{Outcome: o})
			}
			if got := run.Verdict(); got != tc.want || ExitCode(got) != tc.code {
				t.Errorf("%s, exit %d; want %s, exit %d", got, ExitCode(got), tc.want, tc.code)
			}
		})
	}
	if ExitCode("odd") != 2 {
		t.Error("an unknown verdict must not be a pass")
	}
}

// Sentinels decide like a case, but let no run pass by themselves.
func TestVerdictOfSentinels(t *testing.T) {
	for _, tc := range []struct {
		cases, sentinel Outcome
		want            Verdict
	}{
		{Pass, Pass, VerdictPass},
		{Pass, Fail, VerdictFail},
		{Pass, Inconclusive, VerdictVoid},
		{Pass, Unfinished, VerdictVoid},
		{Pass, "", VerdictVoid},
		{Fail, Inconclusive, VerdictFail},
		{Inconclusive, Fail, VerdictFail},
		{Skipped, Pass, VerdictVoid},
	} {
		run := &Run{Cases: []Case{{Outcome: tc.cases}}, Sentinel: &Sentinel{Outcome: tc.sentinel}}
		if got := run.Verdict(); got != tc.want {
			t.Errorf("cases %s, sentinels %q: %s, want %s", tc.cases, tc.sentinel, got, tc.want)
		}
	}
}

// A run that goes on after a break can't pass when sentinels failed before it, nor when it was
// killed after they had found a leak.
func TestCarriedSentinels(t *testing.T) {
	for _, tc := range []struct {
		before *Sentinel
		want   Outcome
		kind   FailureKind
	}{
		{nil, "", ""},
		{&Sentinel{Outcome: Pass}, "", ""},
		{&Sentinel{Outcome: Unfinished, Findings: []Finding{{What: "lost"}}}, "", ""},
		{&Sentinel{Outcome: Fail, Kind: Outage}, Fail, Outage},
		{&Sentinel{Findings: []Finding{{What: "lost"}, {What: "leaked"}}}, Fail, Leak},
	} {
		got := tc.before.Carried()
		if tc.want == "" {
			if got != nil {
				t.Errorf("of %+v: %+v", tc.before, got)
			}
			continue
		}
		if got == nil || got.Outcome != tc.want || got.Kind != tc.kind || got.Reason == "" || len(got.Findings) != len(tc.before.Findings) {
			t.Errorf("of %+v: %+v, want %s %s", tc.before, got, tc.want, tc.kind)
		}
	}
}

// The rate is such that as many trials show nothing in one of twenty runs.
func TestDetectable(t *testing.T) {
	if got := Detectable(0); got != nil {
		t.Errorf("%v of nothing", *got)
	}
	for _, n := range []uint64{1, 10, 3000, 1e9} {
		got := *Detectable(n)
		if missed := math.Pow(1-got, float64(n)); math.Abs(missed-0.05) > 1e-6 {
			t.Errorf("n=%d: rate %v is missed with %v", n, got, missed)
		}
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name    string
		samples []float64
		q       float64
		want    float64 // NaN is none
	}{
		{"no sample", nil, 0.5, math.NaN()},
		{"one", []float64{3}, 0.99, 3},
		{"median of two is the lower", []float64{2, 1}, 0.5, 1},
		{"p50 of ten", []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 0.5, 5},
		{"p99 of ten is the largest", []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 0.99, 10},
		{"a censored tail is unknown", []float64{1, 2, inf}, 0.99, math.NaN()},
		{"below it is known", []float64{1, 2, inf}, 0.5, 2},
		{"smallest", []float64{3, -1}, 0, -1},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := Quantile(tc.samples, tc.q)
			if (got == nil) != math.IsNaN(tc.want) || (got != nil && *got != tc.want) {
				t.Errorf("got %v, want %v", deref(got), tc.want)
			}
		})
	}
}

func deref(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// Of n samples, at least q·n are at or below the quantile, and fewer are strictly below.
func TestQuantileProperty(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		samples := make([]float64, 1+rng.IntN(50))
		for i := range samples {
			samples[i] = float64(rng.IntN(20))
		}
		before := slices.Clone(samples)
		q := rng.Float64()
		v := *Quantile(samples, q)
		below, within := 0, 0
		for _, s := range samples {
			if s < v {
				below++
			}
			if s <= v {
				within++
			}
		}
		n := float64(len(samples))
		if float64(within) < q*n || (float64(below) >= q*n && below > 0) {
			t.Fatalf("seed %d: quantile %v of %v is %v", seed, q, samples, v)
		}
		if !slices.Equal(before, samples) {
			t.Fatal("the samples were reordered")
		}
	}
}

// No sample is null, not 0; a cell that was never right is censored, not left out; one
// that proves nothing is no sample.
func TestFigures(t *testing.T) {
	ms := func(v float64) *float64 { return &v }
	run := Run{
		RunConditions: RunConditions{Started: time.Unix(100, 0), Finished: time.Unix(110, 0)},
		Cases: []Case{{Outcome: Fail, Steps: []Step{{Probes: 70, Cells: []Cell{
			{Outcome: Pass, Changed: true, Stable: ms(10), Resolution: ms(5)},
			{Outcome: Pass, Changed: true, Stable: ms(30)},
			{Outcome: Fail, Changed: true, Kind: "leak"},
			{Outcome: Inconclusive, Changed: true},
			{Outcome: Fail, Kind: "outage"},
			{Outcome: Pass},
			{Outcome: Skipped},
		}}}}},
	}
	f := run.Figures()
	if f.ConvergenceN != 3 || f.ConvergenceCensored != 1 || *f.ConvergenceP50 != 30 || f.ConvergenceP99 != nil || f.ConvergenceMax != nil {
		t.Errorf("convergence %+v", f)
	}
	if f.Cells != 7 || f.CellsPassed != 3 || f.CellsFailed != 2 || f.CellsVoid != 1 || f.CellsObserved != 1 || f.Leaks != 1 || f.Outages != 1 {
		t.Errorf("cells %+v", f)
	}
	if *f.RunSeconds != 10 || *f.CellsPerSecond != 0.7 || f.Probes != 70 || f.Steps != 1 || *f.ResolutionP50 != 5 {
		t.Errorf("rates %+v", f)
	}
}

func TestNoSampleIsNull(t *testing.T) {
	b, err := json.Marshal((&Run{}).Summary())
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"convergence_p50_ms", "convergence_p99_ms", "cells_per_second", "lab_ready_seconds", "run_seconds", "resolution_p50_ms"} {
		if !strings.Contains(string(b), `"`+field+`":null`) {
			t.Errorf("%s is not null in %s", field, b)
		}
	}
}

// The names are a promise.
func TestSummaryNames(t *testing.T) {
	b, err := json.Marshal((&Run{Cases: []Case{{Outcome: Pass}}}).Summary())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Verdict string         `json:"verdict"`
		Figures map[string]any `json:"figures"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != "pass" {
		t.Errorf("verdict %q", got.Verdict)
	}
	for _, name := range []string{
		"cases", "passed", "failed", "inconclusive", "cells", "cells_per_second", "lab_ready_seconds", "run_seconds",
		"convergence_p50_ms", "convergence_p99_ms", "image_seconds", "cluster_seconds",
	} {
		if _, ok := got.Figures[name]; !ok {
			t.Errorf("figure %s is missing in %s", name, b)
		}
	}
}

func TestFuzzVerdict(t *testing.T) {
	played := func(outcomes ...Outcome) FuzzRun {
		var r FuzzRun
		for _, o := range outcomes {
			r.Played = append(r.Played, PlayedCase{Outcome: o, Cells: 1})
		}
		return r
	}
	found, stopped, empty := played(Pass, Error, Fail), played(Pass), played(Pass)
	found.Found, stopped.Trouble, empty.Played[0].Cells = []FoundCase{{}}, "t", 0
	few := played(slices.Repeat([]Outcome{Pass}, 19)...)
	few.Played = append(few.Played, PlayedCase{Outcome: Inconclusive})
	for _, tc := range []struct {
		name string
		run  FuzzRun
		want Verdict
	}{
		{"all right", played(Pass, Pass), VerdictPass},
		{"one found", found, VerdictFail},
		{"stopped", stopped, VerdictVoid},
		{"nothing judged", empty, VerdictVoid},
		{"a case in error", played(Pass, Error), VerdictVoid},
		{"half inconclusive", played(Pass, Inconclusive), VerdictVoid},
		{"one of twenty inconclusive", few, VerdictPass},
	} {
		if got := tc.run.Verdict(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
