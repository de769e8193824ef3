package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
)

// watchers are the sentinels' probers in a world, whose streams its engine decides like all
// else, but for what a test does to single packets.
type watchers struct {
	*world
	opens func(at time.Duration) bool                    // what is denied passes then
	loses func(client, to string, at time.Duration) bool // what is allowed does not arrive
	from  uint16                                         // what comes from that port passes

	mu      sync.Mutex
	streams map[probe.StreamID]sending
	last    probe.StreamID
}

type sending struct {
	client, server string
	stream         probe.Stream
	at             time.Duration
}

func (w *world) watchers() *watchers {
	return &watchers{
		world: w, streams: map[probe.StreamID]sending{},
		opens: func(time.Duration) bool { return false }, loses: func(string, string, time.Duration) bool { return false },
	}
}

func inSentinel(name string) string { return "netassay-t-sentinel/" + name }

func (s *watchers) Add(ctx context.Context, name string, d probe.Dial) error {
	return s.world.Add(ctx, inSentinel(name), d)
}

func (s *watchers) Close() error {
	for _, name := range fixture.SentinelPods() {
		s.Remove(inSentinel(name))
	}
	return nil
}

func (s *watchers) Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error) {
	return s.world.Probe(ctx, inSentinel(client), ts)
}

func (s *watchers) StartStream(_ context.Context, client string, like probe.Stream) (probe.StreamID, error) {
	server := podAt(s.seen(0).snapshot, like.Addr.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.streams[s.last] = sending{client, strings.TrimPrefix(server, inSentinel("")), like, s.now()}
	return s.last, nil
}

func (s *watchers) StopStream(_ context.Context, id probe.StreamID) (probe.StreamReport, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[id]
	delete(s.streams, id)
	r := probe.StreamReport{Client: st.client, Stream: st.stream, Sender: wire.SenderReport{Start: st.at, End: s.now()}}
	got := seq.New(seq.Options{Bucket: 100 * time.Millisecond})
	for at := st.at; at < r.Sender.End; at += st.stream.Interval {
		allowed := !st.stream.Blocked && !s.loses(st.client, st.server, at)
		leaks := st.stream.From == 0 && s.opens(at) || st.stream.From != 0 && st.stream.From == s.from
		if allowed || st.stream.Blocked && leaks {
			got.Arrive(r.Sender.Sent, at)
		}
		r.Sender.Sent++
	}
	if seen := got.Report(); seen.Received > 0 {
		r.Receivers, r.Received = []probe.Received{{Receiver: st.server, ReceiverReport: seen}}, seen.Received
	}
	r.Lost = r.Sender.Sent - r.Received
	return r, nil
}

// watched runs some cases beside sentinels. at is when an action of the second of them may
// have made its hole: 200 ms after it began. before is a run to go on with.
func (w *world) watched(t *testing.T, before *v1.Run, do func(s *watchers, at func() time.Duration)) *v1.Run {
	t.Helper()
	cfg := w.config(loadCases(t, "isolation-deny-both", "peer-pod-selector", "update-policy")...)
	s := w.watchers()
	var mu sync.Mutex
	var begun time.Duration
	cfg.Sentinel, cfg.SentinelFleet, cfg.Parallel, cfg.Resumed = time.Millisecond, s, 1, before
	cfg.Events = func(e Event) {
		if e.Kind == CaseStarted && e.N == 2 {
			mu.Lock()
			defer mu.Unlock()
			begun = w.now()
		}
	}
	do(s, func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return begun + 200*time.Millisecond
	})
	return w.run(t, cfg)
}

func within(at, from time.Duration, length time.Duration) bool { return from <= at && at < from+length }

// An engine that opens for 5 ms fails the run, though it passes all cases, and the finding
// names when it was and what was at work.
func TestSentinelsFindAHole(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var hole func() time.Duration
		run := w.watched(t, nil, func(s *watchers, at func() time.Duration) {
			hole = at
			s.opens = func(now time.Duration) bool { return within(now, at(), 5*time.Millisecond) }
		})
		got := run.Sentinel
		if run.Count(v1.Pass) != 3 || run.Verdict() != v1.VerdictFail || got.Outcome != v1.Fail || got.Kind != v1.Leak {
			t.Fatalf("%d passed, %s: %s %s %s", run.Count(v1.Pass), run.Verdict(), got.Outcome, got.Kind, got.Reason)
		}
		if got.UDP.Leaked != 10 || len(got.Findings) != 2 { // one of each family
			t.Errorf("%d leaked: %+v", got.UDP.Leaked, got.Findings)
		}
		for _, f := range got.Findings {
			names := func(a v1.Activity) bool { return a.Case == run.Order[1] && a.Step != "" }
			if !within(f.From, hole(), 2*time.Millisecond) || f.To-f.From != 4*time.Millisecond || !slices.ContainsFunc(f.During, names) {
				t.Errorf("hole at %s in %s, found %+v", hole(), run.Order[1], f)
			}
			if want := w.start.Add(f.From); !f.At.Equal(want) {
				t.Errorf("at %s, want %s", f.At, want)
			}
		}
	})
}

// An engine that takes all that comes from port 53 for answers fails the run too.
func TestSentinelsFindADoorForDNS(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run := w.watched(t, nil, func(s *watchers, _ func() time.Duration) { s.from = 53 })
		got := run.Sentinel
		if got.Kind != v1.Leak || got.UDP.Leaked < 100 || !strings.HasSuffix(got.Findings[0].Flow, "from port 53") {
			t.Errorf("%s %s: %+v", got.Outcome, got.Reason, got.Findings)
		}
	})
}

// What was found is not forgotten when a run goes on after a break.
func TestSentinelsOfAResumedRun(t *testing.T) {
	var first, second *v1.Run
	inWorld(t, func(t *testing.T, w *world) {
		first = w.watched(t, nil, func(s *watchers, at func() time.Duration) {
			s.opens = func(now time.Duration) bool { return within(now, at(), 5*time.Millisecond) }
		})
	})
	first.Cases = slices.DeleteFunc(first.Cases, func(c v1.Case) bool { return c.Name == first.Order[2] })
	inWorld(t, func(t *testing.T, w *world) {
		second = w.watched(t, first, func(*watchers, func() time.Duration) {})
	})
	got, want := second.Sentinel, first.Sentinel
	same := func(a, b v1.Finding) bool { return a.Flow == b.Flow && a.At.Equal(b.At) && a.Count == b.Count }
	if second.Verdict() != v1.VerdictFail || got.Kind != v1.Leak || !strings.Contains(got.Reason, want.Reason) || !slices.EqualFunc(got.Findings, want.Findings, same) {
		t.Errorf("%s: %+v, want the findings of %+v", second.Verdict(), got, want)
	}
}

// A hole the other way is an outage, when packets without a policy pass meanwhile.
func TestSentinelsFindAnOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run := w.watched(t, nil, func(s *watchers, at func() time.Duration) {
			s.loses = func(_, server string, now time.Duration) bool {
				return server == fixture.Server && within(now, at(), 5*time.Millisecond)
			}
		})
		// Of a packet each millisecond, 5 ms hold 5 or, from the instant of one to that of another, 6.
		if got := run.Sentinel; run.Verdict() != v1.VerdictFail || got.Kind != v1.Outage || got.UDP.Lost < 10 || got.UDP.Lost > 12 {
			t.Errorf("%s: %s %s %s", run.Verdict(), got.Outcome, got.Kind, got.Reason)
		}
	})
}

func TestSentinelsOfAGoodEngine(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run := w.watched(t, nil, func(*watchers, func() time.Duration) {})
		got := run.Sentinel
		if run.Verdict() != v1.VerdictPass || got.Outcome != v1.Pass || len(got.Findings) > 0 || len(got.Notes) > 0 {
			t.Fatalf("%s: %s %s %v", run.Verdict(), got.Outcome, got.Reason, got.Notes)
		}
		if f := run.Figures(); got.Seconds < soak.Seconds() || got.UDP.MustDrop < 19_000 || got.TCP.MustDrop < 200 ||
			f.DeniedConnections < got.TCP.MustDrop || *f.DetectableConnections > 0.015 {
			t.Errorf("%.1f s, %+v %+v, %d denied connections find %v", got.Seconds, got.UDP, got.TCP, f.DeniedConnections, *f.DetectableConnections)
		}
	})
}

// What pods without a policy lose too convicts nobody, and much of it makes the run void.
func TestSentinelsOnALossyNetwork(t *testing.T) {
	for _, tc := range []struct {
		name    string
		every   int // one of so many packets is lost
		verdict v1.Verdict
		said    string
	}{
		{"0.05 %", 2000, v1.VerdictPass, "not more than noise"},
		{"1 %", 100, v1.VerdictVoid, "pods without a policy lost "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				run := w.watched(t, nil, func(s *watchers, _ func() time.Duration) {
					s.loses = func(_, _ string, now time.Duration) bool {
						return int(now/time.Millisecond)%tc.every == 0
					}
				})
				got := run.Sentinel
				if said := fmt.Sprint(got.Reason, got.Notes); run.Verdict() != tc.verdict || !strings.Contains(said, tc.said) {
					t.Errorf("%s: %s %s", run.Verdict(), got.Outcome, said)
				}
				if share := float64(got.Floor.Lost*uint64(tc.every)) / float64(got.Floor.Sent); share < 0.85 || share > 1.15 {
					t.Errorf("%.2f times %s: %+v", share, tc.name, got.Floor)
				}
			})
		})
	}
}

var (
	_ SentinelFleet = (*watchers)(nil)
	_ flows.Fleet   = (*watchers)(nil)
)
