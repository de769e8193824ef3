package runner

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/judge"
)

// round is one set of probes and the live controls beside them.
type round struct {
	live     map[controlKey]bool // reached; a control that was not is absent
	asked    map[controlKey]bool
	up       map[endpoint]bool // whose network was seen to work, by whatever probe
	servers  map[endpoint]bool // whose own controls show that they are up
	open     bool              // more controls will be asked
	controls int               // batches of controls that have not reported yet
	waiting  []arrival         // negative observations, which mean nothing without the controls
}

// controlKey names a control by a cell without its client: this server takes this kind of
// probe.
type controlKey cases.Cell

// serverOf is the control of a cell's server.
func serverOf(k cases.Cell) controlKey {
	k.Client = ""
	return controlKey(k)
}

// upOf is the control that shows a pod up for cells of this kind: by the pod path, which
// has no middleman.
func upOf(pod string, k cases.Cell) controlKey {
	return controlKey{Server: pod, Family: k.Family, Kind: cases.Kind{Probe: k.Probe, Path: cases.PathPod}}
}

// endpoint is a pod or node in one family.
type endpoint struct {
	key    string
	family model.Family
}

func from(k cases.Cell) endpoint { return endpoint{k.Client, k.Family} }
func to(k cases.Cell) endpoint   { return endpoint{k.Server, k.Family} }

type arrival struct {
	cell   *cell
	obs    probe.Observation
	ends   ends
	handed time.Duration
}

// ends are the names of both ends as they were when the probe was sent.
type ends struct{ client, server string }

// batch is one call of the prober: targets of one client that were sent at once.
type batch struct {
	round    *round
	client   string
	handed   time.Duration
	targets  []probe.Target
	cells    []*cell // of the targets, or
	controls []controlKey
	ends     []ends
	obs      []probe.Observation
	err      error
}

// batchKey splits a round into calls: by client, and what should be answered from what
// should not, because a call returns when its last target does.
type batchKey struct {
	client string
	silent bool
}

// newRound is a round over these cells.
func newRound(cells []*cell) *round {
	r := &round{
		live: map[controlKey]bool{}, asked: map[controlKey]bool{}, up: map[endpoint]bool{}, servers: map[endpoint]bool{},
	}
	for _, c := range cells {
		r.servers[to(c.key)] = true
	}
	return r
}

// sweep is a round over all cells that is launched in slices.
type sweep struct {
	round  *round
	slices [sliceCount][]*cell
	next   int // slice
}

// newSweep slices diagonally: every server and every client has a part in every slice, so
// that a hole which is one pod's is not missed because it was not that pod's turn.
func newSweep(cells []*cell) *sweep {
	s := &sweep{round: newRound(cells)}
	clients, servers := numbering{}, numbering{}
	for _, c := range cells {
		i := (clients.of(c.key.Client) + servers.of(c.key.Server)) % sliceCount
		s.slices[i] = append(s.slices[i], c)
	}
	return s
}

// numbering numbers names in the order in which they come.
type numbering map[string]int

func (n numbering) of(name string) int {
	i, ok := n[name]
	if !ok {
		i = len(n)
		n[name] = i
	}
	return i
}

// closeSweep ends a round over all cells early. The clients that were to be shown up in
// the slices that are not sent any more get controls of their own.
func (w *watch) closeSweep(ctx context.Context, now time.Duration) {
	if w.sweep == nil {
		return
	}
	r, controls := w.sweep.round, map[string]*batch{}
	for _, slice := range w.sweep.slices[w.sweep.next:] {
		for _, c := range slice {
			if p := w.pod(c.key.Server); p != nil && !cases.IsNodeKey(c.key.Server) {
				w.control(r, controls, p, upOf(c.key.Server, c.key))
			}
		}
	}
	r.controls += len(controls)
	for _, b := range controls {
		w.send(ctx, now, *b)
	}
	r.open, w.sweep = false, nil
	w.settleControls(r)
}

// launch sends probes to those cells whose pods can be reached, as a part of round r, and
// the live controls of their servers beside them. A client shows that it is up as a server
// of the same round; where it is none, it has a control of its own.
func (w *watch) launch(ctx context.Context, now time.Duration, r *round, cells []*cell) {
	batches := map[batchKey]*batch{}
	controls := map[string]*batch{}
	for _, c := range cells {
		client, server := w.pod(c.key.Client), w.pod(c.key.Server)
		if client == nil || server == nil {
			continue
		}
		addr := server.addr(c.key.Path, c.key.Family)
		if !addr.IsValid() {
			continue
		}
		w.control(r, controls, server, serverOf(c.key))
		if !cases.IsNodeKey(c.key.Client) && !r.servers[from(c.key)] {
			r.servers[from(c.key)] = true
			w.control(r, controls, client, upOf(c.key.Client, c.key))
		}
		c.flow = model.Flow{
			Client: c.key.Family.First(client.ips), Server: c.key.Family.First(server.ips),
			Protocol: c.key.Probe.Protocol, Port: c.key.Probe.Port,
		}
		c.pending = append(c.pending, now)
		key := batchKey{client.prober, c.judge.Want == model.Deny}
		b := at(batches, key, func() *batch { return &batch{round: r, client: key.client} })
		b.cells = append(b.cells, c)
		b.add(w.patienceWith(c), c.key.Server, addr, c.key.Probe)
		b.ends = append(b.ends, ends{client.prober, server.prober})
	}
	r.controls += len(controls)
	for _, b := range controls {
		w.send(ctx, now, *b)
	}
	for _, b := range batches {
		w.send(ctx, now, *b)
	}
}

// patienceWith is how long to wait for the answer to a probe of the cell.
func (w *watch) patienceWith(c *cell) time.Duration {
	if c.judge.Want == model.Deny {
		return w.timing.Silence
	}
	return w.timing.Timeout
}

// control adds the live control of a server to the round, once.
func (w *watch) control(r *round, batches map[string]*batch, server *pod, k controlKey) {
	addr := server.addr(k.Path, k.Family)
	if r.asked[k] || !addr.IsValid() {
		return
	}
	r.asked[k] = true
	b := at(batches, server.control, func() *batch { return &batch{round: r, client: server.control} })
	b.controls = append(b.controls, k)
	b.add(w.timing.Timeout, k.Server, addr, k.Probe)
}

// add adds a target. Agnhost serves pods, the nodes' own network is served by probers.
func (b *batch) add(timeout time.Duration, server string, addr netip.Addr, p cases.Probe) {
	b.targets = append(b.targets, probe.Target{
		Cell: len(b.targets), Addr: netip.AddrPortFrom(addr, p.Port), Protocol: string(p.Protocol),
		Timeout: timeout,
		Bare:    fixture.ServedBy(p) == fixture.AgnhostContainer && !cases.IsNodeKey(server),
	})
}

// send hands a batch to its client's prober; the answer comes through results.
func (w *watch) send(ctx context.Context, now time.Duration, b batch) {
	b.handed = now
	w.batchesInFlight++
	w.probesInFlight += len(b.targets)
	w.probes += len(b.targets)
	go func() {
		b.obs, b.err = w.prober.Probe(ctx, b.client, b.targets)
		w.results <- b
	}()
}

// receive takes in what a batch saw.
func (w *watch) receive(b batch) {
	w.batchesInFlight--
	w.probesInFlight -= len(b.targets)
	if b.controls != nil {
		w.receiveControls(b)
		return
	}
	w.learnLag(b)
	for i, c := range b.cells {
		got := arrival{c, observation(b, i), b.ends[i], b.handed}
		if got.obs.Result == probe.Connected { // which proves the networks of both ends
			b.round.up[from(c.key)], b.round.up[to(c.key)] = true, true
		}
		if !b.round.known() && got.obs.Result != probe.Connected {
			b.round.waiting = append(b.round.waiting, got)
			continue
		}
		w.take(b.round, got)
	}
}

func (w *watch) receiveControls(b batch) {
	w.learnTurn(b)
	for i, k := range b.controls {
		if observation(b, i).Result == probe.Connected {
			b.round.live[k] = true
			b.round.up[endpoint{k.Server, k.Family}] = true
		}
	}
	b.round.controls--
	w.settleControls(b.round)
}

// known reports whether all controls of the round have reported.
func (r *round) known() bool { return r.controls == 0 && !r.open }

// settleControls takes what has waited for the controls, once they are known.
func (w *watch) settleControls(r *round) {
	if !r.known() {
		return
	}
	for _, got := range r.waiting {
		w.take(r, got)
	}
	r.waiting = nil
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
}

// take adds an observation to its cell.
func (w *watch) take(r *round, got arrival) {
	c, o := got.cell, got.obs
	if n := slices.Index(c.pending, got.handed); n >= 0 {
		c.pending = slices.Delete(c.pending, n, n+1)
	}
	c.judge.Server = got.ends.server
	c.judge.Observations = append(c.judge.Observations, judge.Observation{
		Result: judge.Result(o.Result), Err: o.Err, Sent: o.Sent, Done: o.Done,
		Delivered: o.Receiver != "" && o.Receiver == got.ends.server,
		Answered:  o.Answered,
		Server:    r.state(serverOf(c.key)),
		Client:    r.clientState(c.key),
	})
	c.ends, c.nonces = append(c.ends, got.ends), append(c.nonces, o.Nonce)
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
		if err := w.prober.Late(c.nonces[i], o.Done); err != nil {
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

func (r *round) state(k controlKey) judge.Control {
	switch {
	case r.live[k]:
		return judge.ControlLive
	case r.asked[k]:
		return judge.ControlDead
	}
	return judge.ControlMissing
}

// clientState is whether the client's network was up. A node's own prober is as alive as
// the observation that it gave: nothing stands between it and the network of its node.
func (r *round) clientState(k cases.Cell) judge.Control {
	switch {
	case cases.IsNodeKey(k.Client) || r.up[from(k)]:
		return judge.ControlLive
	case r.servers[from(k)]:
		return judge.ControlDead
	}
	return judge.ControlMissing
}

// addr is where the pod is reached by a path.
func (p *pod) addr(path cases.Path, family model.Family) netip.Addr {
	if path == cases.PathService {
		return family.First(p.services)
	}
	return family.First(p.ips)
}

// at is m[k], made when it is missing.
func at[K comparable, V any](m map[K]*V, k K, make func() *V) *V {
	v, ok := m[k]
	if !ok {
		v = make()
		m[k] = v
	}
	return v
}
