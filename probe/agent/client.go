//go:build linux

package agent

import (
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// Bounds of the client loop.
const (
	maxInFlight = 2000 // probes at a time; each holds at most one descriptor
	startBatch  = 8    // probes begun before sockets are looked at again
)

// client makes probes. All of it runs in its loop.
type client struct {
	loop     *loop
	out      *outbox
	limit    int
	queue    []job
	inFlight map[*attempt]struct{}
	done     map[uint64][]wire.Observation // of this turn, by request
	ports    *portPicker
	sctp     map[family]*sctpClient
	noSCTP   string         // why there is none
	raw      map[family]int // sockets for packets with headers, once there was need
	flows    map[uint64]*heldFlow
}

// job is a probe that is to be made.
type job struct {
	id     uint64
	index  int
	target wire.Target
}

// attempt is a probe in flight.
type attempt struct {
	c *client
	job
	protocol protocol
	fd       int // -1: none of its own
	sent     time.Duration
	deadline time.Duration
	local    netip.AddrPort
	sends    sends
	timers   []*timer
	over     bool
}

// protocol is what differs between the protocols.
type protocol interface {
	// start gets ready and calls transmit.
	start(a *attempt)
	// send sends a packet of the attempt's flow: the first, or one more as the others
	// have not been answered.
	send(a *attempt)
	// lastLook is called at the deadline: an answer that is there counts, and the
	// attempt is over afterwards.
	lastLook(a *attempt)
}

func newClient(l *loop, out *outbox, seed uint64) *client {
	c := &client{
		loop: l, out: out, limit: maxInFlight, ports: newPortPicker(seed),
		inFlight: map[*attempt]struct{}{}, done: map[uint64][]wire.Observation{}, sctp: map[family]*sctpClient{},
		flows: map[uint64]*heldFlow{}, raw: map[family]int{},
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		// The rest is for listeners and what they accept.
		c.limit = max(1, min(c.limit, int(min(limit.Cur, 1<<20))/2))
	}
	for _, f := range []family{ipv4, ipv6} {
		s, err := openSCTPClient(c, f)
		if err != nil {
			c.noSCTP = fmt.Sprintf("SCTP probes need NET_RAW: %v", err)
			continue
		}
		c.sctp[f] = s
	}
	l.eachTurn = append(l.eachTurn, c.pump, c.flush)
	return c
}

// probe begins all targets of a request.
func (c *client) probe(id uint64, targets []wire.Target) {
	for i, t := range targets {
		c.queue = append(c.queue, job{id: id, index: i, target: t})
	}
}

// cancel drops what is left of a request.
func (c *client) cancel(id uint64) {
	kept := c.queue[:0]
	for _, j := range c.queue {
		if j.id != id {
			kept = append(kept, j)
		}
	}
	c.queue = kept
	for a := range c.inFlight {
		if a.id == id {
			a.release()
		}
	}
}

// pump begins waiting jobs, a few at a time.
func (c *client) pump() {
	n := 0
	for n < len(c.queue) && n < startBatch && len(c.inFlight) < c.limit {
		c.begin(c.queue[n])
		n++
	}
	c.queue = c.queue[n:]
	if len(c.queue) > 0 && len(c.inFlight) < c.limit {
		c.loop.post(func() {}) // another turn, without waiting
	}
}

func (c *client) begin(j job) {
	a := &attempt{c: c, job: j, fd: -1, sent: wire.Now()}
	c.inFlight[a] = struct{}{}
	if err := j.target.Check(); err != nil {
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	if j.target.Form == wire.FormLinkLocal {
		to, err := onLink()
		if err != nil {
			a.finish(wire.Inconclusive, "", err.Error())
			return
		}
		a.target.Addr = netip.AddrPortFrom(to, j.target.Addr.Port())
	}
	switch {
	case j.target.Form.Raw():
		a.protocol = &rawProbe{}
	case j.target.Flow != 0:
		a.protocol = &heldProbe{}
	case j.target.Protocol == wire.TCP:
		a.protocol = &tcpProbe{}
	case j.target.Protocol == wire.UDP:
		a.protocol = &udpProbe{}
	case j.target.Protocol == wire.SCTP:
		a.protocol = &sctpProbe{}
	case j.target.Protocol == wire.ICMP:
		a.protocol = &icmpProbe{}
	}
	a.protocol.start(a)
}

// arm starts the clock of the attempt, just before its first packet leaves.
func (a *attempt) arm() {
	a.sent = wire.Now()
	a.deadline = a.sent + a.target.Timeout
	a.at(a.deadline, func() { a.protocol.lastLook(a) })
}

// at has fire called at the given time, unless the attempt is over by then.
func (a *attempt) at(at time.Duration, fire func()) {
	a.timers = append(a.timers, a.c.loop.at(at, fire))
}

// fail ends the attempt with what err means.
func (a *attempt) fail(step string, err error) {
	result, text := describe(step, err)
	a.finish(result, "", text)
}

// silent ends the attempt that nothing came back to.
func (a *attempt) silent() {
	result, text := a.sends.silence(a)
	a.finish(result, "", text)
}

// finish ends the attempt and reports it, once.
func (a *attempt) finish(r wire.Result, answered, text string) {
	if a.over {
		return
	}
	a.release()
	a.c.done[a.id] = append(a.c.done[a.id], wire.Observation{
		Index: a.index, Result: r, Err: text, Sent: a.sent, Done: wire.Now(), Local: a.local, Answered: answered,
		Packets: a.sends.packets(),
	})
}

// release ends the attempt without a word.
func (a *attempt) release() {
	a.over = true
	for _, t := range a.timers {
		t.cancel()
	}
	if a.fd >= 0 {
		a.c.loop.close(a.fd)
	}
	delete(a.c.inFlight, a)
	if s, ok := a.protocol.(interface{ forget(*attempt) }); ok {
		s.forget(a)
	}
}

// flush reports what ended in this turn.
func (c *client) flush() {
	for id, obs := range c.done {
		c.out.send(wire.Event{ID: id, Observations: obs})
		delete(c.done, id)
	}
}

// judgeAnswer is what a complete line from the other end means for the attempt.
func (a *attempt) judgeAnswer(nonce uint64, name string, ok bool) {
	switch {
	case !ok || name == "":
		a.finish(wire.Inconclusive, "", "answered by something that is no prober")
	case nonce != a.target.Nonce:
		a.finish(wire.Inconclusive, "", fmt.Sprintf("answer of %s is to another probe", name))
	default:
		a.finish(wire.Connected, name, "")
	}
}
