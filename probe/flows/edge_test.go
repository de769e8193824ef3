package flows

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe"
)

func someFlows() []Flow {
	server := probe.Pod{Name: "server", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}}
	return To(server, 80, probe.Pod{Name: "near"}, probe.Pod{Name: "far"})
}

// watcher has little patience: the fake answers at once.
func watcher(f *fakeFleet) Watcher {
	return Watcher{Fleet: f, Silence: time.Millisecond, Deadline: 5 * time.Second}
}

// The whole way: what the streams show of changes is when the engine enforced them, which
// is the lag after they were asked for.
func TestAlternate(t *testing.T) {
	f := newFake()
	f.lag = 15 * time.Millisecond
	streams, err := Start(t.Context(), f, someFlows(), probe.Stream{Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := Pause(t.Context(), PreCheck+Hold); err != nil {
		t.Fatal(err)
	}
	var told []Change
	flips := Flips{
		Flows: someFlows(), Allowed: true, N: 2, Within: time.Minute, Allow: f.set(true), Deny: f.set(false),
		After: func(_ context.Context, _ int, c Change) { told = append(told, c) },
	}
	changes, short, err := watcher(f).Alternate(t.Context(), flips)
	if err != nil || short != "" || len(changes) != 4 || len(told) != 4 {
		t.Fatalf("%d changes, %d told, short %q, %v", len(changes), len(told), short, err)
	}
	watched, err := streams.Stop(t.Context())
	if err != nil || len(watched) != 4 {
		t.Fatalf("%d streams, %v", len(watched), err)
	}
	for i, c := range changes {
		if c.Allow != (i%2 == 1) || told[i].Ack != c.Ack {
			t.Errorf("change %d: %+v", i, c)
		}
		enforced := f.history[i+1].at
		for _, w := range watched {
			s := Observe(c, w.Report)
			if off := s.Stable - enforced; s.Void != "" || s.Censored || s.First != s.Stable || off < -time.Millisecond || off > 2*time.Millisecond {
				t.Errorf("change %d, %s: enforced %v after the call, seen %+v", i, w.Flow, enforced-c.Call, s)
			}
		}
	}
	if len(f.streams) != 0 {
		t.Errorf("%d streams still run", len(f.streams))
	}
}

// A verdict that never comes is given up, and told.
func TestAlternateGivesUp(t *testing.T) {
	f := newFake()
	f.denies = false
	w := watcher(f)
	w.Deadline = 100 * time.Millisecond
	flips := Flips{Flows: someFlows(), Allowed: true, N: 10, Within: time.Minute, Allow: f.set(true), Deny: f.set(false)}
	changes, short, err := w.Alternate(t.Context(), flips)
	if err != nil || len(changes) != 5 || !strings.Contains(short, "not seen to be denied within 100ms, 3 times") {
		t.Fatalf("%d changes, short %q, %v", len(changes), short, err)
	}
	if err := flips.Restore(t.Context(), changes); err != nil || len(f.history) != 7 || !f.history[6].allow {
		t.Errorf("not restored: %v, %v", err, f.history)
	}
}

// A verdict that comes now and then is not given up.
func TestAlternateGoesOn(t *testing.T) {
	f := newFake()
	w := watcher(f)
	w.Deadline = 100 * time.Millisecond
	n := 0
	flips := Flips{Flows: someFlows(), Allowed: true, N: 6, Within: time.Minute, Allow: f.set(true), Deny: func(ctx context.Context) error {
		n++
		f.denies = n%3 == 0
		return f.set(false)(ctx)
	}}
	if changes, short, err := w.Alternate(t.Context(), flips); err != nil || short != "" || len(changes) != 12 {
		t.Errorf("%d changes, short %q, %v", len(changes), short, err)
	}
}

func TestAlternateEnds(t *testing.T) {
	f := newFake()
	failed := errors.New("refused")
	calls, began := 0, time.Duration(0)
	flips := Flips{Flows: someFlows(), Allowed: true, N: 10, Within: time.Minute, Allow: f.set(true), Deny: func(ctx context.Context) error {
		if calls++; calls > 1 { // it may have come to pass: nothing counts from here on
			began = probe.Now()
			return errors.Join(failed, Pause(ctx, Hold))
		}
		return f.set(false)(ctx)
	}}
	changes, _, err := watcher(f).Alternate(t.Context(), flips)
	if !errors.Is(err, failed) || len(changes) != 2 || changes[1].Until < changes[1].Ack || changes[1].Until > began {
		t.Errorf("a change that failed, begun at %v: %+v, %v", began, changes, err)
	}
	flips.Deny, flips.Within = f.set(false), 0
	if changes, short, err := watcher(f).Alternate(t.Context(), flips); err != nil || len(changes) > 1 || !strings.Contains(short, "of 20 changes were made in 0s") {
		t.Errorf("without time: %d changes, short %q, %v", len(changes), short, err)
	}
}

// A flow that is wrong is named, and a refusal is a deny only for those who ask for it.
func TestAwait(t *testing.T) {
	f := newFake()
	w := watcher(f)
	if err := w.Await(t.Context(), someFlows(), true); err != nil {
		t.Error(err)
	}
	w.Deadline = 20 * time.Millisecond
	err := w.Await(t.Context(), someFlows(), false)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "→ server IPv") || !strings.Contains(err.Error(), string(probe.Connected)) {
		t.Errorf("allowed flows that are to be denied: %v", err)
	}
	f.stuck = "far"
	if err := f.set(false)(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Await(t.Context(), someFlows(), false); err == nil || !strings.Contains(err.Error(), "far → server") {
		t.Errorf("one client is not denied: %v", err)
	}
	for _, tc := range []struct {
		got     probe.Result
		strict  [2]bool // allow, deny
		lenient [2]bool
	}{
		{probe.Connected, [2]bool{true, false}, [2]bool{true, false}},
		{probe.Dropped, [2]bool{false, true}, [2]bool{false, true}},
		{probe.Refused, [2]bool{}, [2]bool{false, true}},
		{probe.Unreachable, [2]bool{}, [2]bool{false, true}},
		{probe.Inconclusive, [2]bool{}, [2]bool{}},
	} {
		strict, lenient := Watcher{}, Watcher{Refusing: true}
		if got := [2]bool{strict.shows(tc.got, true), strict.shows(tc.got, false)}; got != tc.strict {
			t.Errorf("%s shows allow, deny: %v", tc.got, got)
		}
		if got := [2]bool{lenient.shows(tc.got, true), lenient.shows(tc.got, false)}; got != tc.lenient {
			t.Errorf("%s shows allow, deny of one that refuses: %v", tc.got, got)
		}
	}
}

// When a stream can't be started, none is left running.
func TestStartFails(t *testing.T) {
	f := newFake()
	f.err = errors.New("no prober")
	s, err := Start(t.Context(), f, someFlows(), probe.Stream{Interval: time.Millisecond})
	if !errors.Is(err, f.err) || len(f.streams) != 0 {
		t.Errorf("%v, %d streams run", err, len(f.streams))
	}
	if got, err := s.Stop(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("stopped again: %v, %v", got, err)
	}
}
