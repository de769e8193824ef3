package run

import (
	"context"
	"errors"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/load"
)

// PodChurnPhase is the name of its phase.
const PodChurnPhase = "pod churn"

// PodChurn is hollow pods that come and go by the clock while nothing else changes.
type PodChurn struct {
	Rate float64       // events per second that a watcher of pods sees
	For  time.Duration // 0: none
}

// syncsMetric is the reference enforcer's: how often it looked at what is to be in force.
const syncsMetric = "npenf_sync_duration_seconds_count"

// podChurn replaces hollow pods and measures the processor time of the agent and its tools
// from the first event until it has come to rest after the last, per second of churn.
type podChurn struct {
	*traffic
	load *population
	PodChurn
	seed uint64
}

func (p podChurn) Execute(ctx context.Context) error {
	if p.For == 0 || p.node.agent() == nil {
		return nil
	}
	before, _ := p.meter.cpu()
	page, err := p.meter.page(ctx)
	if err != nil {
		return err
	}
	c := load.Churn{Rate: p.Rate / load.RestartEvents, For: p.For, Kinds: []load.Kind{load.RestartPods}, Seed: p.seed}
	done, err := change(ctx, p.writer.Write, p.load.schedule(c))
	if err != nil {
		return err
	}
	if done.failed > 0 {
		p.note("pod churn: %d of %d changes failed: %s", done.failed, done.changes, done.err)
	}
	if err := p.atRest(ctx, v1.PhasePodChurn); err != nil {
		return err
	}
	after, ok := p.meter.cpu()
	if !ok {
		return errors.New("the agent has ended: see its log")
	}
	spent := after.Minus(before)
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / done.took.Seconds() }
	p.reading(v1.PhasePodChurn, 0, v1.CPUShare, v1.UnitPercent, percent(spent.Total()))
	p.reading(v1.PhasePodChurn, 0, "cpu-share-tools", v1.UnitPercent, percent(spent.Children))
	p.reading(v1.PhasePodChurn, 0, v1.Events, v1.UnitRate, done.reached*load.RestartEvents)
	p.reading(v1.PhasePodChurn, 0, v1.EventsWanted, v1.UnitRate, p.Rate)
	later, err := p.meter.page(ctx)
	if n, ok := later.Sum(syncsMetric, "stage", "compute"); ok {
		synced, _ := page.Sum(syncsMetric, "stage", "compute")
		p.reading(v1.PhasePodChurn, 0, "syncs", "", n-synced)
	}
	return err
}
