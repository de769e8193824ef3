package run

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/measure"
	"github.com/netassay/netassay/scale/profile"
)

// PodChurn is hollow pods that come and go by the clock while nothing else changes.
type PodChurn struct {
	Rate float64       // events per second that a watcher of pods sees
	For  time.Duration // 0: none
}

// syncsMetric is the reference enforcer's: how often it looked at what is to be in force.
const syncsMetric = "npenf_sync_duration_seconds_count"

// podChurn replaces hollow pods and measures the processor time of the agent and its tools
// from the first event until it has come to rest after the last, per second of churn.
func (r *run) podChurn(ctx context.Context) error {
	want := r.cfg.PodChurn
	if want.For == 0 || r.node.agent() == nil {
		return nil
	}
	c := profile.Churn{
		Rate: want.Rate / load.RestartEvents, For: want.For, Mix: profile.Mix{Restart: 1}, Seed: r.cfg.Profile.Seed,
	}
	before, _ := r.meter.cpu()
	page, err := r.meter.page(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	done, err := r.changeLoad(ctx, r.churning().Schedule(c))
	if err != nil {
		return err
	}
	took := time.Since(start)
	if done.failed > 0 {
		r.note("pod churn: %d of %d changes failed: %s", done.failed, done.changes, done.err)
	}
	if err := r.rest(ctx, v1.PhasePodChurn); err != nil {
		return err
	}
	after, ok := r.meter.cpu()
	if !ok {
		return fmt.Errorf("the agent has ended: see its log")
	}
	r.podChurned(after.Minus(before), took)
	r.reading(v1.PhasePodChurn, 0, v1.Events, v1.UnitRate, done.reached*load.RestartEvents)
	r.reading(v1.PhasePodChurn, 0, v1.EventsWanted, v1.UnitRate, want.Rate)
	later, err := r.meter.page(ctx)
	if n, ok := later.Sum(syncsMetric, "stage", "compute"); ok {
		before, _ := page.Sum(syncsMetric, "stage", "compute")
		r.reading(v1.PhasePodChurn, 0, "syncs", "", n-before)
	}
	return err
}

// podChurned keeps processor time in percent of one core.
func (r *run) podChurned(spent measure.CPU, took time.Duration) {
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / took.Seconds() }
	r.reading(v1.PhasePodChurn, 0, v1.CPUShare, v1.UnitPercent, percent(spent.Total()))
	r.reading(v1.PhasePodChurn, 0, "cpu-share-tools", v1.UnitPercent, percent(spent.Children))
}
