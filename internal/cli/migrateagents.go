package cli

import (
	"context"
	"strings"
	"time"

	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/testbed"
)

// agentsEvery is how often it is asked which engines' agents run on a cluster of somebody's.
const agentsEvery = 5 * time.Second

// roll is what is told of the agents of a cluster's engines while somebody changes them.
type roll struct {
	cluster *existing.Cluster // nil where nobody knows of agents
	record  func(...v1.Record)
	say     func(string)
	told    string
}

func rollOf(t *testbed.Testbed, record func(...v1.Record), say func(string)) *roll {
	r := &roll{record: record, say: say}
	r.cluster, _ = t.Cluster.(*existing.Cluster)
	return r
}

// engines is one line about the engines that are there.
func (r *roll) engines(ctx context.Context) string {
	if r.cluster == nil {
		return ""
	}
	return existing.Believed(r.cluster.Engines(ctx, registry.Profiles()))
}

// call tells what has changed since the last call.
func (r *roll) call(ctx context.Context) {
	line := r.line(ctx)
	if line == r.told || ctx.Err() != nil {
		return
	}
	r.told = line
	r.say(line)
	r.record(&v1.Fault{Phase: "agents", What: line, At: probe.Now()})
}

// line says which engines are there, and which nodes each has no ready agent on.
func (r *roll) line(ctx context.Context) string {
	engines, err := r.cluster.Engines(ctx, registry.Profiles())
	if err != nil || len(engines) == 0 {
		return existing.Believed(engines, err)
	}
	var all []string
	for _, e := range engines {
		text := e.Name + " (" + e.Evidence + ")"
		switch nodes, err := r.cluster.Waiting(ctx, e); {
		case err != nil:
			text += ": " + err.Error()
		case len(nodes) > 0:
			text += ": no agent is ready on " + render.FirstOf(nodes, mostNodes, len(nodes))
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// orphans records what is left in the API of engines that are no longer there.
func (r *roll) orphans(ctx context.Context) {
	if r.cluster == nil {
		return
	}
	left, err := r.cluster.Orphans(ctx, registry.Profiles())
	if err != nil {
		r.record(&v1.Note{Text: "what engines left in the API is not known: " + err.Error()})
	}
	for _, o := range left {
		r.record(&v1.Leftover{Engine: o.Engine, Kind: o.Kind, Count: len(o.Names), Names: o.Names[:min(mostNodes, len(o.Names))]})
	}
}

// mostNodes are named in a line.
const mostNodes = 10

// until calls the roll until over or ctx is done.
func (r *roll) until(ctx context.Context, over <-chan time.Time) {
	tick := time.NewTicker(agentsEvery)
	defer tick.Stop()
	for {
		if r.cluster != nil {
			r.call(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-tick.C:
		}
	}
}
