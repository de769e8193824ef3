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
)

// round is one set of probes and the live controls beside them.
type round struct {
	live     map[controlKey]bool // reached; a control that was not is absent
	asked    map[controlKey]bool
	up       map[endpoint]bool      // whose network was seen to work, by whatever probe
	servers  map[endpoint]bool      // whose own controls show that they are up
	proxies  map[controlKey]bool    // proxyOf a node through which a Service was reached
	self     map[controlKey]bool    // of suspects: reached by itself
	own      map[controlKey]arrival // of suspects: what their own node saw
	controls int                    // batches of controls that have not reported yet
	waiting  []arrival              // negative observations, which mean nothing without the controls
	first    bool                   // a baseline's first look, without controls
}

// controlKey names a control by a cell without its client: this server takes this kind of
// probe.
type controlKey cases.Cell

// serverOf is the control of a cell's server.
func serverOf(k cases.Cell) controlKey {
	k.Client, k.Held, k.Probe = "", "", k.Probe.Plain()
	if k.Path.ByNode() {
		k.Path = cases.PathNodePort // from its own node, at its own node
	}
	return controlKey(k)
}

// upOf is the control that shows a pod up for cells of this kind: by the pod path, which
// has no middleman.
func upOf(pod string, k cases.Cell) controlKey {
	return controlKey{Server: pod, Family: k.Family, Kind: cases.Kind{Probe: k.Probe.Plain(), Path: cases.PathPod}}
}

// proxyOf is the control that shows a node's kube-proxy at work for cells of this kind: its
// Server is the node. A client's silence through a Service means little unless that of its
// own node is, whatever the server's node says. A host outside has no node: the kube-proxy of the
// one that it dials is shown by the cluster IP of some pod there.
func proxyOf(node string, k cases.Cell) controlKey {
	path := serverOf(k).Path
	if isOutside(k.Client) {
		path = cases.PathService
	}
	return controlKey{Server: node, Family: k.Family, Kind: cases.Kind{Path: path}}
}

// proxiedElsewhere reports whether a cell goes by the kube-proxy of another node than the server's:
// of its client's, or of one that a host outside dials. A node port of the server's node goes by
// that one, as the server's own control does.
func proxiedElsewhere(k cases.Cell) bool {
	return !cases.IsNodeKey(k.Client) && (k.Path == cases.PathService || k.Path.Remote())
}

func isOutside(key string) bool { return cases.WorldAddr(key).IsValid() }

// proxyNode is the key of the node by whose kube-proxy such a cell goes, "" when its pod is gone.
func (w *watch) proxyNode(k cases.Cell) string {
	if !isOutside(k.Client) {
		return w.nodeOf(k.Client)
	}
	if own := w.nodeOf(k.Server); own != "" {
		return cases.RemoteNode(own)
	}
	return ""
}

// endpoint is a pod or node in one family.
type endpoint struct {
	key    string
	family model.Family
}

func from(k cases.Cell) endpoint { return endpoint{k.Client, k.Family} }
func to(k cases.Cell) endpoint   { return endpoint{k.Server, k.Family} }

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
	self     bool // of controls: a pod's of itself
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
		proxies: map[controlKey]bool{},
		self:    map[controlKey]bool{}, own: map[controlKey]arrival{},
	}
	for _, c := range cells {
		if !c.trusted() {
			r.servers[to(c.key)] = true
		}
	}
	return r
}

// sweep is what a round over all cells has still to launch. Each slice of it is a round with
// controls of its own: what was alive a while ago proves little.
type sweep struct {
	slices [sliceCount][]*cell
	next   int // slice
}

// newSweep slices by what one control is for: each port of a server is in one slice, with all
// its clients, or in several when the server has few ports. Every server has a part in every
// slice, and most clients: a hole which is one pod's is not missed because it was not that
// pod's turn.
func newSweep(cells []*cell) *sweep {
	s := &sweep{}
	clients, servers, ports := numbering[string]{}, numbering[string]{}, map[string]numbering[controlKey]{}
	for _, c := range cells {
		if ports[c.key.Server] == nil {
			ports[c.key.Server] = numbering[controlKey]{}
		}
		ports[c.key.Server].of(serverOf(c.key))
	}
	for _, c := range cells {
		own := ports[c.key.Server]
		parts := (sliceCount + len(own) - 1) / len(own)
		i := servers.of(c.key.Server) + own.of(serverOf(c.key)) + len(own)*(clients.of(c.key.Client)%parts)
		s.slices[i%sliceCount] = append(s.slices[i%sliceCount], c)
	}
	return s
}

// numbering numbers things in the order in which they come.
type numbering[T comparable] map[T]int

func (n numbering[T]) of(name T) int {
	i, ok := n[name]
	if !ok {
		i = len(n)
		n[name] = i
	}
	return i
}

// launch sends probes to those cells whose pods can be reached, as a part of round r, and
// the live controls beside them.
func (w *watch) launch(ctx context.Context, now time.Duration, r *round, cells []*cell) {
	batches := map[batchKey]*batch{}
	controls := map[string]*batch{}
	r.first = w.firstLook(cells)
	for _, c := range cells {
		client, server := w.pod(c.key.Client), w.pod(c.key.Server)
		if client == nil || server == nil || c.key.Held != "" && len(c.pending) > 0 {
			continue
		}
		addr := dial(w.pod, client.node, server, c.key)
		form := c.key.Probe.Form
		claimed := form.Claimed(c.key.Family, w.addresses)
		if !addr.IsValid() || claimed.IsValid() != (form.Claims() != "") {
			continue
		}
		if !r.first && !c.trusted() {
			w.controlsOf(r, controls, c.key, client, server)
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
		target := &b.targets[len(b.targets)-1]
		target.From, target.Open = cases.WorldAddr(c.key.Client), c.opens
		if target.Form = probe.Form(form); claimed.IsValid() {
			target.From, target.Form = claimed, probe.FormForged
		}
		if c.key.Held != "" {
			target.Flow = w.flow(c.key)
		}
		b.ends = append(b.ends, ends{client.prober, server.prober})
	}
	w.sendControls(ctx, now, r, controls)
	for _, b := range batches {
		w.send(ctx, now, *b)
	}
}

// addresses are those of a pod or node, none when it can't be probed.
func (w *watch) addresses(key string) []netip.Addr {
	if p := w.pod(key); p != nil {
		return p.ips
	}
	return nil
}

// firstLook reports whether a round is a baseline's first, which needs no controls: nobody is
// judged by it, and where all should be allowed, an answer is its own proof. What has not
// answered is looked at again.
func (w *watch) firstLook(cells []*cell) bool {
	return w.window.Hold == 0 && !slices.ContainsFunc(cells, func(c *cell) bool { return len(c.judge.Observations) > 0 })
}

// controlsOf adds those live controls of both ends of a cell that the round has not yet. A client shows that it is up as a
// server of the same round; where it is none, it has a control of its own. One that goes
// through a Service shows by its own one that its node's kube-proxy is at work.
func (w *watch) controlsOf(r *round, controls map[string]*batch, k cases.Cell, client, server *pod) {
	w.control(r, controls, server, serverOf(k))
	if !cases.IsNodeKey(k.Client) && !r.servers[from(k)] {
		r.servers[from(k)] = true
		w.control(r, controls, client, upOf(k.Client, k))
	}
	switch {
	case !proxiedElsewhere(k):
	case isOutside(k.Client):
		w.witness(r, controls, k)
	default:
		own := k
		own.Server = k.Client
		w.control(r, controls, client, serverOf(own))
	}
}

// witness adds a control for the kube-proxy of the node that a host outside dials: the first pod
// there that has its own Service.
func (w *watch) witness(r *round, controls map[string]*batch, k cases.Cell) {
	node := w.proxyNode(k)
	for _, fixed := range cases.FixturePods() {
		p := w.pod(fixed.Key())
		if p == nil || p.node != node || p.own != nil {
			continue
		}
		k.Server, k.Path = p.key, cases.PathService
		w.control(r, controls, p, serverOf(k))
		return
	}
}

// patienceWith is how long to wait for the answer to a probe of the cell.
func (w *watch) patienceWith(c *cell) time.Duration {
	if c.judge.Want == model.Deny {
		return w.timing.Silence
	}
	return w.timing.Timeout
}

// control adds the live control of a server to the round, once; and when its own node did not
// reach it lately, one of the server by itself.
func (w *watch) control(r *round, batches map[string]*batch, server *pod, k controlKey) {
	addr := dial(w.pod, server.node, server, cases.Cell(k))
	if r.asked[k] || !addr.IsValid() {
		return
	}
	r.asked[k] = true
	by := func(prober string, self bool) {
		b := at(batches, prober, func() *batch { return &batch{round: r, client: prober, self: self} })
		b.controls = append(b.controls, k)
		b.add(w.timing.Timeout, k.Server, addr, k.Probe)
		b.ends = append(b.ends, ends{prober, server.prober})
	}
	by(server.control, false)
	if w.suspects[k] != nil {
		by(server.prober, true)
	}
}

// add adds a target. Agnhost serves pods, the nodes' own network is served by probers.
func (b *batch) add(timeout time.Duration, server string, addr netip.AddrPort, p cases.Probe) {
	b.targets = append(b.targets, probe.Target{
		Cell: len(b.targets), Addr: addr, Protocol: string(p.Protocol),
		Timeout: timeout, Size: int(p.Size),
		Bare: fixture.ServedBy(p) == fixture.AgnhostContainer && cases.IsPodKey(server),
	})
}

// sendControls sends controls of a round, which its negative observations then wait for.
func (w *watch) sendControls(ctx context.Context, now time.Duration, r *round, controls map[string]*batch) {
	r.controls += len(controls)
	for _, b := range controls {
		w.send(ctx, now, *b)
	}
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

// at is m[k], made when it is missing.
func at[K comparable, V any](m map[K]*V, k K, make func() *V) *V {
	v, ok := m[k]
	if !ok {
		v = make()
		m[k] = v
	}
	return v
}
