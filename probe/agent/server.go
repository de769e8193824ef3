//go:build linux

package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/wire"
)

// server answers other probers and tells what arrived. All of it runs in its loop.
type server struct {
	loop      *loop
	out       *outbox
	name      string
	sawSYN    bool // SYNs are seen by themselves: an accept says nothing new
	receipts  receiptBatch
	udp       []*udpListener
	conns     map[int]*conn
	streams   map[uint64]*tracked
	listening []string
}

// tracked is a one-way stream on its way in.
type tracked struct {
	tracker  *seq.Tracker
	listener *udpListener
	overflow uint32 // of the listener when the stream began
}

func newServer(l *loop, out *outbox, name string) *server {
	s := &server{loop: l, out: out, name: name, conns: map[int]*conn{}, streams: map[uint64]*tracked{}}
	s.receipts = receiptBatch{loop: l, out: out}
	return s
}

// bindPatience is how long to wait for a port that is taken: a prober whose stream broke
// may need a moment to see that and end, while the next one starts.
const bindPatience = 3 * time.Second

// bindRetry is how often to try.
const bindRetry = 20 * time.Millisecond

// listen opens everything that cfg asks for. Call it before the loop runs.
func (s *server) listen(cfg Config) error {
	if err := s.listenSCTP(cfg); err != nil {
		return err
	}
	for _, f := range cfg.Families {
		for _, p := range cfg.Listen {
			if err := s.listenPatiently(f, p); err != nil {
				return fmt.Errorf("listen on %s over %s: %w", p, f, err)
			}
		}
		if err := s.watchSYN(f); err == nil {
			s.sawSYN = true
		}
		if f == ipv6 {
			_ = s.watchND() // without which SYNs are not seen either
		}
	}
	slices.Sort(s.listening)
	return nil
}

func (s *server) listenPatiently(f family, p Port) error {
	tick := time.NewTicker(bindRetry)
	defer tick.Stop()
	for deadline := wire.Now() + bindPatience; ; <-tick.C {
		err := s.listenOn(f, p)
		if err == nil {
			s.listening = append(s.listening, fmt.Sprintf("%s/%s", p, f))
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || wire.Now() > deadline {
			return err
		}
	}
}

func (s *server) listenOn(f family, p Port) error {
	switch p.Protocol {
	case wire.TCP:
		return s.listenTCP(f, p.Number)
	case wire.UDP:
		return s.listenUDP(f, p.Number)
	default:
		return nil // listenSCTP has done that
	}
}

// arrived counts one datagram of a one-way stream, which came at time at.
func (s *server) arrived(l *udpListener, from netip.AddrPort, d wire.Datagram, at time.Duration) {
	t := s.streams[d.Stream]
	if t == nil {
		opts := seq.Options{Stream: d.Stream, From: from, Bucket: d.Bucket, Blocked: d.Blocked}
		t = &tracked{tracker: seq.New(opts), listener: l, overflow: l.overflow}
		s.streams[d.Stream] = t
	}
	t.tracker.Arrive(d.Seq, at)
}

// collect reports what arrived of a stream, and forgets it. What waits in the sockets
// counts.
func (s *server) collect(request, stream uint64) {
	for _, l := range s.udp {
		for l.read() {
		}
	}
	report := wire.ReceiverReport{Stream: stream}
	if t := s.streams[stream]; t != nil {
		report = t.tracker.Report()
		report.Overflow = uint64(t.listener.overflow - t.overflow)
		delete(s.streams, stream)
	}
	s.out.send(wire.Event{ID: request, Received: &report})
}

// receiptDelay is how long a receipt may wait for company.
const receiptDelay = 2 * time.Millisecond

// maxBatch is how many receipts make a batch full.
const maxBatch = 512

// receiptBatch gathers receipts, so that a round of probes costs few events.
type receiptBatch struct {
	loop    *loop
	out     *outbox
	waiting []wire.Receipt
	byTuple map[tuple]int // waiting receipts without a nonce
}

type tuple struct {
	protocol string
	from     netip.AddrPort
	port     uint16
}

// add queues a receipt. One with a nonce takes the place of what has been seen of the same
// connection before.
func (b *receiptBatch) add(r wire.Receipt) {
	key := tuple{r.Protocol, r.From, r.Port}
	if i, ok := b.byTuple[key]; ok {
		if r.Kind == wire.ReceiptData && b.waiting[i].Kind != wire.ReceiptData {
			r.At = b.waiting[i].At
			b.waiting[i] = r
		}
		return
	}
	switch len(b.waiting) {
	case 0:
		b.byTuple = map[tuple]int{}
		b.loop.at(r.At+receiptDelay, b.flush)
	case maxBatch:
		b.flush()
		b.add(r)
		return
	}
	b.byTuple[key] = len(b.waiting)
	b.waiting = append(b.waiting, r)
}

func (b *receiptBatch) flush() {
	if len(b.waiting) == 0 {
		return
	}
	b.out.send(wire.Event{Receipts: b.waiting})
	b.waiting, b.byTuple = nil, nil
}
