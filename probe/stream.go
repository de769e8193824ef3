package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// Stream is a one-way UDP stream: numbered datagrams of one 5-tuple at a fixed interval.
// Nobody ever answers, so that connection tracking never takes the flow for established
// and each datagram gets a verdict of its own, unless that is what is asked for.
type Stream struct {
	Addr     netip.AddrPort
	Interval time.Duration // 1 ms is fine
	Bucket   time.Duration // the receiver's counting interval; 100 ms when 0
	Blocked  bool          // nothing should arrive: the time of each arrival is kept
	From     uint16        // source port; 0: a fresh one
	Answered bool          // each datagram is answered, and the flow so established
}

// StreamID names a running stream.
type StreamID uint64

// Received is what one prober has seen of a stream. Times are the harness's.
type Received struct {
	Receiver string
	wire.ReceiverReport
}

// StreamReport is what came of a stream. Times are the harness's.
type StreamReport struct {
	Client     string
	Stream     Stream
	Sender     wire.SenderReport
	Receivers  []Received // usually one
	Received   uint64     // distinct datagrams, of all receivers
	Lost       uint64     // sent and not received
	Duplicates uint64
	Overflow   uint64 // at most so many of Lost are the receivers' own fault
	// Unasked are probers that could not be asked for all that they received, because they
	// did not answer or were started anew meanwhile: Lost is an upper bound.
	Unasked []string
}

// started is where a stream runs.
type started struct {
	client string
	prober *prober // nil: it is not known before the client comes
	stream Stream
	at     time.Duration
}

// settle is how long datagrams may still be on their way when a stream has been stopped.
const settle = 20 * time.Millisecond

// StartStream starts a stream from the prober called client. A kernel that has not resolved
// its neighbour yet queues the first datagrams and may lose some: where that matters, let a
// probe to any port of the same address go before.
func (f *Fleet) StartStream(ctx context.Context, client string, s Stream) (StreamID, error) {
	p, err := f.prober(client)
	if err != nil {
		return 0, fmt.Errorf("start stream: %w", err)
	}
	id, at := newStreamID(), Now()
	if _, err := p.ask(ctx, wire.Request{StartStream: s.spec(id)}); err != nil {
		return 0, fmt.Errorf("start stream: %w", err)
	}
	f.note(id, started{client: client, prober: p, stream: s, at: at})
	return id, nil
}

func newStreamID() StreamID { return StreamID(max(1, rand.Uint64())) }

func (s Stream) spec(id StreamID) *wire.Stream {
	return &wire.Stream{ID: uint64(id), Addr: s.Addr, Interval: s.Interval, Bucket: s.Bucket, Blocked: s.Blocked, From: s.From, Answered: s.Answered}
}

func (f *Fleet) note(id StreamID, s started) {
	f.mu.Lock()
	f.streams[uint64(id)] = s
	f.mu.Unlock()
}

// Expected is a stream that a prober starts by itself when it begins.
type Expected struct {
	ID     StreamID
	Stream Stream
}

// Expect makes known that the prober called client, which is yet to be added, starts a stream
// in its first instant: what began with it is stopped and told as any other stream.
func (f *Fleet) Expect(client string, s Stream) Expected {
	e := Expected{newStreamID(), s}
	f.note(e.ID, started{client: client, stream: s, at: Now()})
	return e
}

// Requests are the lines by which a prober starts these streams (probe run --requests).
func Requests(all []Expected) string {
	var b strings.Builder
	for _, e := range all {
		// No answer is waited for: an ID that no other request has.
		line, err := wire.Encode(wire.Request{ID: uint64(e.ID), StartStream: e.Stream.spec(e.ID)})
		if err != nil {
			panic(err) // a few numbers
		}
		b.Write(line)
	}
	return b.String()
}

// Began is when the prober of that name began to live, as its own word is; ok is false for an
// unknown one.
func (f *Fleet) Began(name string) (at time.Duration, ok bool) {
	p, err := f.prober(name)
	if err != nil {
		return 0, false
	}
	return p.translate(p.hello.Began), true
}

// StopStream stops a stream and gathers what its sender and all probers know of it. When
// the sender is gone it is an error, with what the receivers know.
func (f *Fleet) StopStream(ctx context.Context, id StreamID) (StreamReport, error) {
	f.mu.Lock()
	s, ok := f.streams[uint64(id)]
	delete(f.streams, uint64(id))
	f.mu.Unlock()
	if !ok {
		return StreamReport{}, fmt.Errorf("stop stream: no stream %d runs", id)
	}
	report := StreamReport{Client: s.client, Stream: s.stream}
	sent, err := f.endStream(ctx, s, id)
	if err != nil {
		err = fmt.Errorf("stop stream: the sender's report is lost: %w", err)
	}
	report.Sender = sent
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	f.collect(ctx, uint64(id), s.at, &report)
	return report, err
}

// endStream has the sender stop, and gives its report.
func (f *Fleet) endStream(ctx context.Context, s started, id StreamID) (sent wire.SenderReport, err error) {
	if s.prober == nil {
		if s.prober, err = f.prober(s.client); err != nil {
			return sent, err
		}
	}
	ev, err := s.prober.ask(ctx, wire.Request{StopStream: uint64(id)})
	if err == nil && ev.Sent != nil {
		sent = translateSender(*ev.Sent, s.prober.translate)
	}
	return sent, err
}

// collect asks all probers what they received of a stream that was started at.
func (f *Fleet) collect(ctx context.Context, id uint64, at time.Duration, report *StreamReport) {
	alive, dead := f.all()
	answers := make([]*wire.ReceiverReport, len(alive))
	var wg sync.WaitGroup
	for i, p := range alive {
		wg.Go(func() {
			if ev, err := p.ask(ctx, wire.Request{Collect: id}); err == nil {
				answers[i] = ev.Received
			}
		})
	}
	wg.Wait()
	report.Unasked = dead
	for i, p := range alive {
		if p.again && p.since > at { // what came before, only its forerunner knew
			report.Unasked = append(report.Unasked, p.name)
		}
		switch r := answers[i]; {
		case r == nil && !slices.Contains(report.Unasked, p.name):
			report.Unasked = append(report.Unasked, p.name)
		case r == nil:
		case r.Received > 0:
			report.add(Received{Receiver: p.name, ReceiverReport: translateReceiver(*r, p.translate)})
		}
	}
	report.Lost = report.Sender.Sent - min(report.Received, report.Sender.Sent)
}

func (r *StreamReport) add(got Received) {
	r.Receivers = append(r.Receivers, got)
	r.Received += got.Received
	r.Duplicates += got.Duplicates
	r.Overflow += got.Overflow
}

func translateSender(r wire.SenderReport, t func(time.Duration) time.Duration) wire.SenderReport {
	r.Start, r.End = t(r.Start), t(r.End)
	for i := range r.Outages {
		r.Outages[i].From, r.Outages[i].To = t(r.Outages[i].From), t(r.Outages[i].To)
	}
	return r
}

func translateReceiver(r wire.ReceiverReport, t func(time.Duration) time.Duration) wire.ReceiverReport {
	r.FirstAt, r.LastAt = t(r.FirstAt), t(r.LastAt)
	for i := range r.Buckets {
		r.Buckets[i].Start = t(r.Buckets[i].Start)
	}
	for i := range r.Spans {
		r.Spans[i].FirstAt, r.Spans[i].LastAt = t(r.Spans[i].FirstAt), t(r.Spans[i].LastAt)
	}
	for i := range r.Leaks {
		r.Leaks[i] = t(r.Leaks[i])
	}
	return r
}
