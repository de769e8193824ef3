package conformance

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// Run is a run on a testbed.
type Run struct {
	Bed *testbed.Testbed
	Say func(line string) // progress
	// Watch, when not nil, sees each record that the run leaves; it must take no time.
	Watch func(v1.Record)

	dir   *reports.Directory
	ready atomic.Pointer[float64] // seconds from the start of the cluster to the first fixture set
}

// Config is what the runner is given, but for what it reaches the cluster by. A run that goes on
// with another has its seed.
func (r *Run) Config(s Settings, chosen []cases.Case, before *v1.Run, tool string) runner.Config {
	t := r.Bed
	s.Timing.Deadline = r.deadline(s.Timing.Deadline)
	if t.Containers {
		s.Timing = s.Timing.InContainers()
	}
	if before != nil && s.Seed == 0 {
		s.Seed = before.Seed
	}
	var explain func(context.Context, model.Flow) ([]string, error)
	if t.Explainer != nil {
		explain = t.Explainer.Explain
	}
	return runner.Config{
		Cluster: t.Cluster, Cases: chosen, Engine: t.Engine, EngineVersion: t.EngineVersion, Unsupported: t.Unsupported, RestartEngine: t.RestartEngine, Explain: explain, Settle: t.Settle,
		RunUnsupported: s.RunUnsupported, RunID: runner.NewID(), Tool: tool, Seed: runner.SeedOr(s.Seed), Parallel: s.FixtureSets,
		Paths: s.paths(t.WasThere), FailFast: s.FailFast, Sentinel: s.Sentinel.in(t.Containers), Skip: s.Skip, Resumed: before, Timing: s.Timing, Keep: t.Keep, Restricted: t.Restricted, PullSecret: t.PullSecret,
		Events: r.Event, Processor: processor,
	}
}

// deadline is what the user chose, else what an engine asks for that says itself that it is slow: a
// delay that is documented is told by its length, not by a verdict. 0 is the default.
func (r *Run) deadline(chosen time.Duration) time.Duration {
	if chosen > 0 || r.Bed.Slow == nil {
		return chosen
	}
	after, why := r.Bed.Slow.Patience()
	r.Say(fmt.Sprintf("engine %s has %s for each step: %s (--deadline sets another time)", r.Bed.Engine, after, why))
	return after
}

// Fit tells what the cluster lacks for a run. It is a *testbed.UnfitError when that is too
// much.
func (r *Run) Fit(ctx context.Context, cfg runner.Config) error {
	return r.Bed.Fit(ctx, func() clusters.Needs { return runner.Needs(cfg) }, r.Say)
}

// Connect gives cfg a client and probers of its own, which free ends.
func Connect(cfg *runner.Config) (free func() error, err error) {
	client, err := kubernetes.NewForConfig(cfg.Cluster.REST())
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	fleet := probe.NewFleet()
	cfg.Client, cfg.Fleet = client, fleet
	return fleet.Close, nil
}

// Record begins the result directory, in which cfg's run leaves what it finds as it goes on.
func (r *Run) Record(dir string, cfg *runner.Config) (err error) {
	if r.dir, err = reports.Open(dir, r.Watch); err != nil {
		return err
	}
	cfg.Record = r.dir.Append
	return nil
}

// Event tells of what is worth a line on any terminal.
func (r *Run) Event(e runner.Event) {
	switch e.Kind {
	case runner.FixtureReady:
		if seconds := time.Since(r.Bed.Began).Seconds(); r.ready.CompareAndSwap(nil, &seconds) {
			r.Say(fmt.Sprintf("cluster, engine and first 9 pods ready after %.1f s", seconds))
		}
	case runner.Trouble:
		r.Say("trouble: " + e.Message)
	case runner.RunStarted, runner.CaseStarted, runner.CaseEnded:
	}
}

// Write completes a report by what only the testbed knows, and ends the result directory with
// all that is derived from it.
func (r *Run) Write(report *v1.Run) error {
	if !r.Bed.WasThere {
		report.LabReady = r.ready.Load()
	}
	report.ImageSeconds, report.ClusterSeconds = r.Bed.ImageSeconds, r.Bed.ClusterSeconds
	return r.dir.Conformance(report)
}
