package probe

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// quick is a fleet that keeps its streams up in a tenth of the time.
func quick() *Fleet {
	f := NewFleet()
	f.rhythm = rhythm{
		heartbeat: 20 * time.Millisecond, lostAfter: 500 * time.Millisecond,
		firstRetry: 10 * time.Millisecond, lastRetry: 50 * time.Millisecond,
	}
	return f
}

// silent accepts all requests and answers none but pings.
func silent(r wire.Request) []wire.Event {
	if r.StartStream != nil {
		return []wire.Event{{ID: r.ID}}
	}
	return []wire.Event{}
}

// flaky dials one stream after the other; cut cuts the one that is open.
type flaky struct {
	dials  atomic.Int32
	refuse atomic.Int32 // so many dials to come
	open   atomic.Pointer[io.Closer]
}

func (k *flaky) dial(t *testing.T, f fake) Dial {
	t.Helper()
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		k.dials.Add(1)
		if k.refuse.Add(-1) >= 0 {
			return nil, errors.New("429 too many requests")
		}
		stream, err := f.dial(t)(ctx)
		var c io.Closer = stream
		k.open.Store(&c)
		return stream, err
	}
}

func (k *flaky) cut() { _ = (*k.open.Load()).Close() }

// What is in flight when a stream is lost is Inconclusive; the stream is opened again, also
// when the first tries are refused, and then the prober works as before.
func TestLostStreamIsOpenedAgain(t *testing.T) {
	t.Parallel()
	f := quick()
	defer f.Close()
	var k flaky
	asked := make(chan struct{}, 1)
	answering := fake{hello: hello("x/a"), on: func(r wire.Request) []wire.Event {
		if k.dials.Load() == 1 {
			asked <- struct{}{}
			return []wire.Event{}
		}
		return []wire.Event{{ID: r.ID, Observations: []wire.Observation{{Result: Connected}}}}
	}}
	must(t, f.Add(t.Context(), "x/a", k.dial(t, answering)))
	begin := Now()
	inFlight := make(chan []Observation)
	go func() {
		obs, _ := f.Probe(t.Context(), "x/a", []Target{{Timeout: time.Hour}})
		inFlight <- obs
	}()
	<-asked
	k.refuse.Store(3)
	k.cut()
	if o := (<-inFlight)[0]; o.Result != Inconclusive || o.Err == "" {
		t.Errorf("in flight: %+v, want %s", o, Inconclusive)
	}
	if err := f.Interrupted("x/a", begin, Now()); err == nil {
		t.Error("not interrupted while it is away")
	}
	until(t, "the stream is back", func() bool { return f.Err("x/a") == nil })
	if n := k.dials.Load(); n != 5 {
		t.Errorf("%d dials, want 5: one, three that were refused, one", n)
	}
	obs, err := f.Probe(t.Context(), "x/a", []Target{{Timeout: time.Second}})
	if err != nil || obs[0].Result != Connected {
		t.Errorf("after the loss: %+v %v, want %s", obs, err, Connected)
	}
}

// A prober that says nothing any more, over a stream that nobody closes, is given up.
func TestSilentStreamIsGivenUp(t *testing.T) {
	t.Parallel()
	f := quick()
	defer f.Close()
	var dials atomic.Int32
	must(t, f.Add(t.Context(), "x/a", func(ctx context.Context) (io.ReadWriteCloser, error) {
		stream, err := fake{hello: hello("x/a"), on: silent}.dial(t)(ctx)
		if dials.Add(1) > 1 {
			return stream, err
		}
		return &deafening{ReadWriteCloser: stream, after: clockPings}, err
	}))
	begin := Now()
	until(t, "a second stream is open", func() bool { return dials.Load() == 2 && f.Err("x/a") == nil })
	if err := f.Interrupted("x/a", begin, Now()); err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("interrupted: %v", err)
	}
}

// deafening swallows all lines but the first.
type deafening struct {
	io.ReadWriteCloser
	after, lines int
}

func (d *deafening) Write(line []byte) (int, error) {
	if d.lines++; d.lines > d.after {
		return len(line), nil
	}
	return d.ReadWriteCloser.Write(line)
}

// A prober that was removed stays away, at whatever point of the reopening that happens.
func TestRemovedStaysAway(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		tries int32 // from the loss to the removal
	}{{"at once", 0}, {"after the first try", 1}, {"later", 4}} {
		t.Run(tc.name, func(t *testing.T) {
			f := quick()
			defer f.Close()
			var k flaky
			begin := Now()
			must(t, f.Add(t.Context(), "x/a", k.dial(t, fake{hello: hello("x/a"), on: silent})))
			k.refuse.Store(1 << 20)
			k.cut()
			until(t, "it was tried", func() bool { return k.dials.Load() > tc.tries })
			f.Remove("x/a")
			k.refuse.Store(0)
			<-time.After(4 * f.rhythm.lastRetry) // in which it would come back
			if n := k.dials.Load(); n > tc.tries+2 || len(f.Names()) > 0 {
				t.Errorf("%d dials, probers %v", n, f.Names())
			}
			if err := f.Interrupted("x/a", begin, Now()); err != nil {
				t.Errorf("a prober that was removed is interrupted: %v", err)
			}
		})
	}
}

// A receiver that was started anew can't know what came before: what it does not report was
// not lost for sure.
func TestReceiverStartedAnewIsUnasked(t *testing.T) {
	t.Parallel()
	f := quick()
	defer f.Close()
	var k flaky
	sender := fake{hello: hello("x/a"), on: func(r wire.Request) []wire.Event {
		if r.StopStream != 0 {
			return []wire.Event{{ID: r.ID, Sent: &wire.SenderReport{Sent: 100}}}
		}
		return []wire.Event{{ID: r.ID, Received: &wire.ReceiverReport{}}}
	}}
	must(t, f.Add(t.Context(), "x/a", sender.dial(t)))
	must(t, f.Add(t.Context(), "x/b", k.dial(t, fake{hello: hello("x/b"), on: func(r wire.Request) []wire.Event {
		return []wire.Event{{ID: r.ID, Received: &wire.ReceiverReport{Received: 40}}}
	}})))
	id, err := f.StartStream(t.Context(), "x/a", Stream{Addr: netip.MustParseAddrPort("10.77.0.2:80"), Interval: time.Millisecond})
	must(t, err)
	k.cut()
	until(t, "the receiver is back", func() bool { return k.dials.Load() == 2 && f.Err("x/b") == nil })
	report, err := f.StopStream(t.Context(), id)
	must(t, err)
	if report.Lost != 60 || !slices.Equal(report.Unasked, []string{"x/b"}) {
		t.Errorf("got %+v, want 60 lost, with x/b unasked", report)
	}
}
