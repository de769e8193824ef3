package runner

import (
	"context"
	"slices"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

// arrival is an observation on its way to its cell.
type arrival struct {
	cell   *cell
	obs    probe.Observation
	ends   ends
	handed time.Duration
}

// receive takes in what a batch saw. What did not come through means nothing without controls:
// those that did not go along with it are asked now.
func (w *watch) receive(ctx context.Context, b batch) {
	w.batchesInFlight--
	w.probesInFlight -= len(b.targets)
	if b.controls != nil {
		w.receiveControls(b)
		return
	}
	w.learnLag(b)
	controls := map[string]*batch{}
	for i, c := range b.cells {
		got := arrival{c, observation(b, i), b.ends[i], b.handed}
		if got.obs.Result == probe.Connected {
			w.connected(b.round, c.key, got)
			w.take(b.round, got)
			continue
		}
		b.round.waiting = append(b.round.waiting, got)
		if client, server := w.pod(c.key.Client), w.pod(c.key.Server); !b.round.first && client != nil && server != nil {
			w.controlsOf(b.round, controls, c.key, client, server)
		}
	}
	w.sendControls(ctx, w.now(), b.round, controls)
	w.settleControls(b.round)
}

// connected notes what an answer proves: the networks of both ends, and who is alive.
func (w *watch) connected(r *round, k cases.Cell, got arrival) {
	r.up[from(k)], r.up[to(k)] = true, true
	if proxiedElsewhere(k) {
		r.proxies[proxyOf(w.proxyNode(k), k)] = true
	}
	if got.obs.Answered == "" || got.obs.Answered == got.ends.server {
		r.live[serverOf(k)] = true
	}
}

func (w *watch) receiveControls(b batch) {
	if !b.self {
		w.learnTurn(b)
	}
	for i, k := range b.controls {
		o := observation(b, i)
		if b.self {
			b.round.self[k] = o.Result == probe.Connected
			continue
		}
		if o.Result == probe.Connected {
			b.round.live[k] = true
			b.round.up[endpoint{k.Server, k.Family}] = true
			b.round.proxies[proxyOf(w.nodeOf(k.Server), cases.Cell(k))] = true
		}
		w.suspect(b.round, k, arrival{obs: o, ends: b.ends[i], handed: b.handed})
	}
	b.round.controls--
	w.settleControls(b.round)
}

// settleControls takes what has waited for the controls, once they are known.
func (w *watch) settleControls(r *round) {
	if r.controls > 0 {
		return
	}
	for _, got := range r.waiting {
		w.take(r, got)
	}
	r.waiting = nil
	w.takeSuspects(r)
}

// learnTurn keeps how long an answered probe takes from here and back, as controls show it
// that were all answered: quick to rise, slow to fall.
func (w *watch) learnTurn(b batch) {
	for i := range b.controls {
		if observation(b, i).Result != probe.Connected {
			return
		}
	}
	turn, known := int64(w.now()-b.handed), w.turn.Load()
	w.turn.Store(max(turn, (3*known+turn)/4)) // two watches may overlap; either will do
}

// learnLag keeps how far the probers are behind: quick to rise, slow to fall.
func (w *watch) learnLag(b batch) {
	lag := time.Duration(0)
	for i := range b.obs {
		lag = max(lag, b.obs[i].Sent-b.handed)
	}
	w.lag = max(lag, (3*w.lag+lag)/4)
	w.worst = max(w.worst, lag)
}

// take adds an observation to its cell.
func (w *watch) take(r *round, got arrival) {
	c := got.cell
	if n := slices.Index(c.pending, got.handed); n >= 0 {
		c.pending = slices.Delete(c.pending, n, n+1)
	}
	w.add(got, r.state(serverOf(c.key)), r.clientState(c.key, w.proxyNode(c.key)))
}

// add adds an observation with these controls to its cell.
func (w *watch) add(got arrival, server, client judge.Control) {
	c, o := got.cell, got.obs
	c.judge.Server = got.ends.server
	c.judge.Observations = append(c.judge.Observations, judge.Observation{
		Result: judge.Result(o.Result), Err: o.Err, Sent: o.Sent, Done: o.Done, Packets: o.Packets,
		Delivered: o.Receiver != "" && o.Receiver == got.ends.server,
		Answered:  o.Answered,
		Server:    server,
		Client:    client,
	})
	c.ends, c.seen = append(c.ends, got.ends), append(c.seen, o)
	w.doubt(c, len(c.ends)-1)
	c.progress = judge.Look(&c.judge, w.window)
}

// doubt takes back what was seen while the prober of one of both ends may have been away:
// that was the harness's doing, and is neither a block nor an allow. So is the silence of a
// server that is known by now to have read the probe too late.
func (w *watch) doubt(c *cell, first int) {
	for i := first; i < len(c.ends); i++ {
		o := &c.judge.Observations[i]
		if o.Result == judge.Inconclusive {
			continue
		}
		for _, name := range []string{c.ends[i].client, c.ends[i].server} {
			if err := w.prober.Interrupted(name, o.Sent, o.Done); err != nil {
				o.Result, o.Err = judge.Inconclusive, err.Error()
			}
		}
		if o.Result != judge.Dropped {
			continue
		}
		if err := w.prober.Late(c.seen[i]); err != nil {
			o.Result, o.Err = judge.Inconclusive, err.Error()
		}
	}
}

// observation is the i-th of a batch. A call that failed, or gave too few, saw nothing.
func observation(b batch, i int) probe.Observation {
	if b.err == nil && i < len(b.obs) {
		return b.obs[i]
	}
	o := probe.Observation{Cell: i, Result: probe.Inconclusive, Err: "the prober gave no observation", Sent: b.handed, Done: b.handed}
	if b.err != nil {
		o.Err = b.err.Error()
	}
	return o
}

func (r *round) state(k controlKey) judge.Control { return stateOf(r.live[k], r.asked[k]) }

// clientState is whether the client's network was up, and for a Service the kube-proxy of node. A
// node's own prober is as alive as the observation that it gave: nothing stands between it and the
// network of its node.
func (r *round) clientState(k cases.Cell, node string) judge.Control {
	if cases.IsNodeKey(k.Client) {
		return judge.ControlLive
	}
	return stateOf(r.up[from(k)] && (!proxiedElsewhere(k) || r.proxies[proxyOf(node, k)]), r.servers[from(k)])
}

// nodeOf is the key of a pod's node, "" of one that is gone.
func (w *watch) nodeOf(key string) string {
	if p := w.pod(key); p != nil {
		return p.node
	}
	return ""
}

// stateOf is the state of a control that was seen alive, or was asked at least.
func stateOf(alive, asked bool) judge.Control {
	switch {
	case alive:
		return judge.ControlLive
	case asked:
		return judge.ControlDead
	}
	return judge.ControlMissing
}
