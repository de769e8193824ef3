package v1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// each is one record of each kind.
func each() []Record {
	half := 0.5
	return []Record{
		&RunConditions{Schema: Schema, Families: []string{"IPv4"}, LabReady: &half}, &CheckConditions{Engine: "none"}, &ChaosConditions{Seed: 7}, &ScaleConditions{Profile: "seed=1"},
		&Case{Name: "c", Outcome: Fail, FixtureSet: "f1", Steps: []Step{{Name: "s", Outcome: Fail}}}, &Cell{Case: "c", Step: "s", Outcome: Fail, Kind: Leak, Stable: &half},
		&CheckStep{Title: "t", OK: true}, &Engine{Name: "e", Limits: &Limits{Return: &half}}, &Turn{Repeat: 3, Void: []string{"late"}},
		&Sample{Pair: "a <b> & c", Stable: &half}, &Reading{Name: RSS, Value: 1}, &Point{Pods: 3}, &Void{Reason: "r"}, &Phase{Phase: "p"},
		&Fault{What: "w", At: 5}, &Finding{Count: 9, During: []Activity{{Case: "c", Step: "s"}}}, &Sentinel{Outcome: Pass, Tally: Tally{Ticks: 4}, Floor: NoiseFloor{DelayMax: &half}},
		&Backend{Backend: "nft", Tally: Tally{TCP: Counts{Lost: 1}}, Done: Done{Kills: 2}, Repairs: []float64{1}},
		&FuzzConditions{Engines: []string{"none"}, Seed: 7}, &PlayedCase{Name: "fuzz-7-1", Cells: 4, Outcome: Fail}, &FoundCase{Name: "fuzz-7-1", Confirmed: true},
		&NightConditions{Schema: Schema, Set: []string{"chaos-smoke"}}, &NightRun{Experiment: "chaos-smoke", Verdict: VerdictVoid, Trouble: "t"},
		&Metric{Name: "netassay_nightly_cells", Labels: map[string]string{"engine": "none"}, Value: 0.5, N: 3},
		&MigrationConditions{From: "a", To: "b", Rolling: true}, &Watch{Node: "n", Flows: 2}, &Exposure{Node: "n", What: Leaked, Count: 3, From: 1, To: 2},
		&Leftover{Engine: "a", Kind: "set", Count: 11, Names: []string{"x"}}, &Watched{Seconds: 2},
		&AuditConditions{Cluster: "c", Seed: 7}, &AuditFlow{Client: "a/b", Outcome: Fail, Kind: Leak}, &AuditStratum{Verdict: "Deny", Pairs: 9, AtMost: 3}, &AuditGap{What: "SCTP"},
		&Note{Text: "two\nlines"}, &Conclusion{Verdict: VerdictVoid, Reasons: []string{"r"}},
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	kinds := map[RecordKind]bool{}
	for _, want := range each() {
		line, err := EncodeRecord(want)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(line), "\n") != 1 || !strings.HasPrefix(string(line), `{"v":1,"kind":"`+string(want.recordKind())+`",`) {
			t.Errorf("%s is %q", want.recordKind(), line)
		}
		got, err := DecodeRecord(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.recordKind(), diff)
		}
		kinds[want.recordKind()] = true
	}
	if len(kinds) != 35 {
		t.Errorf("%d kinds of records, want 35: is one missing here, or used twice?", len(kinds))
	}
}

// Conditions name their experiment, and nothing else does: a night-run holds none.
func TestKindsNameTheirExperiment(t *testing.T) {
	got := map[RecordKind]string{}
	for _, r := range Blanks() {
		if name := KindOf(r).Experiment(); name != "" {
			got[KindOf(r)] = name
		}
	}
	want := map[RecordKind]string{KindConformance: "conformance", KindCheck: "aks-check", KindChaos: "chaos", KindScale: "scale", KindFuzz: "fuzz", KindMigration: "migration", KindAudit: "audit"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line that is read is written as it was understood, and nothing that is no record is read.
func FuzzDecodeRecord(f *testing.F) {
	for _, r := range each() {
		line, err := EncodeRecord(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"v":1,"kind":"case","data":{"name":"c","fixture_set":"f"}}`))
	f.Add([]byte(`{"v":2,"kind":"note","data":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := DecodeRecord(line)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %v", err)
			}
			return
		}
		first, err := EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeRecord(first)
		if err != nil {
			t.Fatalf("%q was written and can't be read: %v", first, err)
		}
		second, err := EncodeRecord(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}

func TestCellsNeedTheirCase(t *testing.T) {
	var r Run
	if err := r.Add(&Cell{Case: "c", Step: "s"}); err == nil || !strings.Contains(err.Error(), `case "c", which did not come before it`) {
		t.Errorf("got %v", err)
	}
	if err := r.Add(&Case{Name: "c", Steps: []Step{{Name: "s"}}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(&Cell{Case: "c", Step: "other"}); err == nil || !strings.Contains(err.Error(), `step "other"`) {
		t.Errorf("got %v", err)
	}
	if err := r.Add(&Cell{Case: "c", Step: "s"}); err != nil || len(r.Cases[0].Steps[0].Cells) != 1 {
		t.Errorf("error %v, %+v", err, r.Cases)
	}
}

func TestCheckVerdict(t *testing.T) {
	write, right, wrong := CheckStep{OK: true}, CheckStep{Command: "c", OK: true}, CheckStep{Command: "c"}
	for _, tc := range []struct {
		name string
		run  CheckRun
		want Verdict
	}{
		{"all right", CheckRun{Steps: []CheckStep{write, right}}, VerdictPass},
		{"one wrong", CheckRun{Steps: []CheckStep{right, wrong, right}}, VerdictFail},
		{"wrong, then broken", CheckRun{CheckConditions{Trouble: "t"}, []CheckStep{wrong}}, VerdictFail},
		{"broken", CheckRun{CheckConditions{Trouble: "t"}, []CheckStep{right}}, VerdictVoid},
		{"no command ran", CheckRun{Steps: []CheckStep{write}}, VerdictVoid},
	} {
		if got := tc.run.Verdict(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
