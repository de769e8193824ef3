package page

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// sampleScale makes up a scale run of two engines, the second of which is slow and leaks.
func sampleScale() (*v1.ScaleData, *v1.ScaleSummary) {
	r := rand.New(rand.NewPCG(3, 4))
	d := &v1.ScaleData{Run: v1.ScaleRun{ScaleConditions: v1.ScaleConditions{
		Schema: v1.ScaleSchema, ID: "s", Cluster: "lab", Kubernetes: "v1.37.2", CPUs: 2, Memory: 1 << 34, Profile: "nodes=20 pods=1000 seed=1",
		Timing: v1.ScaleTiming{Period: 1, Hold: 100, Deadline: 10000}, Started: begun, Finished: begun.Add(3 * time.Minute),
	}}}
	sum := &v1.ScaleSummary{Verdict: v1.VerdictFail, Reasons: []string{"slow: 12 packets leaked, at most 0 are allowed"}}
	for k, name := range []string{"reference", "slow"} {
		d.Run.Engines = append(d.Run.Engines, v1.Engine{Name: name, Version: "v1", Limits: &v1.Limits{P99: map[string]float64{v1.PolicyCreate: 500}}})
		d.Run.Turns = append(d.Run.Turns, v1.Turn{Engine: name, Started: begun})
		e := v1.EngineSummary{Engine: name, LeakPackets: uint64(12 * k)}
		for _, what := range []string{v1.Floor, v1.PolicyCreate, v1.Revoke} {
			for n := range 40 {
				s := v1.Sample{Engine: name, Transition: what, Change: n, Pair: "a", Want: "deny", Ack: 100 * float64(n)}
				if n != 7 || k == 0 {
					s.Stable = new(s.Ack + 5 + 100*float64(k)*r.ExpFloat64())
				}
				s.Leaked, s.Leak = uint64(k*(n%3)), float64(5*k)
				d.Samples = append(d.Samples, s)
			}
			e.Transitions = append(e.Transitions, v1.Transition{Transition: what, N: 40, P50: figureOf(12.5), P99: figureOf(80.5 + 100*float64(k)), Max: figureOf(300)})
		}
		for i, p := range v1.Phases() {
			for _, reading := range []string{v1.RSS, "ipset", v1.HWM} {
				d.Readings = append(d.Readings, v1.Reading{Engine: name, Phase: p, Name: reading, Unit: v1.UnitBytes, Value: float64(20+10*i+100*k) * (1 << 20)})
			}
		}
		for n := range 4 {
			d.Readings = append(d.Readings, v1.Reading{Engine: name, Phase: v1.PhaseCycle, Cycle: n, Name: v1.RSS, Unit: v1.UnitBytes, Value: 3e7 + 1e5*float64(n)})
			d.Points = append(d.Points, v1.Point{Engine: name, Pods: 250 * (n + 1), Name: v1.RSS, Unit: v1.UnitBytes, Value: 2e7 + 1e6*float64(n)})
		}
		e.Costs = []v1.Cost{{Name: v1.RSS, Unit: v1.UnitBytes, N: 4, R2: 0.9, Terms: []v1.Term{{Per: "pod", Value: 300, Lo: 200, Hi: 400}}}}
		sum.Engines = append(sum.Engines, e)
	}
	return d, sum
}

func figureOf(v float64) v1.Figure { return v1.Figure{Value: &v, Lo: new(v - 1), Hi: new(v + 1)} }

// sampleChaos makes up a chaos run with a loss.
func sampleChaos() (*v1.ChaosRun, *v1.ChaosSummary) {
	run := &v1.ChaosRun{ChaosConditions: v1.ChaosConditions{Schema: v1.Schema, Cluster: "lab", Started: begun, Finished: begun.Add(time.Minute), Origin: time.Hour - time.Second}}
	for i := range 20 {
		run.Faults = append(run.Faults, v1.Fault{Backend: "nft", Phase: []string{"kills", "edits"}[i%2], What: fmt.Sprintf("fault %d", i), At: time.Hour + time.Duration(i)*time.Second})
	}
	run.Findings = []v1.Finding{{Backend: "nft", Phase: "kills", Flow: "x/a -> y/b", Protocol: "UDP", What: "lost", Count: 3, From: time.Hour + time.Second, To: time.Hour + 2*time.Second}}
	run.Backends = []v1.Backend{{Backend: "nft", Tally: v1.Tally{UDP: v1.Counts{MustDrop: 1000, MustPass: 1000, Lost: 3}}, Done: v1.Done{Kills: 10, Edits: 10}, Seconds: 60}}
	run.Phases = []v1.Phase{{Backend: "nft", Phase: "kills", Seconds: 30}}
	return run, &v1.ChaosSummary{Verdict: v1.VerdictFail, Reasons: []string{"3 packets were lost"}, Figures: v1.ChaosFigures{RepairN: 2, RepairP50: new(12.5), RepairMax: new(20.5)}}
}

func sampleMigration() (*v1.MigrationRun, *v1.MigrationSummary) {
	run := &v1.MigrationRun{
		MigrationConditions: v1.MigrationConditions{Cluster: "lab", From: "azure-npm", To: "reference", Purged: true, Started: begun, Finished: begun.Add(time.Minute), Origin: time.Hour},
		Phases:              []v1.Phase{{Phase: "before", Seconds: 10}},
		Events:              []v1.Fault{{Phase: "stop", What: "stop azure-npm on all nodes", At: time.Hour + 10*time.Second}},
		Watches:             []v1.Watch{{Node: "node-1", Policy: "guard-ingress", Place: "cross-node", Flows: 4}, {Node: "node-1", Place: "same-node", Flows: 2}},
		Exposures: []v1.Exposure{
			{Node: "node-1", Policy: "guard-ingress", Place: "cross-node", Flow: "a -> b", What: v1.Leaked, Phase: "gap", Count: 9, From: time.Hour + 11*time.Second, To: time.Hour + 14*time.Second},
			{Node: "node-1", Place: "same-node", Flow: "a -> c", What: v1.Lost, Phase: "start", Count: 1, From: time.Hour + 14*time.Second, To: time.Hour + 15*time.Second},
		},
		Leftovers: []v1.Leftover{{Engine: "azure-npm", Node: "node-1", Kind: "set", Count: 12, Names: []string{"azure-npm-1"}}},
		Watched:   v1.Watched{Tally: v1.Tally{UDP: v1.Counts{MustDrop: 1000, Leaked: 9, MustPass: 1000, Lost: 1}}, Seconds: 60},
		Notes:     []string{"slow"},
	}
	sum := run.Summary(v1.VerdictFail, []string{"9 of 1000 that had to be dropped leaked"})
	return run, &sum
}

func sampleAudit() *v1.AuditRun {
	flow := v1.AuditFlow{Client: "shop/web", ClientCount: 3, Server: "shop/db", ServerCount: 1, ClientPod: "netassay-1-s1/web-1", ServerPod: "netassay-1-s1/db-2", Family: "IPv4", Protocol: "TCP", Port: 5432, Want: "Allow", Outcome: v1.Pass}
	wrong, other, unproved := flow, flow, flow
	wrong.Want, wrong.Outcome, wrong.Kind, wrong.Reason, wrong.Evidence = "Deny", v1.Fail, v1.Leak, "wants Deny, still Connected", "Connected in 0.3 ms"
	other.Outcome, other.Reason = v1.Skipped, "between the probe pods it is Deny"
	unproved.Outcome, unproved.Reason = v1.Inconclusive, "did not connect before the policies were there"
	return &v1.AuditRun{
		AuditConditions: v1.AuditConditions{Cluster: "prod", Engine: "none", Seed: 7, Pods: 2, Certainty: 0.95, Started: begun, Finished: begun.Add(time.Minute), Acked: begun.Add(time.Second)},
		Flows:           []v1.AuditFlow{flow, wrong, other, unproved},
		Strata:          []v1.AuditStratum{{Verdict: "Allow", Pairs: 20, Asked: 2, AtMost: 15}, {Verdict: "Deny", Asked: 1, Pairs: 9, Wrong: 1, AtMost: 9}, {Verdict: v1.AllPairs, Pairs: 29, Asked: 3, Wrong: 1, AtMost: 24}},
		Gaps:            []v1.AuditGap{{What: "SCTP", Why: "raw packets"}}, Notes: []string{"slow"},
	}
}

// experiments are a run of each kind, with its figures.
func experiments() map[string]struct {
	run v1.Experiment
	sum any
} {
	type both = struct {
		run v1.Experiment
		sum any
	}
	data, scaled := sampleScale()
	broken, counted := sampleChaos()
	changed, measured := sampleMigration()
	return map[string]both{
		"conformance": {sample(2000, 0.02), nil}, "scale": {data, scaled}, "chaos": {broken, counted},
		"fuzz": {&v1.FuzzRun{
			FuzzConditions: v1.FuzzConditions{Engines: []string{"reference"}, Cluster: "lab", Seed: 7, Started: begun, Finished: begun.Add(time.Minute)},
			Played:         []v1.PlayedCase{{Engine: "reference", Name: "7-1", Steps: 2, Cells: 100, Seconds: 1.5, Outcome: v1.Pass}, {Engine: "reference", Name: "7-2", Cells: 10, Seconds: 2, Outcome: v1.Fail, Reason: "a leak"}},
			Found:          []v1.FoundCase{{Engine: "reference", Name: "7-2", File: "7-2.txtar", Wrong: "x/a reaches y/b", Confirmed: true, Plays: 9}},
			Notes:          []string{"slow"},
		}, nil},
		"migration": {changed, measured}, "audit": {sampleAudit(), nil},
		"check": {&v1.CheckRun{
			CheckConditions: v1.CheckConditions{Engine: "none", Cluster: "lab", Started: begun, Finished: begun.Add(time.Minute)},
			Steps:           []v1.CheckStep{{Title: "silent", Command: "/agnhost connect", OK: true, Attempts: 2, Seconds: 1}, {Title: "TIMEOUT", Command: "/agnhost connect", Output: "", Attempts: 20, Seconds: 20}},
		}, nil},
	}
}

// Each experiment has a page while it goes on and at its end; and what has seen nothing has one too.
func TestEveryExperimentHasAPage(t *testing.T) {
	for name, e := range experiments() {
		t.Run(name, func(t *testing.T) {
			for _, tc := range []struct {
				name  string
				run   v1.Experiment
				sum   any
				state State
				want  []string
			}{
				{"whole", e.run, e.sum, State{Whole: true}, []string{">fail</span>", "netassay "}},
				{"goes on", e.run, nil, State{At: begun.Add(30 * time.Second)}, []string{">unfinished</span>", "had been seen at 2026-11-29 07:00:30 UTC"}},
				{"damaged", e.run, e.sum, State{Whole: true, Troubles: []string{"records.jsonl:7: cut off"}}, []string{"Not read: records.jsonl:7: cut off"}},
				{"without figures", e.run, nil, State{Whole: true}, []string{"</html>"}},
			} {
				var b strings.Builder
				if err := Write(&b, tc.run, tc.sum, tc.state); err != nil {
					t.Fatalf("%s: %v", tc.name, err)
				}
				for _, want := range tc.want {
					if !strings.Contains(b.String(), want) {
						t.Errorf("%s: the page lacks %q", tc.name, want)
					}
				}
			}
		})
	}
	for _, empty := range []v1.Experiment{&v1.Run{}, &v1.ScaleData{}, &v1.ChaosRun{}, &v1.FuzzRun{}, &v1.CheckRun{}, &v1.MigrationRun{}, &v1.AuditRun{}} {
		var b strings.Builder
		if err := Write(&b, empty, nil, State{At: begun}); err != nil {
			t.Errorf("%T that has seen nothing: %v", empty, err)
		}
	}
}

func TestEveryPageInABrowser(t *testing.T) {
	ctx := browser(t)
	for name, e := range experiments() {
		for _, l := range []look{{"light", 1280, 900}, {"dark", 360, 740}} {
			t.Run(name+", "+l.scheme, func(t *testing.T) {
				p := show(ctx, t, e.run, e.sum, l)
				if over := ask[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("the page is %d pixels wider than the window", over)
				}
				p.accessible()
				p.quiet()
			})
		}
	}
}

// What a page costs while a run goes on.
func BenchmarkLargePage(b *testing.B) {
	run := sample(50_000, 0.01)
	for b.Loop() {
		if err := Write(io.Discard, run, nil, State{At: begun}); err != nil {
			b.Fatal(err)
		}
	}
}
