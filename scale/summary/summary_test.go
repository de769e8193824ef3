package summary

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/compare"
)

func ptr[T any](v T) *T { return &v }

func run() v1.ScaleRun {
	return v1.ScaleRun{
		ScaleConditions: v1.ScaleConditions{
			Schema: v1.ScaleSchema, ID: "r1", Tool: "test", Cluster: "lab", Kubernetes: "v1.37.2", Kernel: "6.18", CPUs: 2, Memory: 24 << 30,
			Profile: "nodes=20 pods=1000 seed=1", Churn: "rate=1 for=1m0s seed=1",
			Timing:  v1.ScaleTiming{Period: 1, Hold: 100, Deadline: 10000},
			Started: time.Unix(1_800_000_000, 0), Finished: time.Unix(1_800_000_600, 0),
		},
		Engines: []v1.Engine{
			{Name: "reference", Version: "abc", Limits: &v1.Limits{
				P99: map[string]float64{v1.PolicyCreate: 500, v1.IPBlockEdit: 500}, LeakPackets: ptr(uint64(0)), HWM: ptr(64.0 * (1 << 20)), Return: ptr(1.1), Slope: true,
			}},
			{Name: "slow", Version: "v1", Lacks: []v1.Lack{{What: "IPv6", Reason: "it programs IPv4 only"}}},
		},
	}
}

// generated are two engines, as a run of some repeats could leave them: the second is slower,
// leaks, sometimes misses the deadline, and grows.
func generated(seed uint64, repeats int) *v1.ScaleData {
	r := rand.New(rand.NewPCG(seed, 0))
	d := &v1.ScaleData{Run: run()}
	for repeat := range repeats {
		for i, engine := range []string{"reference", "slow"} {
			d.Run.Turns = append(d.Run.Turns, v1.Turn{Engine: engine, Repeat: repeat, Started: time.Unix(1_800_000_000+int64(60*(2*repeat+i)), 0)})
			measure(d, r, engine, repeat, float64(1+3*i))
			weigh(d, engine, repeat, float64(1+2*i))
		}
	}
	for _, f := range []int{1, 2, 4, 8} {
		d.Points = append(d.Points, v1.Point{Engine: "reference", Nodes: 250, Pods: 2500 * f, Policies: 1000, CIDRs: 2000, Name: v1.HWM, Unit: v1.UnitBytes, Value: float64(20<<20 + 1000*2500*f + f%3)})
	}
	return d
}

func measure(d *v1.ScaleData, r *rand.Rand, engine string, repeat int, slow float64) {
	for _, transition := range []string{v1.Revoke, v1.Floor, v1.PolicyCreate, "ip-reuse"} {
		for change := range 20 {
			due := float64(1000 * change)
			for _, pair := range []string{"a>b", "c>b"} {
				ms := 2.0
				if transition != v1.Floor {
					ms = float64(int(slow * (30 + 20*r.ExpFloat64())))
				}
				s := v1.Sample{
					Engine: engine, Repeat: repeat, Transition: transition, Change: change, Pair: pair, Family: "IPv4", Want: "deny",
					Due: due, Call: due + 1, Ack: due + 5, First: ptr(due + 5 + ms), Stable: ptr(due + 5 + ms), Leak: ms,
				}
				if transition == v1.Revoke {
					s.Seen, s.Commit = ptr(due+3), ptr(due+4+ms)
				}
				if slow > 1 && change == 7 && transition == v1.Revoke {
					s.First, s.Stable, s.Leaked = nil, nil, 3
				}
				if change == 9 && transition == v1.PolicyCreate && pair == "a>b" {
					s.Void = "denied before the change"
				}
				d.Samples = append(d.Samples, s)
			}
		}
	}
}

func weigh(d *v1.ScaleData, engine string, repeat int, large float64) {
	add := func(phase string, cycle int, name, unit string, v float64) {
		d.Readings = append(d.Readings, v1.Reading{Engine: engine, Repeat: repeat, Phase: phase, Cycle: cycle, Name: name, Unit: unit, Value: v})
	}
	for i, phase := range v1.Phases() {
		add(phase, 0, v1.RSS, v1.UnitBytes, large*float64([]int{20, 40, 50, 21, 42, 48}[i]<<20))
		add(phase, 0, v1.HWM, v1.UnitBytes, large*float64([]int{25, 45, 55, 55, 44, 50}[i]<<20))
	}
	add(v1.PhaseChurn, 0, v1.CPUPerChange, v1.UnitCPU, 12.5*large)
	add(v1.PhasePodChurn, 0, v1.CPUShare, v1.UnitPercent, 8*large)
	add(v1.PhasePodChurn, 0, v1.Events, v1.UnitRate, 99)
	add(v1.PhasePodChurn, 0, v1.EventsWanted, v1.UnitRate, 100)
	for cycle := range 20 {
		add(v1.PhaseCycle, cycle, v1.RSS, v1.UnitBytes, large*20*(1<<20)+(large-1)*float64(cycle)*4096+float64(cycle*7919%13)*512)
	}
}

// set changes all readings of a name.
func set(d *v1.ScaleData, name string, v float64) {
	for i := range d.Readings {
		if d.Readings[i].Name == name {
			d.Readings[i].Value = v
		}
	}
}

func TestReport(t *testing.T) {
	d := generated(1, 3)
	d.Run.Turns[3].Void = []string{"the prober missed 3.1 % of its ticks, bound 1 %"}
	d.Run.Notes = []string{"the API server answered 429 twice"}
	s := Of(d)
	var text, summary strings.Builder
	if err := render.ScaleText(&text, d, &s); err != nil {
		t.Fatal(err)
	}
	if err := render.JSON(&summary, s); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/report.txt", text.String())
	golden.Check(t, "testdata/summary.json", summary.String())
}

func TestSummaryCountsWhatCounts(t *testing.T) {
	d := generated(1, 2)
	find := func(d *v1.ScaleData, engine, name string) v1.Transition {
		for _, e := range Of(d).Engines {
			for _, tr := range e.Transitions {
				if e.Engine == engine && tr.Transition == name {
					return tr
				}
			}
		}
		return v1.Transition{}
	}
	got := find(d, "slow", v1.Revoke)
	if got.N != 40 || got.Pairs != 80 || got.Censored != 2 || got.LeakPackets != 12 || got.Max.Value != nil || *got.Max.Over != 10000 {
		t.Errorf("%+v", got)
	}
	got = find(d, "reference", v1.PolicyCreate)
	if got.N != 38 || got.Void != 2 {
		t.Errorf("a void pair makes its change void: %+v", got)
	}
	d.Run.Turns[3].Void = []string{"host under pressure"} // slow, repeat 1
	if got = find(d, "slow", v1.Revoke); got.N != 20 || got.LeakPackets != 6 {
		t.Errorf("a void turn counts nowhere: %+v", got)
	}
}

// A change is as slow as its slowest pair, and counts from three points in time.
func TestChangeIsItsSlowestPair(t *testing.T) {
	d := &v1.ScaleData{Run: run(), Samples: []v1.Sample{
		{Engine: "reference", Transition: v1.Revoke, Due: 0, Call: 10, Ack: 30, Stable: ptr(25.0)},
		{Engine: "reference", Transition: v1.Revoke, Due: 0, Call: 10, Ack: 30, Stable: ptr(95.0)},
		{Engine: "reference", Transition: v1.Revoke, Change: 1, Due: 200, Call: 210, Ack: 230, Stable: ptr(228.0)},
	}}
	d.Run.Turns = []v1.Turn{{Engine: "reference"}}
	tr := Of(d).Engines[0].Transitions[0]
	if *tr.Max.Value != 65 || *tr.P50.Value != -2 || *tr.CallP99.Value != 85 || *tr.DueP99.Value != 95 {
		t.Errorf("max %v, p50 %v (may be below 0), from call %v, from due %v", tr.Max, tr.P50, tr.CallP99, tr.DueP99)
	}
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(d *v1.ScaleData)
		want   v1.Verdict
		reason string
	}{
		{"good", func(*v1.ScaleData) {}, v1.VerdictPass, ""},
		{"slow", func(d *v1.ScaleData) { d.Run.Engines[0].Limits.P99[v1.PolicyCreate] = 20 }, v1.VerdictFail, "reference: policy-create p99 "},
		{"leaks", func(d *v1.ScaleData) { d.Samples[0].Leaked = 1 }, v1.VerdictFail, "1 packets leaked, limit 0"},
		{"large", func(d *v1.ScaleData) { d.Readings[1].Value = 1 << 30 }, v1.VerdictPass, ""}, // one repeat of three: the median
		{"too large", func(d *v1.ScaleData) { d.Run.Engines[0].Limits.HWM = ptr(1.0 * (1 << 20)) }, v1.VerdictFail, "VmHWM 55.0 MiB, limit 1.0 MiB"},
		{"does not come back", func(d *v1.ScaleData) { d.Run.Engines[0].Limits.Return = ptr(1.01) }, v1.VerdictFail, "memory after delete is 105 % of baseline, limit 101 %"},
		{"grows", func(d *v1.ScaleData) {
			for i := range d.Readings {
				if d.Readings[i].Phase == v1.PhaseCycle {
					d.Readings[i].Value += float64(d.Readings[i].Cycle) * 1e6
				}
			}
		}, v1.VerdictFail, "rss grows by"},
		{"no cycles", func(d *v1.ScaleData) {
			for i := range d.Readings {
				if d.Readings[i].Phase == v1.PhaseCycle {
					d.Readings[i].Phase = v1.PhaseChurn
				}
			}
		}, v1.VerdictVoid, "growth of memory: too few cycles"},
		{"busy", func(d *v1.ScaleData) { d.Run.Engines[0].Limits.CPUShare = ptr(7.9) }, v1.VerdictFail, "pod churn took 8.0 % of a core, limit 7.9 %"},
		{"not busy", func(d *v1.ScaleData) { d.Run.Engines[0].Limits.CPUShare = ptr(8.0) }, v1.VerdictPass, ""},
		{"few events", func(d *v1.ScaleData) {
			d.Run.Engines[0].Limits.CPUShare = ptr(8.0)
			set(d, v1.Events, 90)
		}, v1.VerdictVoid, "pod churn: the API server took 90.0 events/s, 100 were wanted"},
		{"busy with few events", func(d *v1.ScaleData) {
			d.Run.Engines[0].Limits.CPUShare = ptr(7.9)
			set(d, v1.Events, 50)
		}, v1.VerdictFail, "pod churn took 8.0 % of a core"},
		{"no pod churn", func(d *v1.ScaleData) {
			d.Run.Engines[0].Limits.CPUShare = ptr(8.0)
			d.Readings = slices.DeleteFunc(d.Readings, func(r v1.Reading) bool { return r.Name == v1.CPUShare })
		}, v1.VerdictVoid, "processor time under pod churn: no reading"},
		{"no sample", func(d *v1.ScaleData) { d.Run.Engines[0].Limits.P99["pod-create"] = 1 }, v1.VerdictVoid, "pod-create p99: no sample"},
		{"void turn", func(d *v1.ScaleData) { d.Run.Turns[0].Void = []string{"null enforcer not convicted"} }, v1.VerdictVoid, "repeat 0: null enforcer not convicted"},
		{"nothing ran", func(d *v1.ScaleData) { d.Run.Turns = nil }, v1.VerdictVoid, "no repeat was finished"},
		{"fail outweighs void", func(d *v1.ScaleData) {
			d.Run.Turns[0].Void = []string{"late"}
			d.Samples[len(d.Samples)/3*2].Leaked = 1
		}, v1.VerdictFail, "leaked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := generated(1, 3)
			d.Run.Engines[0].Limits.P99 = map[string]float64{v1.PolicyCreate: 5000}
			d.Run.Engines = d.Run.Engines[:1]
			tc.change(d)
			s := Of(d)
			if s.Verdict != tc.want || !strings.Contains(strings.Join(s.Reasons, "\n"), tc.reason) {
				t.Errorf("%s %q, want %s %q", s.Verdict, s.Reasons, tc.want, tc.reason)
			}
		})
	}
}

// Joined runs compare as one run of all their repeats.
func TestJoin(t *testing.T) {
	var all []*v1.ScaleData
	for i := range 10 {
		d := generated(uint64(i), 1)
		d.Run.ID = fmt.Sprint("r", i)
		d.Run.Started = d.Run.Started.Add(time.Duration(i) * time.Hour)
		for j := range d.Run.Turns {
			d.Run.Turns[j].Started = d.Run.Turns[j].Started.Add(time.Duration(i) * time.Hour)
		}
		all = append([]*v1.ScaleData{d}, all...)
	}
	d, err := v1.JoinScale(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	s := Side(d)
	for _, m := range s.Metrics {
		if len(m.Values) != 10 {
			t.Errorf("%s %s has %d values", m.Engine, m.Name, len(m.Values))
		}
	}
	if r := compare.Compare(s, s, compare.DefaultOptions()); r.Conclusion != compare.NoChange {
		t.Errorf("%s %q", r.Conclusion, r.Reasons)
	}
	all[3].Run.Kernel = "7.0"
	if _, err := v1.JoinScale(all); err == nil || !strings.Contains(err.Error(), "one side holds runs of one kind") {
		t.Errorf("got %v", err)
	}
}

func TestCheckNamesTheItem(t *testing.T) {
	for _, tc := range []struct {
		change func(d *v1.ScaleData)
		want   string
	}{
		{func(d *v1.ScaleData) { d.Run.Schema = "x" }, `schema is "x"`},
		{func(d *v1.ScaleData) { d.Run.Turns[0].Engine = "?" }, `engine "?" is there twice, or its engine is not listed`},
		{func(d *v1.ScaleData) { d.Samples[4].Repeat = 9 }, "sample 5: repeat 9"},
		{func(d *v1.ScaleData) { d.Samples[2].Transition = "" }, "sample 3: transition is missing"},
		{func(d *v1.ScaleData) { d.Readings[0].Engine = "?" }, "reading 1: repeat 0"},
	} {
		d := generated(1, 1)
		tc.change(d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}

// Rounded figures and raw lines: equal data, equal bytes.
func TestEqualDataEqualBytes(t *testing.T) {
	out := func() string {
		d := generated(5, 4)
		s := Of(d)
		var b strings.Builder
		if err := render.ScaleText(&b, d, &s); err != nil {
			t.Fatal(err)
		}
		if err := render.JSON(&b, d.Samples); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return b.String() + string(text)
	}
	first := out()
	for range 20 {
		if diff := cmp.Diff(first, out()); diff != "" {
			t.Fatal(diff)
		}
	}
}

// The figures of a run that 057bd36 made are those that it wrote, name by name.
func TestFiguresOfAnOlderRun(t *testing.T) {
	dir := filepath.Join("..", "..", "reports", "testdata", "scale-057bd36")
	d, err := reports.ReadScale(dir)
	if err != nil {
		t.Fatal(err)
	}
	var bench strings.Builder
	if err := compare.WriteBench(&bench, Side(d)); err != nil {
		t.Fatal(err)
	}
	written := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if diff := cmp.Diff(string(written("bench.txt")), bench.String()); diff != "" {
		t.Errorf("bench.txt (-written +computed):\n%s", diff)
	}
	var want v1.ScaleSummary
	if err := v1.Strictly(written("summary.json"), &want); err != nil {
		t.Fatal(err)
	}
	got := Of(d)
	for i := range got.Engines[0].Memory { // phases may be added, at the end
		row := &got.Engines[0].Memory[i]
		row.Phases = row.Phases[:len(want.Engines[0].Memory[i].Phases)]
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("summary.json (-written +computed):\n%s", diff)
	}
}
