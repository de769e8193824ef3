package probe

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netassay/netassay/suites/probe/wire"
)

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
	synctest.Test(t, func(t *testing.T) {
		f := NewFleet()
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
	})
}

// A prober that says nothing any more, over a stream that nobody closes, is given up.
func TestSilentStreamIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFleet()
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
		<-time.After(2 * lostAfter)
		if n, err := dials.Load(), f.Err("x/a"); n != 2 || err != nil {
			t.Errorf("%d dials, %v, want a second stream", n, err)
		}
		if err := f.Interrupted("x/a", begin, Now()); err == nil || !strings.Contains(err.Error(), "did not answer") {
			t.Errorf("interrupted: %v", err)
		}
	})
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
	for _, tc := range []struct {
		name string
		wait time.Duration // from the loss to the removal
	}{{"at once", 0}, {"between two tries", 150 * time.Millisecond}, {"later", time.Minute}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := NewFleet()
				defer f.Close()
				var k flaky
				begin := Now()
				must(t, f.Add(t.Context(), "x/a", k.dial(t, fake{hello: hello("x/a"), on: silent})))
				k.refuse.Store(1 << 20)
				k.cut()
				<-time.After(tc.wait)
				f.Remove("x/a")
				synctest.Wait()
				before := k.dials.Load()
				<-time.After(time.Hour)
				if after := k.dials.Load(); after != before || len(f.Names()) > 0 {
					t.Errorf("%d dials after the removal, probers %v", after-before, f.Names())
				}
				if err := f.Interrupted("x/a", begin, Now()); err != nil {
					t.Errorf("a prober that was removed is interrupted: %v", err)
				}
			})
		})
	}
}

// A receiver that was started anew can't know what came before: what it does not report was
// not lost for sure.
func TestReceiverStartedAnewIsUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFleet()
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
		id, err := f.StartStream(t.Context(), "x/a", Stream{Interval: time.Millisecond})
		must(t, err)
		k.cut()
		synctest.Wait()
		until(t, "the receiver is back", func() bool { return f.Err("x/b") == nil })
		report, err := f.StopStream(t.Context(), id)
		must(t, err)
		if report.Lost != 60 || !slices.Equal(report.Unasked, []string{"x/b"}) {
			t.Errorf("got %+v, want 60 lost, with x/b unasked", report)
		}
	})
}
