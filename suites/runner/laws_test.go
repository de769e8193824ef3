package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// hole is an engine that for a while after each write does something else.
func hole(w *world, long time.Duration, instead model.Verdict) {
	correct := w.verdict
	w.verdict = func(f model.Flow) model.Verdict {
		if w.sinceWrite() < long && !isNode(f.Client) {
			return instead
		}
		return correct(f)
	}
}

// Law 5: an update must not open or close, however shortly, what it does not change.
func TestTransitionsAreJudged(t *testing.T) {
	for _, tc := range []struct {
		name    string
		instead model.Verdict
		kind    v1.FailureKind
	}{
		{"open while updating", model.Allow, v1.Leak},
		{"closed while updating", model.Deny, v1.Outage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				chosen := loadCases(t, "label-client")
				cfg := w.config(chosen...)
				cfg.Parallel = 1
				cfg.Events = func(e Event) {
					if e.Kind == CaseStarted { // not before the fixture stands
						hole(w, 150*time.Millisecond, tc.instead)
					}
				}
				run := w.run(t, cfg)
				c := outcomeOf(t, run, "label-client")
				if c.Outcome != v1.Fail {
					t.Fatalf("outcome %s, want Fail (%s)", c.Outcome, c.Reason)
				}
				found := false
				for cell := range run.EachCell {
					found = found || (!cell.Changed && cell.Kind == tc.kind && strings.Contains(cell.Reason, "must stay"))
				}
				if !found {
					t.Errorf("no unchanged cell is a %s: %s", tc.kind, c.Reason)
				}
			})
		})
	}
}

// What was denied and is open again, 300 ms later and for 150 ms, is a leak, though it is
// denied in the end.
func TestAPolicyThatOpensAgainIsALeak(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
		correct := w.verdict
		w.verdict = func(f model.Flow) model.Verdict {
			if since := w.sinceWrite(); since > 300*time.Millisecond && since < 450*time.Millisecond {
				return model.Allow
			}
			return correct(f)
		}
		run := w.run(t, cfg)
		expectAll(t, run, v1.Fail)
		found := false
		for cell := range run.EachCell {
			found = found || cell.Changed && cell.Flips > 0 && strings.HasPrefix(cell.Reason, "denied since")
		}
		if !found {
			t.Errorf("no cell that changed is said to be open again: %s", run.Cases[0].Reason)
		}
	})
}

// A harness that stops seeing long before the deadline convicts nobody, even when the last
// that it saw was wrong.
func TestAStarvedHarnessConvictsNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
		cfg.Timing.Deadline = 3 * time.Second
		w.delay = 2 * time.Second
		w.lag = func() time.Duration {
			if since := w.sinceWrite(); since > time.Second && since < 20*time.Second {
				return 20*time.Second - since
			}
			return 0
		}
		expectAll(t, w.run(t, cfg), v1.Inconclusive)
	})
}

// On a machine where everything takes twenty times longer an engine may be later. It is not
// passed for that, nor is one excused that never gets right, or that is late while the run alone
// keeps the machine busy.
func TestAStarvedMachineMovesTheDeadline(t *testing.T) {
	for _, tc := range []struct {
		name  string
		delay time.Duration
		times int // longer than with a processor of its own
		want  v1.Outcome
	}{
		{"late", 5 * time.Second, 20, v1.Inconclusive},
		{"never", time.Hour, 20, v1.Fail},
		{"late on a busy machine", 5 * time.Second, 8, v1.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
				cfg.Timing.Deadline = 2 * time.Second
				cfg.Processor = func() (had, waited time.Duration) {
					return w.now() / 100, w.now() / 100 * time.Duration(tc.times-1)
				}
				w.delay = tc.delay
				run := w.run(t, cfg)
				expectAll(t, run, tc.want)
				want := map[bool]float64{true: float64(tc.times)}[tc.times >= starvedFrom]
				if s := run.Cases[0].Steps[0]; s.Starved != want {
					t.Errorf("starved %.1f times, want %.1f: %s", s.Starved, want, s.Reason)
				}
			})
		})
	}
}

// lose has the world lose what lost says of each probe in turn: how many policies are in force, and
// whether it is one between two pods that is allowed.
func (w *world) lose(lost func(policies int, open bool) bool) {
	var mu sync.Mutex
	correct := w.verdict
	w.verdict = func(f model.Flow) model.Verdict {
		v := correct(f)
		open := v == model.Allow && !isNode(f.Client) && f.Client != f.Server
		mu.Lock()
		defer mu.Unlock()
		if lost(len(w.seen(w.delay).snapshot.Policies), open) {
			return model.Deny
		}
		return v
	}
}

// One lost probe is no outage, until one is lost again when the case is played once more.
func TestALoneLossIsLookedAtAgain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		losses int
		want   v1.Outcome
	}{
		{"once", 1, v1.Pass},
		{"each time", 2, v1.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				lost, armed := 0, false
				w.lose(func(policies int, open bool) bool {
					armed = armed || policies == 0
					if policies == 0 || !armed || lost == tc.losses || !open || w.sinceWrite() < 200*time.Millisecond {
						return false
					}
					lost, armed = lost+1, false
					return true
				})
				cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
				cfg.Parallel = 1
				run := w.run(t, cfg)
				expectAll(t, run, tc.want)
				if lost != tc.losses {
					t.Errorf("%d probes were lost, want %d", lost, tc.losses)
				}
			})
		})
	}
}

// On a machine where everything takes twenty times longer, a silence that ends is nobody's fault.
// One that stays is the engine's, and so is each on a machine that is only busy.
func TestAStarvedMachineLosesProbes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lasts time.Duration
		plays int // in how many the server falls silent
		times int // longer than with a processor of its own
		want  v1.Outcome
	}{
		{"once", time.Second, 1, 20, v1.Pass},
		{"each time", time.Second, 2, 20, v1.Inconclusive},
		{"for good", time.Hour, 2, 20, v1.Fail},
		{"on a busy machine", time.Second, 1, 8, v1.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				plays, between := 0, true
				w.lose(func(policies int, open bool) bool {
					if between && policies > 0 {
						plays++
					}
					between = policies == 0
					since := w.sinceWrite() - 200*time.Millisecond
					return !between && plays <= tc.plays && open && since >= 0 && since <= tc.lasts
				})
				cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
				cfg.Parallel = 1
				cfg.Processor = func() (had, waited time.Duration) {
					return w.now() / 100, w.now() / 100 * time.Duration(tc.times-1)
				}
				run := w.run(t, cfg)
				expectAll(t, run, tc.want)
				if tc.want != v1.Fail && plays != 2 {
					t.Errorf("played %d times, want 2", plays)
				}
			})
		})
	}
}

// A node that is kept from its own pods is no dead pod: they hear themselves.
func TestANodeThatIsKeptFromItsPodsIsAnOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		correct := w.verdict
		w.verdict = func(f model.Flow) model.Verdict {
			if isNode(f.Client) && len(w.seen(w.delay).snapshot.Policies) > 0 {
				return model.Deny
			}
			return correct(f)
		}
		run := w.run(t, w.config(loadCases(t, "isolation-deny-ingress")...))
		expectAll(t, run, v1.Fail)
		for cell := range run.EachCell {
			if cell.Outcome == v1.Fail && (!strings.HasPrefix(cell.Client, "node/") || cell.Kind != v1.Outage) {
				t.Errorf("%s -> %s: %s %s", cell.Client, cell.Server, cell.Kind, cell.Reason)
			}
		}
	})
}

// Law 1: a prober that lost its stream blocks nothing and allows nothing.
func TestHarnessErrorsAreNoVerdict(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-deny-ingress", "isolation-none")...)
		w.broken = func(name string) bool { return strings.HasSuffix(name, "-x/b") }
		run := w.run(t, cfg)
		expectAll(t, run, v1.Inconclusive)
		if v1.ExitCode(run.Verdict()) != 2 {
			t.Errorf("verdict %s", run.Verdict())
		}
		for cell := range run.EachCell {
			if (cell.Client == "x/b") == (cell.Outcome == v1.Pass) && cell.Client != cell.Server {
				t.Fatalf("cell of %s is %s: %+v", cell.Client, cell.Outcome, *cell)
			}
		}
	})
}

// rawless is a fleet whose probers can't send raw packets.
type rawless struct{ *world }

func (rawless) Capabilities(string) []string { return nil }

// What can't be probed is skipped, with the reason, and the others are played.
func TestWithoutRawPackets(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "sctp-port", "isolation-none")...)
		cfg.Fleet = rawless{w}
		run := w.run(t, cfg)
		if c := outcomeOf(t, run, "sctp-port"); c.Outcome != v1.Skipped || !strings.Contains(c.Reason, "NET_RAW") {
			t.Errorf("sctp-port: %s (%s)", c.Outcome, c.Reason)
		}
		if c := outcomeOf(t, run, "isolation-none"); c.Outcome != v1.Pass {
			t.Errorf("isolation-none: %s (%s)", c.Outcome, c.Reason)
		}
		if !slices.Equal(run.Order, []string{"isolation-none"}) {
			t.Errorf("order %v", run.Order)
		}
	})
}

// Law 1: a server whose prober was away was not blocked, however late that is known. The
// same silence without such a loss is an outage.
func TestLostStreamsAreNoVerdict(t *testing.T) {
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprintf("lost=%v", lost), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				// x/b answers its own node, so that its controls are live, and nobody else.
				w.verdict = func(f model.Flow) model.Verdict {
					s := w.seen(w.delay)
					away := len(s.snapshot.Policies) > 0 && strings.HasSuffix(podAt(s.snapshot, f.Server), "-x/b") &&
						!strings.Contains(podAt(s.snapshot, f.Client), "-control/")
					if away && s.verdict(f) == model.Allow {
						return model.Deny
					}
					return s.verdict(f)
				}
				w.interrupted = func(name string, from, to time.Duration) error {
					if lost && strings.HasSuffix(name, "-x/b") && len(w.seen(0).snapshot.Policies) > 0 {
						return errors.New("its stream was lost")
					}
					return nil
				}
				run := w.run(t, w.config(loadCases(t, "peer-pod-selector")...))
				want := v1.Fail
				if lost {
					want = v1.Inconclusive
				}
				expectAll(t, run, want)
			})
		})
	}
}

// Law 1: a deny whose probes were read, too late to be answered, is no deny.
func TestLateReceiversAreNoVerdict(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.late = func() error { return errors.New("read too late") }
		expectAll(t, w.run(t, w.config(loadCases(t, "isolation-deny-ingress")...)), v1.Inconclusive)
	})
}

// Law 3: silence of a pod that answers nobody, not even its own node, is not a deny.
func TestADeadServerIsNoDeny(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
		w.dead = func(name string) bool { // as long as there is a policy
			return strings.HasSuffix(name, "-x/b") && len(w.seen(0).snapshot.Policies) > 0
		}
		run := w.run(t, cfg)
		expectAll(t, run, v1.Inconclusive)
		for cell := range run.EachCell {
			if cell.Server == "x/b" && cell.Client != "x/b" && cell.Outcome == v1.Pass {
				t.Fatalf("a deny without a live control: %+v", *cell)
			}
		}
	})
}

// A slow machine is not an engine's fault: probes that are sent late, or that answer in a
// later step, fail nothing.
func TestLateProbesFailNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var n atomic.Int64
		w.lag = func() time.Duration { return time.Duration(n.Add(1)%7) * 17 * time.Millisecond }
		run := w.run(t, w.config(loadCases(t, "update-*", "label-*", "stack-*", "udp-*")...))
		expectAll(t, run, v1.Pass)
	})
}

// Where probes take long they are not made more often: that would make them take longer.
func TestSlowProbesAreNotRepeated(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lag = func() time.Duration { return 300 * time.Millisecond }
		a := newDeniedSet(t, w)
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		for round := range 3 {
			watch := newWatch(a, 0)
			watch.run(t.Context(), acked(watch.window.Begun))
			watch.drain(t.Context())
			// The first learns how long probes take. Each cell has a probe or two, and each
			// server a control in each slice, and in the first round.
			cells, servers := len(watch.cells), 2*len(cases.FixturePods())
			if most := 2*cells + (1+sliceCount)*servers; round > 0 && (watch.probes < cells || watch.probes > most) {
				t.Errorf("watch %d: %d probes for %d cells", round, watch.probes, cells)
			}
		}
	})
}

// acked is an ack at the given time.
func acked(at time.Duration) <-chan time.Duration {
	acks := make(chan time.Duration, 1)
	acks <- at
	return acks
}

// Silence is waited for only where it is wanted.
func TestSilence(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-deny-ingress")...)
		cfg.Timing.Timeout, cfg.Timing.Silence, cfg.Timing.Patient = time.Second, 300*time.Millisecond, true
		run := w.run(t, cfg)
		expectAll(t, run, v1.Pass)
		want := map[string]string{"Deny": "Dropped in 300.0 ms, control live", "Allow": "Connected in 1.0 ms"}
		for cell := range run.EachCell {
			if cell.Outcome == v1.Pass && !strings.HasPrefix(cell.Evidence, want[cell.Want]) {
				t.Fatalf("want %s: evidence %q", cell.Want, cell.Evidence)
			}
		}
		for _, c := range run.Cases {
			for _, s := range c.Steps {
				if s.Millis < 700 { // the hold window, and the silence of its last probes
					t.Errorf("step %q ended after %.0f ms", s.Name, s.Millis)
				}
			}
		}
	})
}

// An engine that never forgets is charged with it in the case that it happens in, and the
// next case gets a fixture that it has not touched.
func TestResidueIsFoundAndLeftBehind(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		correct := w.verdict
		var denied sync.Map
		w.verdict = func(f model.Flow) model.Verdict {
			if correct(f) == model.Deny {
				denied.Store(f, true)
			}
			if _, ok := denied.Load(f); ok {
				return model.Deny
			}
			return model.Allow
		}
		cfg := w.config(loadCases(t, "isolation-deny-ingress", "isolation-none")...)
		cfg.Parallel = 1
		cfg.Seed = seedWithFirst(cfg.Cases, "isolation-deny-ingress")
		run := w.run(t, cfg)
		c := outcomeOf(t, run, "isolation-deny-ingress")
		if c.Outcome != v1.Fail {
			t.Errorf("outcome %s, want Fail (%s)", c.Outcome, c.Reason)
		}
		if last := outcomeOf(t, run, "isolation-none"); last.Outcome != v1.Pass || last.FixtureSet == "a1" {
			t.Errorf("the next case: %s in %s (%s)", last.Outcome, last.FixtureSet, last.Reason)
		}
	})
}

func seedWithFirst(all []cases.Case, name string) uint64 {
	for seed := uint64(1); ; seed++ {
		if shuffled(all, seed)[0].Name == name {
			return seed
		}
	}
}
