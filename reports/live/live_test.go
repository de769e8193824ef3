package live

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	v1 "github.com/netassay/netassay/reports/v1"
)

func TestRecord(t *testing.T) {
	r := New()
	ms := 40.0
	for _, record := range []v1.Record{
		&v1.RunConditions{Cluster: "lab", Tool: "v1", Order: []string{"a", "b", "c"}, Started: time.UnixMilli(1_800_000_000_500)},
		&v1.RunConditions{Cluster: "lab", Tool: "v2", Order: []string{"a", "b", "c"}, Started: time.UnixMilli(1_800_000_000_500)},
		&v1.Case{Outcome: v1.Pass}, &v1.Case{Outcome: v1.NotSupported},
		&v1.Cell{Outcome: v1.Pass, Probes: 7, Changed: true, Stable: &ms}, &v1.Cell{Outcome: v1.Fail, Kind: v1.Leak, Probes: 2},
		&v1.Finding{What: "leaked", Count: 4}, &v1.Fault{}, &v1.Note{},
		&v1.Sample{Engine: "e", Transition: v1.Revoke, Ack: 10, Stable: &ms, Leaked: 3}, &v1.Sample{Engine: "e", Transition: v1.Revoke}, &v1.Sample{Engine: "e", Transition: v1.Revoke, Void: "x"},
		&v1.Reading{Engine: "e", Phase: v1.PhaseLoaded, Name: v1.RSS, Unit: v1.UnitBytes, Value: 99}, &v1.Reading{Name: "rules", Value: 3},
		&v1.Conclusion{Verdict: v1.VerdictFail},
	} {
		r.Record(record)
	}
	want := `
# HELP netassay_run_cases_total Cases that are over, by what became of them.
# TYPE netassay_run_cases_total counter
netassay_run_cases_total{outcome="notsupported"} 1
netassay_run_cases_total{outcome="pass"} 1
# HELP netassay_run_cases_planned Cases that the run is to play.
# TYPE netassay_run_cases_planned gauge
netassay_run_cases_planned 3
# HELP netassay_run_cells_total Cells that were judged, by what became of them.
# TYPE netassay_run_cells_total counter
netassay_run_cells_total{outcome="fail"} 1
netassay_run_cells_total{outcome="pass"} 1
# HELP netassay_run_failures_total Cells that failed: a leak passed what had to be denied, an outage denied what had to pass.
# TYPE netassay_run_failures_total counter
netassay_run_failures_total{kind="leak"} 1
netassay_run_failures_total{kind="outage"} 0
# HELP netassay_run_info 1; the labels say what runs.
# TYPE netassay_run_info gauge
netassay_run_info{cluster="lab",experiment="conformance",tool="v2"} 1
# HELP netassay_run_probes_total Conclusive probes of cells that were judged.
# TYPE netassay_run_probes_total counter
netassay_run_probes_total 9
# HELP netassay_run_samples_total Pairs of pods that were watched in a change.
# TYPE netassay_run_samples_total counter
netassay_run_samples_total{engine="e",result="censored",transition="revoke"} 1
netassay_run_samples_total{engine="e",result="stable",transition="revoke"} 1
netassay_run_samples_total{engine="e",result="void",transition="revoke"} 1
# HELP netassay_run_wrong_packets_total Packets that were seen to go wrong, of which evidence is kept.
# TYPE netassay_run_wrong_packets_total counter
netassay_run_wrong_packets_total{kind="leaked"} 7
netassay_run_wrong_packets_total{kind="lost"} 0
# HELP netassay_run_finished 1 for the verdict of a run that is over.
# TYPE netassay_run_finished gauge
netassay_run_finished{verdict="fail"} 1
netassay_run_finished{verdict="pass"} 0
netassay_run_finished{verdict="void"} 0
# HELP netassay_run_start_time_seconds When the run began, in seconds since 1970.
# TYPE netassay_run_start_time_seconds gauge
netassay_run_start_time_seconds 1.8000000005e+09
# HELP netassay_run_memory_bytes The latest reading of the memory of an engine's agent.
# TYPE netassay_run_memory_bytes gauge
netassay_run_memory_bytes{engine="e",phase="loaded",reading="rss"} 99
`
	names := []string{Cases, Planned, Cells, Failures, Info, Probes, Samples, Wrong, Finished, Started, Memory}
	if err := testutil.GatherAndCompare(r.Gatherer(), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(r.Gatherer(), Convergence); err != nil || n != 2 {
		t.Errorf("%d histograms, %v", n, err)
	}
	problems, err := testutil.GatherAndLint(r.Gatherer())
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

// A scrape during a run sees nothing odd.
func TestRecordFromManyGoroutines(t *testing.T) {
	r := New()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			r.Record(&v1.Cell{Outcome: v1.Pass})
		}
	}()
	for range 1000 {
		r.Record(&v1.RunConditions{})
		if _, err := r.Gatherer().Gather(); err != nil {
			t.Fatal(err)
		}
	}
	<-done
}
