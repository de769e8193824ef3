package scale

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/compare"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), or run with -update:\n%s", path, diff)
	}
}

func ptr[T any](v T) *T { return &v }

func run() Run {
	return Run{
		Schema: Schema, ID: "r1", Tool: "test", Cluster: "lab", Kubernetes: "v1.37.2", Kernel: "6.18", CPUs: 2, Memory: 24 << 30,
		Profile: "nodes=20 pods=1000 seed=1", Churn: "rate=1 for=1m0s seed=1",
		Timing:  Timing{Period: 1, Hold: 100, Deadline: 10000},
		Started: time.Unix(1_800_000_000, 0), Finished: time.Unix(1_800_000_600, 0),
		Engines: []Engine{
			{Name: "reference", Version: "abc", Limits: &Limits{
				P99: map[string]float64{PolicyCreate: 500, IPBlockEdit: 500}, LeakPackets: ptr(uint64(0)), HWM: ptr(64.0 * (1 << 20)), Return: ptr(1.1), Slope: true,
			}},
			{Name: "slow", Version: "v1", Lacks: []Lack{{What: "IPv6", Reason: "it programs IPv4 only"}}},
		},
	}
}

// data are two engines, as a run of some repeats could leave them: the second is slower,
// leaks, sometimes misses the deadline, and grows.
func data(seed uint64, repeats int) *Data {
	r := rand.New(rand.NewPCG(seed, 0))
	d := &Data{Run: run()}
	for repeat := range repeats {
		for i, engine := range []string{"reference", "slow"} {
			d.Run.Turns = append(d.Run.Turns, Turn{Engine: engine, Repeat: repeat, Started: time.Unix(1_800_000_000+int64(60*(2*repeat+i)), 0)})
			d.measured(r, engine, repeat, float64(1+3*i))
			d.weighed(engine, repeat, float64(1+2*i))
		}
	}
	for _, f := range []int{1, 2, 4, 8} {
		d.Points = append(d.Points, Point{Engine: "reference", Nodes: 250, Pods: 2500 * f, Policies: 1000, CIDRs: 2000, Name: HWM, Unit: UnitB, Value: float64(20<<20 + 1000*2500*f + f%3)})
	}
	return d
}

func (d *Data) measured(r *rand.Rand, engine string, repeat int, slow float64) {
	for _, transition := range []string{Revoke, Floor, PolicyCreate, "ip-reuse"} {
		for change := range 20 {
			due := float64(1000 * change)
			for _, pair := range []string{"a>b", "c>b"} {
				ms := 2.0
				if transition != Floor {
					ms = float64(int(slow * (30 + 20*r.ExpFloat64())))
				}
				s := Sample{
					Engine: engine, Repeat: repeat, Transition: transition, Change: change, Pair: pair, Family: "IPv4", Want: "deny",
					Due: due, Call: due + 1, Ack: due + 5, First: ptr(due + 5 + ms), Stable: ptr(due + 5 + ms), Leak: ms,
				}
				if transition == Revoke {
					s.Seen, s.Commit = ptr(due+3), ptr(due+4+ms)
				}
				if slow > 1 && change == 7 && transition == Revoke {
					s.First, s.Stable, s.Leaked = nil, nil, 3
				}
				if change == 9 && transition == PolicyCreate && pair == "a>b" {
					s.Void = "denied before the change"
				}
				d.Samples = append(d.Samples, s)
			}
		}
	}
}

func (d *Data) weighed(engine string, repeat int, large float64) {
	add := func(phase string, cycle int, name, unit string, v float64) {
		d.Readings = append(d.Readings, Reading{Engine: engine, Repeat: repeat, Phase: phase, Cycle: cycle, Name: name, Unit: unit, Value: v})
	}
	for i, phase := range Phases() {
		add(phase, 0, RSS, UnitB, large*float64([]int{20, 40, 50, 21}[i]<<20))
		add(phase, 0, HWM, UnitB, large*float64([]int{25, 45, 55, 55}[i]<<20))
	}
	add(Churning, 0, CPU, UnitCPU, 12.5*large)
	for cycle := range 20 {
		add(Cycle, cycle, RSS, UnitB, large*20*(1<<20)+(large-1)*float64(cycle)*4096+float64(cycle*7919%13)*512)
	}
}

func TestReport(t *testing.T) {
	d := data(1, 3)
	d.Run.Turns[3].Void = []string{"the prober missed 3.1 % of its ticks, bound 1 %"}
	d.Run.Notes = []string{"the API server answered 429 twice"}
	s := Summarize(d)
	var text, summary strings.Builder
	if err := Text(&text, d, &s); err != nil {
		t.Fatal(err)
	}
	if err := JSON(&summary, s); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", text.String())
	golden(t, "summary.json", summary.String())
}

func TestSummaryCountsWhatCounts(t *testing.T) {
	d := data(1, 2)
	find := func(d *Data, engine, name string) Transition {
		for _, e := range Summarize(d).Engines {
			for _, tr := range e.Transitions {
				if e.Engine == engine && tr.Transition == name {
					return tr
				}
			}
		}
		return Transition{}
	}
	got := find(d, "slow", Revoke)
	if got.N != 40 || got.Pairs != 80 || got.Censored != 2 || got.LeakPackets != 12 || got.Max.Value != nil || *got.Max.Over != 10000 {
		t.Errorf("%+v", got)
	}
	got = find(d, "reference", PolicyCreate)
	if got.N != 38 || got.Void != 2 {
		t.Errorf("a void pair makes its change void: %+v", got)
	}
	d.Run.Turns[3].Void = []string{"host under pressure"} // slow, repeat 1
	if got = find(d, "slow", Revoke); got.N != 20 || got.LeakPackets != 6 {
		t.Errorf("a void turn counts nowhere: %+v", got)
	}
}

// A change is as slow as its slowest pair, and counts from three points in time.
func TestChangeIsItsSlowestPair(t *testing.T) {
	d := &Data{Run: run(), Samples: []Sample{
		{Engine: "reference", Transition: Revoke, Due: 0, Call: 10, Ack: 30, Stable: ptr(25.0)},
		{Engine: "reference", Transition: Revoke, Due: 0, Call: 10, Ack: 30, Stable: ptr(95.0)},
		{Engine: "reference", Transition: Revoke, Change: 1, Due: 200, Call: 210, Ack: 230, Stable: ptr(228.0)},
	}}
	d.Run.Turns = []Turn{{Engine: "reference"}}
	tr := Summarize(d).Engines[0].Transitions[0]
	if *tr.Max.Value != 65 || *tr.P50.Value != -2 || *tr.CallP99.Value != 85 || *tr.DueP99.Value != 95 {
		t.Errorf("max %v, p50 %v (may be below 0), from call %v, from due %v", tr.Max, tr.P50, tr.CallP99, tr.DueP99)
	}
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(d *Data)
		want   v1.Verdict
		reason string
	}{
		{"good", func(*Data) {}, v1.VerdictPass, ""},
		{"slow", func(d *Data) { d.Run.Engines[0].Limits.P99[PolicyCreate] = 20 }, v1.VerdictFail, "reference: policy-create p99 "},
		{"leaks", func(d *Data) { d.Samples[0].Leaked = 1 }, v1.VerdictFail, "1 packets leaked, limit 0"},
		{"large", func(d *Data) { d.Readings[1].Value = 1 << 30 }, v1.VerdictPass, ""}, // one repeat of three: the median
		{"too large", func(d *Data) { d.Run.Engines[0].Limits.HWM = ptr(1.0 * (1 << 20)) }, v1.VerdictFail, "VmHWM 55.0 MiB, limit 1.0 MiB"},
		{"does not come back", func(d *Data) { d.Run.Engines[0].Limits.Return = ptr(1.01) }, v1.VerdictFail, "memory after delete is 105 % of baseline, limit 101 %"},
		{"grows", func(d *Data) {
			for i := range d.Readings {
				if d.Readings[i].Phase == Cycle {
					d.Readings[i].Value += float64(d.Readings[i].Cycle) * 1e6
				}
			}
		}, v1.VerdictFail, "rss grows by"},
		{"no cycles", func(d *Data) {
			for i := range d.Readings {
				if d.Readings[i].Phase == Cycle {
					d.Readings[i].Phase = Churning
				}
			}
		}, v1.VerdictVoid, "growth of memory: too few cycles"},
		{"no sample", func(d *Data) { d.Run.Engines[0].Limits.P99["pod-create"] = 1 }, v1.VerdictVoid, "pod-create p99: no sample"},
		{"void turn", func(d *Data) { d.Run.Turns[0].Void = []string{"null enforcer not convicted"} }, v1.VerdictVoid, "repeat 0: null enforcer not convicted"},
		{"nothing ran", func(d *Data) { d.Run.Turns = nil }, v1.VerdictVoid, "no repeat was finished"},
		{"fail outweighs void", func(d *Data) {
			d.Run.Turns[0].Void = []string{"late"}
			d.Samples[len(d.Samples)/3*2].Leaked = 1
		}, v1.VerdictFail, "leaked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := data(1, 3)
			d.Run.Engines[0].Limits.P99 = map[string]float64{PolicyCreate: 5000}
			d.Run.Engines = d.Run.Engines[:1]
			tc.change(d)
			s := Summarize(d)
			if s.Verdict != tc.want || !strings.Contains(strings.Join(s.Reasons, "\n"), tc.reason) {
				t.Errorf("%s %q, want %s %q", s.Verdict, s.Reasons, tc.want, tc.reason)
			}
		})
	}
}

// Joined runs compare as one run of all their repeats.
func TestJoin(t *testing.T) {
	var all []*Data
	for i := range 10 {
		d := data(uint64(i), 1)
		d.Run.ID = fmt.Sprint("r", i)
		d.Run.Started = d.Run.Started.Add(time.Duration(i) * time.Hour)
		for j := range d.Run.Turns {
			d.Run.Turns[j].Started = d.Run.Turns[j].Started.Add(time.Duration(i) * time.Hour)
		}
		all = append([]*Data{d}, all...)
	}
	d, err := Join(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	s := Side("x", d)
	for _, m := range s.Metrics {
		if len(m.Values) != 10 {
			t.Errorf("%s %s has %d values", m.Engine, m.Name, len(m.Values))
		}
	}
	if r := compare.Compare(s, s, compare.DefaultOptions()); r.Verdict != compare.NoChange {
		t.Errorf("%s %q", r.Verdict, r.Reasons)
	}
	all[3].Run.Kernel = "7.0"
	if _, err := Join(all); err == nil || !strings.Contains(err.Error(), "one side holds runs of one kind") {
		t.Errorf("got %v", err)
	}
}

func TestCheckNamesTheLine(t *testing.T) {
	for _, tc := range []struct {
		change func(d *Data)
		want   string
	}{
		{func(d *Data) { d.Run.Schema = "x" }, `run.json: schema is "x"`},
		{func(d *Data) { d.Run.Turns[0].Engine = "?" }, `engine "?" is there twice, or its engine is not listed`},
		{func(d *Data) { d.Samples[4].Repeat = 9 }, "samples.jsonl:5: repeat 9"},
		{func(d *Data) { d.Samples[2].Transition = "" }, "samples.jsonl:3: transition is missing"},
		{func(d *Data) { d.Readings[0].Engine = "?" }, "readings.jsonl:1: repeat 0"},
	} {
		d := data(1, 1)
		tc.change(d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}

// Rounded figures and raw lines: equal data, equal bytes.
func TestEqualDataEqualBytes(t *testing.T) {
	out := func() string {
		d := data(5, 4)
		s := Summarize(d)
		var b strings.Builder
		if err := Text(&b, d, &s); err != nil {
			t.Fatal(err)
		}
		if err := Lines(&b, d.Samples); err != nil {
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
