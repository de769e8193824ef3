// Package nights invents a history whose changes are known: what tests of trends, of dashboards and
// of pages look at. Nothing in it was measured, and its engine's version says so.
//
// It must never be imported by anything but tests and what draws pictures of tests.
package nights

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/netassay/netassay/reports/metrics"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Upgrade is the night with which the invented engine got slower and its memory smaller.
const Upgrade = 18

// First is when the first night began.
func First() time.Time { return time.Date(2026, 10, 30, 1, 30, 0, 0, time.UTC) }

// Invent makes n nights of 3 % noise. From the night Upgrade on, policy-create is slower by a
// quarter and memory smaller by a fifth.
func Invent(n int, seed uint64) []v1.Night {
	r := rand.New(rand.NewPCG(seed, 0x6e69676874))
	out := make([]v1.Night, n)
	for i := range out {
		began := First().AddDate(0, 0, i)
		version := "v1.4.0"
		if i >= Upgrade {
			version = "v1.5.0"
		}
		out[i] = v1.Night{NightConditions: v1.NightConditions{
			Schema: v1.Schema, ID: began.Format("20060102-150405") + "-invented", Tool: version, Kernel: "6.1.0-invented", CPUs: 2, Memory: 16 << 30,
			Set: []string{"conformance", "chaos-smoke", "scale"}, Started: began, Finished: began.Add(20 * time.Minute),
		}}
		night(&out[i], r, i >= Upgrade)
	}
	return out
}

// night fills in the runs and figures of one night.
func night(n *v1.Night, r *rand.Rand, upgraded bool) {
	about := func(v float64) float64 { return v * (1 + 0.03*r.NormFloat64()) }
	for _, experiment := range n.Set {
		run := v1.NightRun{Experiment: experiment, Engine: "reference", Kubernetes: "v1.37.2", Verdict: v1.VerdictPass, Seconds: about(300), Results: "invented"}
		if experiment == "scale" {
			run.Load = "seed=1 nodes=20 pods=1000"
		}
		n.Runs = append(n.Runs, run)
		n.Metrics = append(n.Metrics, metrics.OfRun(&run)...)
	}
	ms := func(v float64) *float64 { v = about(v); return &v }
	n.Metrics = append(n.Metrics, metrics.OfConformance("conformance", "reference", conformance(r, ms))...)
	n.Metrics = append(n.Metrics, metrics.OfChaos("chaos-smoke", "reference", &v1.ChaosFigures{
		MustDrop: 120000, MustPass: 480000, Ticks: 600000, MissedTicks: uint64(r.IntN(40)), RepairP50: ms(180), RepairMax: ms(420), RepairN: 4,
	})...)
	slower, smaller := 1.0, 1.0
	if upgraded {
		slower, smaller = 1.25, 0.8
	}
	n.Metrics = append(n.Metrics, metrics.OfScale("scale", scale(r, ms, slower, smaller))...)
}

func conformance(r *rand.Rand, ms func(float64) *float64) *v1.Figures {
	none, rate := uint64(0), *ms(46)
	return &v1.Figures{
		Cases: 150, Passed: 148, Skipped: 2, Cells: 12000, CellsPassed: 11900, CellsObserved: 100, Probes: 300000, ProbesLate: 4 + 3*r.Float64(),
		CellsPerSecond: &rate, LabReadySeconds: ms(7), SentinelLeaked: &none, SentinelLost: &none,
		ConvergenceN: 4000, ConvergenceP50: ms(14), ConvergenceP90: ms(31), ConvergenceP99: ms(80), ConvergenceMax: ms(140),
	}
}

func scale(r *rand.Rand, ms func(float64) *float64, slower, smaller float64) *v1.EngineSummary {
	figure := func(v float64) v1.Figure { return v1.Figure{Value: ms(v)} }
	transition := func(name string, p50 float64) v1.Transition {
		return v1.Transition{
			Transition: name, N: 20, Pairs: 80, P50: figure(p50), P90: figure(1.8 * p50), P99: figure(2.6 * p50), Max: figure(3 * p50),
			LeakSeconds: *ms(p50) / 50, OutSeconds: *ms(p50) / 60,
		}
	}
	floor := transition(v1.Floor, 1.1)
	floor.LeakSeconds, floor.OutSeconds = 0, 0
	row := func(name, unit string, by ...float64) v1.MemoryRow {
		out := v1.MemoryRow{Name: name, Unit: unit}
		for _, v := range by {
			out.Phases = append(out.Phases, ms(v))
		}
		return out
	}
	const mib = 1 << 20
	return &v1.EngineSummary{
		Engine: "reference", Repeats: 1, Floor: &floor,
		Transitions: []v1.Transition{
			transition(v1.PolicyCreate, 12*slower), transition(v1.IPBlockEdit, 22), transition(v1.Revoke, 9), transition(v1.LabelChange, 8),
			transition(v1.PodCreate, 5), transition(v1.PolicyDelete, 10),
		},
		Memory: []v1.MemoryRow{
			row(v1.RSS, v1.UnitBytes, 20*mib, 30*mib*smaller, 36*mib*smaller, 22*mib, 30*mib, 31*mib),
			row(v1.HWM, v1.UnitBytes, 21*mib, 33*mib*smaller, 40*mib*smaller, 40*mib*smaller, 33*mib, 34*mib),
			{Name: v1.CPUPerChange + "/" + v1.Revoke, Unit: v1.UnitCPU, Phases: []*float64{nil, nil, ms(6 + r.Float64()/4)}},
			{Name: v1.CPUShare, Unit: v1.UnitPercent, Phases: []*float64{nil, nil, nil, nil, nil, ms(4)}},
			{Name: "rules", Unit: "", Phases: []*float64{nil, whole(420), whole(430)}},
		},
	}
}

// whole is a count that does not vary.
func whole(n float64) *float64 { n = math.Round(n); return &n }
