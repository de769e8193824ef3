package metrics

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

// lines are metrics as "name{labels} value", sorted.
func lines(all []v1.Metric) string {
	var out []string
	for i := range all {
		value, _ := json.Marshal(all[i].Value)
		out = append(out, all[i].Series()+" "+string(value))
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

func TestOfChaos(t *testing.T) {
	p50 := 120.0
	got := lines(OfChaos("chaos-smoke", "reference", &v1.ChaosFigures{MustDrop: 900, Leaked: 2, RepairP50: &p50, RepairN: 4, Ticks: 1000, MissedTicks: 5}))
	want := `netassay_nightly_missed_packets_ratio{engine="reference",experiment="chaos-smoke"} 0.005
netassay_nightly_repair_seconds{engine="reference",experiment="chaos-smoke",statistic="p50"} 0.12
netassay_nightly_wrong_packets{engine="reference",experiment="chaos-smoke",kind="leaked"} 2
netassay_nightly_wrong_packets{engine="reference",experiment="chaos-smoke",kind="lost"} 0
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOfConformance(t *testing.T) {
	p50, leaked, lost := 40.0, uint64(3), uint64(4)
	got := lines(OfConformance("conformance", "none", &v1.Figures{
		Passed: 5, NotSupported: 2, CellsPassed: 70, Leaks: 1, SentinelLeaked: &leaked, SentinelLost: &lost, ConvergenceN: 10, ConvergenceCensored: 1, ConvergenceP50: &p50,
	}))
	for _, want := range []string{
		`netassay_nightly_cases{engine="none",experiment="conformance",outcome="not_supported"} 2`,
		`netassay_nightly_cells{engine="none",experiment="conformance",outcome="pass"} 70`,
		`netassay_nightly_convergence_seconds{engine="none",experiment="conformance",statistic="p50",transition="all"} 0.04`,
		`netassay_nightly_convergence_censored_ratio{engine="none",experiment="conformance",transition="all"} 0.1`,
		`netassay_nightly_failures{engine="none",experiment="conformance",kind="leak"} 1`,
		`netassay_nightly_wrong_packets{engine="none",experiment="conformance",kind="lost"} 4`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "p99") {
		t.Error("a quantile without a sample has a figure")
	}
}

// A summary that a real run left.
func TestOfScale(t *testing.T) {
	text, err := os.ReadFile("../testdata/scale-057bd36/summary.json")
	if err != nil {
		t.Fatal(err)
	}
	var s v1.ScaleSummary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	got := lines(OfScale("scale", &s.Engines[0]))
	for _, want := range []string{
		`netassay_nightly_memory_bytes{engine="reference",experiment="scale",phase="loaded",reading="rss"} 31467520`,
		`netassay_nightly_convergence_seconds{engine="reference",experiment="scale",statistic="p50",transition="floor"} `,
		`netassay_nightly_convergence_seconds{engine="reference",experiment="scale",statistic="max",transition="revoke"} `,
		`netassay_nightly_wrong_packets{engine="reference",experiment="scale",kind="leaked"} `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
}

// Every figure that is collected is defined, with the labels that it has, and no other.
func TestFiguresAreDefined(t *testing.T) {
	one, n := 1.0, uint64(1)
	figure := v1.Figure{Value: &one}
	row := func(name, unit string) v1.MemoryRow {
		return v1.MemoryRow{Name: name, Unit: unit, Phases: []*float64{&one, &one, &one, &one, &one, &one}}
	}
	all := slices.Concat(
		OfRun(&v1.NightRun{Experiment: "x", Engine: "e", Verdict: v1.VerdictPass}),
		OfConformance("x", "e", &v1.Figures{ConvergenceN: 1, ConvergenceP50: &one, SentinelLeaked: &n, SentinelLost: &n, CellsPerSecond: &one, LabReadySeconds: &one}),
		OfChaos("x", "e", &v1.ChaosFigures{RepairP50: &one, RepairMax: &one, Ticks: 1}),
		OfScale("x", &v1.EngineSummary{
			Engine: "e", Repeats: 1, Floor: &v1.Transition{Transition: v1.Floor}, Transitions: []v1.Transition{{Transition: v1.Revoke, N: 1, P50: figure}},
			Memory: []v1.MemoryRow{row(v1.RSS, v1.UnitBytes), row(v1.CPUPerChange+"/revoke", v1.UnitCPU), row(v1.CPUShare, v1.UnitPercent), row("rules", "")},
		}),
	)
	collected := map[string]bool{Info: true, Change: true} // made elsewhere
	series := map[string]bool{}
	for i := range all {
		m := &all[i]
		collected[m.Name] = true
		d := Lookup(m.Name)
		if d.Help == "" {
			t.Errorf("%s is not defined", m.Name)
		}
		for label := range m.Labels {
			if label != LabelExperiment && label != LabelEngine && !slices.Contains(d.Labels, label) {
				t.Errorf("%s has a label %s that is not defined", m.Name, label)
			}
		}
		for _, label := range append(d.Labels, LabelExperiment, LabelEngine) {
			if m.Labels[label] == "" {
				t.Errorf("%s lacks label %s", m.Series(), label)
			}
		}
		if m.Name != CPUPerChange { // of one phase in runs
			if series[m.Series()] && !strings.Contains(m.Series(), `kind="l`) {
				t.Errorf("%s is there twice", m.Series())
			}
			series[m.Series()] = true
		}
	}
	for _, d := range Nightly() {
		if !collected[d.Name] {
			t.Errorf("%s is defined and never collected", d.Name)
		}
	}
}
