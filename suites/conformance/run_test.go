package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/internal/testmain"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

func TestMain(m *testing.M) { testmain.Main(m) }

// cluster is one of which only the size is asked.
type cluster struct{ clusters.Cluster }

func (cluster) Nodes() []string          { return []string{"n1"} }
func (cluster) Families() []model.Family { return []model.Family{model.IPv4} }
func (cluster) Image(name string) string { return name }

// Nothing that testbed and settings say is lost on the way to the runner.
func TestConfig(t *testing.T) {
	bed := &testbed.Testbed{
		Cluster: cluster{}, Engine: "kube-router", EngineVersion: "v1.6.1",
		Unsupported: []engines.Unsupported{{Family: model.IPv6, Reason: "v2 has it"}},
		Keep:        true, Restricted: true, PullSecret: []byte("{}"),
	}
	s := Settings{
		Timing: runner.Timing{Hold: time.Second}, FixtureSets: 2, Seed: 7, RunUnsupported: true, FailFast: true,
	}
	chosen := []cases.Case{{Name: "one"}}
	got := (&Run{Bed: bed}).Config(s, chosen, nil, "tool v1")
	if got.RunID == "" || got.Events == nil || got.Processor == nil || got.Cluster != bed.Cluster {
		t.Errorf("run %q, events %v, cluster %v", got.RunID, got.Events != nil, got.Cluster)
	}
	got.RunID, got.Events, got.Processor, got.Cluster = "", nil, nil, nil
	want := runner.Config{
		Cases: chosen, Engine: "kube-router", EngineVersion: "v1.6.1", Unsupported: bed.Unsupported, RunUnsupported: true,
		Tool: "tool v1", Seed: 7, Parallel: 2, FailFast: true, Restricted: true, PullSecret: []byte("{}"), Keep: true,
		Timing: s.Timing, Sentinel: time.Millisecond, Paths: cases.PairwisePaths,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	bed.Containers = true
	if diff := cmp.Diff(s.Timing.InContainers(), (&Run{Bed: bed}).Config(s, chosen, nil, "").Timing); diff != "" {
		t.Errorf("timing in containers (-want +got):\n%s", diff)
	}
	if got := (&Run{Bed: bed}).Config(Settings{}, chosen, nil, "").Seed; got == 0 {
		t.Error("without a seed it is 0")
	}
}

func TestFit(t *testing.T) {
	for _, fatal := range []bool{false, true} {
		var said []string
		r := &Run{Say: func(line string) { said = append(said, line) }, Bed: &testbed.Testbed{
			Cluster:   cluster{},
			Preflight: func(context.Context, clusters.Needs) ([]string, bool) { return []string{"a", "b"}, fatal },
		}}
		err := r.Fit(t.Context(), r.Config(Defaults(), nil, nil, ""))
		var unfit *testbed.UnfitError
		if errors.As(err, &unfit) != fatal || fatal != (err != nil) || fatal != (len(said) == 0) {
			t.Errorf("fatal %v: error %v, said %q", fatal, err, said)
		}
		if all := append(said, strings.Split(errorText(err), "\n")...); !strings.HasPrefix(strings.Join(all, ","), "a,b") {
			t.Errorf("fatal %v: %q", fatal, all)
		}
	}
	if err := (&Run{Bed: &testbed.Testbed{}}).Fit(t.Context(), runner.Config{}); err != nil {
		t.Errorf("a cluster made for runs: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// The first fixture set says how long the cluster took; of one that was there, nobody knows.
func TestReportKnowsItsTestbed(t *testing.T) {
	image, made := 1.5, 20.0
	for _, wasThere := range []bool{false, true} {
		var said []string
		r := &Run{
			Say: func(line string) { said = append(said, line) },
			Bed: &testbed.Testbed{Began: time.Now().Add(-time.Minute), WasThere: wasThere, ImageSeconds: &image, ClusterSeconds: &made},
		}
		r.Event(runner.Event{Kind: runner.RunStarted})
		r.Event(runner.Event{Kind: runner.FixtureReady})
		r.Event(runner.Event{Kind: runner.FixtureReady})
		r.Event(runner.Event{Kind: runner.Trouble, Message: "x"})
		if len(said) != 2 || !strings.HasPrefix(said[0], "cluster, engine and first 9 pods ready after 60.") || said[1] != "trouble: x" {
			t.Errorf("said %q", said)
		}
		dir := filepath.Join(t.TempDir(), "out")
		var cfg runner.Config
		if err := r.Record(dir, &cfg); err != nil {
			t.Fatal(err)
		}
		cfg.Record(&v1.Note{Text: "on its way"})
		var recorded v1.Run
		if whole, err := reports.Read(dir, &recorded); err != nil || whole || len(recorded.Notes) != 1 {
			t.Errorf("while the run goes on: whole %v, error %v, %+v", whole, err, recorded)
		}
		if err := r.Write(&v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema}}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, reports.RunFile))
		if err != nil {
			t.Fatal(err)
		}
		var run v1.Run
		if err := json.Unmarshal(text, &run); err != nil {
			t.Fatal(err)
		}
		if (run.LabReady == nil) != wasThere || run.ImageSeconds == nil || *run.ImageSeconds != image || *run.ClusterSeconds != made {
			t.Errorf("was there %v: ready %v, image %v, cluster %v", wasThere, run.LabReady, run.ImageSeconds, run.ClusterSeconds)
		}
	}
}

// Each flag sets a field.
func TestSettings(t *testing.T) {
	s, set := Defaults(), pflag.NewFlagSet("", pflag.ContinueOnError)
	s.Register(set, Parallel)
	args := []string{
		"--parallel=5", "--seed=7", "--out=o", "--probe-timeout=1s", "--hold=2s", "--deadline=3s", "--sentinel=5ms", "--run-unsupported", "--fail-fast",
		"--skip=a-*=issue 1", "--shard=2/3", "--resume=r", "--paths=all",
	}
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Timing:      runner.Timing{Timeout: time.Second, Hold: 2 * time.Second, Deadline: 3 * time.Second},
		FixtureSets: 5, Seed: 7, Out: "o", RunUnsupported: true, FailFast: true, Sentinel: Sentinel{true, 5 * time.Millisecond},
		Skip: runner.Skips{{Cases: "a-*", Reason: "issue 1"}}, Shard: runner.Shard{I: 2, N: 3}, Resume: "r",
		Paths: cases.AllPaths,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			t.Errorf("--%s is not in this test", f.Name)
		}
	})
	s.FixtureSets = 0
	if err := s.Check("-fixture-sets"); err == nil || !strings.HasPrefix(err.Error(), "-fixture-sets 0: ") {
		t.Errorf("no fixture set: %v", err)
	}
	if err := set.Parse([]string{"--sentinel=-1s"}); err == nil || !strings.Contains(err.Error(), "above 0") || s.Sentinel.Every != 5*time.Millisecond {
		t.Errorf("a time before the last packet: %v, %v", err, s.Sentinel)
	}
}

// On a cluster that was there, node ports are asked for by nobody but the user and the cases.
func TestPathsByPlace(t *testing.T) {
	for _, tc := range []struct {
		given        cases.PathChoice
		ours, theirs cases.PathChoice // in a cluster that the run makes, and in one that was there
	}{
		{"", cases.PairwisePaths, cases.OwnPaths},
		{cases.CasePaths, cases.CasePaths, cases.CasePaths},
		{cases.PairwisePaths, cases.PairwisePaths, cases.PairwisePaths},
	} {
		s := Defaults()
		s.Paths = tc.given
		for wasThere, want := range map[bool]cases.PathChoice{false: tc.ours, true: tc.theirs} {
			r := Run{Bed: &testbed.Testbed{Cluster: cluster{}, WasThere: wasThere}}
			if got := r.Config(s, nil, nil, "").Paths; got != want {
				t.Errorf("given %q, a cluster that was there %v: %q, want %q", tc.given, wasThere, got, want)
			}
		}
	}
}

// What the user says counts everywhere, also when it is what another place would do.
func TestSentinelByPlace(t *testing.T) {
	for _, tc := range []struct {
		given             string
		processes, inside time.Duration // where pods are processes, and containers
	}{
		{"", time.Millisecond, 10 * time.Millisecond},
		{"1ms", time.Millisecond, time.Millisecond},
		{"0", 0, 0},
	} {
		s := Defaults()
		if tc.given != "" {
			if err := s.Sentinel.Set(tc.given); err != nil {
				t.Fatal(err)
			}
		}
		for containers, want := range map[bool]time.Duration{false: tc.processes, true: tc.inside} {
			r := Run{Bed: &testbed.Testbed{Cluster: cluster{}, Containers: containers}}
			if got := r.Config(s, nil, nil, "").Sentinel; got != want {
				t.Errorf("given %q, containers %v: %v, want %v", tc.given, containers, got, want)
			}
		}
	}
}
