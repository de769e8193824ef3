package runner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

func outcomeOf(t *testing.T, run *v1.Run, name string) *v1.Case {
	t.Helper()
	i := slices.IndexFunc(run.Cases, func(c v1.Case) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no case %s in the result", name)
	}
	return &run.Cases[i]
}

func expectAll(t *testing.T, run *v1.Run, want v1.Outcome) {
	t.Helper()
	for _, c := range run.Cases {
		if c.Outcome != want {
			t.Errorf("case %s: %s, want %s (%s)", c.Name, c.Outcome, want, c.Reason)
		}
	}
}

func TestCorrectEnginePassesAllCases(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run := w.run(t, w.config(loadCases(t)...))
		expectAll(t, run, v1.Pass)
		f := run.Figures()
		if f.ConvergenceN == 0 || f.ConvergenceCensored != 0 {
			t.Errorf("convergence has %d samples, %d censored", f.ConvergenceN, f.ConvergenceCensored)
		}
		// The engine takes 30 ms; probes come every 20 ms, large steps less often.
		if p50 := *f.ConvergenceP50; p50 < 30 || p50 > 60 {
			t.Errorf("median convergence %.1f ms of an engine that takes 30 ms", p50)
		}
		for cell := range run.EachCell {
			if cell.Resolution != nil && *cell.Stable < 30 {
				t.Errorf("%s became right after %.1f ms, but the engine takes 30 ms", cell.Case, *cell.Stable)
			}
		}
		if v1.ExitCode(run.Verdict()) != 0 || len(run.Notes) > 0 {
			t.Errorf("verdict %s, notes %v", run.Verdict(), run.Notes)
		}
	})
}

// Every cell of every step is in the result once, with everything that cells.jsonl needs.
func TestCellsAreComplete(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		chosen := loadCases(t, "peer-pod-selector")
		run := w.run(t, w.config(chosen...))
		c := chosen[0]
		want := len(c.Steps) * 81 * 2 * len(c.Probes) * len(c.Paths)
		if got := run.Figures().Cells; got != want {
			t.Errorf("%d cells, want %d", got, want)
		}
		for cell := range run.EachCell {
			complete := cell.Case != "" && cell.Step != "" && cell.Path != "" && cell.Family != "" &&
				cell.Protocol != "" && cell.Port != 0 && cell.Want != "" && cell.Seen != "" && cell.Outcome != ""
			if !complete {
				t.Fatalf("incomplete cell %+v", *cell)
			}
			if self := cell.Client == cell.Server; self != (cell.Outcome == v1.Skipped) || self != (cell.Want == "Undefined") {
				t.Fatalf("a pod to itself, and nothing else, is observed and not judged: %+v", *cell)
			}
		}
	})
}

func TestNoneFailsEveryCaseWithADenyCell(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		chosen := loadCases(t)
		run := w.run(t, w.config(chosen...))
		for _, c := range chosen {
			want := v1.Pass
			if wantsDeny(c) {
				want = v1.Fail
			}
			if got := outcomeOf(t, run, c.Name); got.Outcome != want {
				t.Errorf("case %s: %s, want %s (%s)", c.Name, got.Outcome, want, got.Reason)
			}
		}
		if f := run.Figures(); f.Outages != 0 || f.Leaks == 0 {
			t.Errorf("%d leaks, %d outages", f.Leaks, f.Outages)
		}
		if v1.ExitCode(run.Verdict()) != 1 {
			t.Errorf("verdict %s", run.Verdict())
		}
	})
}

func wantsDeny(c cases.Case) bool {
	for i := range c.Steps {
		for _, v := range wants(c, i, []model.Family{model.IPv4, model.IPv6}) {
			if v == model.Deny {
				return true
			}
		}
	}
	return false
}

// Deny-all blocks what is forwarded between pods; nodes still reach their own pods, so the
// controls live and the outages are proven.
func TestDenyAllFailsEveryCase(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.verdict = func(f model.Flow) model.Verdict {
			if isNode(f.Client) {
				return model.Allow
			}
			return model.Deny
		}
		run := w.run(t, w.config(loadCases(t)...))
		expectAll(t, run, v1.Fail)
		if f := run.Figures(); f.Leaks != 0 || f.Outages == 0 {
			t.Errorf("%d leaks, %d outages", f.Leaks, f.Outages)
		}
	})
}

// isNode says that an address is one of the fake's nodes, whose own pods they always reach.
func isNode(ip netip.Addr) bool {
	return strings.HasPrefix(ip.String(), "172.18.") || strings.HasPrefix(ip.String(), "fd00:172:18:")
}

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
		a := newWatchedSet(t, w).a
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		c := cases.Case{Probes: []cases.Probe{{Port: 80, Protocol: corev1.ProtocolTCP}}, Paths: []cases.Path{cases.PathPod}}
		for round := range 3 {
			watch := a.newWatch(wants(c, -1, a.Families()), func(cases.Cell) model.Verdict { return "" }, 0)
			watch.run(t.Context(), acked(watch.window.Begun))
			watch.drain()
			// The first learns how long probes take. Each cell has a probe, and each server controls.
			if cells := len(watch.cells); round > 0 && (watch.probes < cells || watch.probes > 2*cells) {
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

// A case whose pins are not what the specification says is in error, whatever was seen.
func TestDisagreementIsAnError(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		chosen := loadCases(t, "isolation-deny-ingress")
		chosen[0].Steps[0].Expect = nil // all allowed
		run := w.run(t, w.config(chosen...))
		c := outcomeOf(t, run, "isolation-deny-ingress")
		if c.Outcome != v1.Error || !strings.Contains(c.Reason, "oracle and pins disagree") {
			t.Errorf("%s: %s", c.Outcome, c.Reason)
		}
		if v1.ExitCode(run.Verdict()) != 2 {
			t.Errorf("verdict %s", run.Verdict())
		}
	})
}

func TestRefusedWriteIsAnErrorOfTheCase(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.client.PrependReactor("create", "networkpolicies", func(k8stesting.Action) (bool, runtime.Object, error) {
			return true, nil, errors.New("admission webhook says no")
		})
		run := w.run(t, w.config(loadCases(t, "isolation-deny-ingress", "isolation-none")...))
		c := outcomeOf(t, run, "isolation-deny-ingress")
		if c.Outcome != v1.Error || !strings.Contains(c.Reason, "admission webhook says no") {
			t.Errorf("%s: %s", c.Outcome, c.Reason)
		}
		if other := outcomeOf(t, run, "isolation-none"); other.Outcome != v1.Pass {
			t.Errorf("the other case: %s (%s)", other.Outcome, other.Reason)
		}
	})
}

func TestCancelLeavesEverythingMarked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := w.config(loadCases(t)...)
		ended := 0
		var cancelled time.Duration
		cfg.Events = func(e Event) {
			if e.Kind == CaseEnded {
				if ended++; ended == 5 {
					cancelled = w.now()
					cancel()
				}
			}
		}
		run := w.runIn(t, ctx, cfg, context.Canceled)
		if took := w.now() - cancelled; took > time.Second {
			t.Errorf("took %s to stop", took)
		}
		passed, unfinished := run.Count(v1.Pass), run.Count(v1.Unfinished)
		if passed < 5 || passed+unfinished != len(cfg.Cases) {
			t.Errorf("%d passed, %d unfinished of %d", passed, unfinished, len(cfg.Cases))
		}
		if v1.ExitCode(run.Verdict()) != 2 {
			t.Errorf("verdict %s of an unfinished run", run.Verdict())
		}
	})
}

func TestFailFast(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		cfg := w.config(loadCases(t, "isolation-deny-*", "label-*")...)
		cfg.Parallel, cfg.FailFast = 1, true
		run := w.run(t, cfg)
		if run.Count(v1.Fail) != 1 || run.Count(v1.Skipped) != len(cfg.Cases)-1 {
			t.Errorf("%d failed, %d skipped of %d", run.Count(v1.Fail), run.Count(v1.Skipped), len(cfg.Cases))
		}
		if v1.ExitCode(run.Verdict()) != 1 {
			t.Errorf("verdict %s", run.Verdict())
		}
	})
}

func TestUnsupportedFeaturesAreNotJudged(t *testing.T) {
	unsupported := []engines.Unsupported{{Feature: string(cases.SCTP), Reason: "no SCTP match in its data plane"}}
	for _, force := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			cfg := w.config(loadCases(t, "sctp-port", "isolation-none")...)
			cfg.Unsupported, cfg.RunUnsupported = unsupported, force
			run := w.run(t, cfg)
			c := outcomeOf(t, run, "sctp-port")
			want := v1.NotSupported
			if force {
				want = v1.Pass
			}
			if c.Outcome != want || (!force && !strings.Contains(c.Reason, "no SCTP match")) {
				t.Errorf("forced %v: %s (%s), want %s", force, c.Outcome, c.Reason, want)
			}
			if run.Verdict() != v1.VerdictPass {
				t.Errorf("verdict %s", run.Verdict())
			}
		})
	}
}

func TestUnsupportedFamilyIsNotJudged(t *testing.T) {
	unsupported := []engines.Unsupported{{Family: model.IPv6, Reason: "IPv4 alone"}}
	for _, force := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			cfg := w.config(loadCases(t, "isolation-deny-ingress", "ipblock-one-family")...)
			cfg.Unsupported, cfg.RunUnsupported = unsupported, force
			run := w.run(t, cfg)
			seen := map[string]bool{}
			for c := range run.EachCell {
				seen[c.Family] = true
			}
			want, families := v1.NotSupported, []string{"IPv4"}
			if force {
				want, families = v1.Pass, []string{"IPv4", "IPv6"}
			}
			if diff := cmp.Diff(families, run.Families); diff != "" {
				t.Errorf("families (-want +got):\n%s", diff)
			}
			if !seen["IPv4"] || seen["IPv6"] != force {
				t.Errorf("forced %v: families of cells %v", force, seen)
			}
			if c := outcomeOf(t, run, "ipblock-one-family"); c.Outcome != want {
				t.Errorf("forced %v: %s (%s), want %s", force, c.Outcome, c.Reason, want)
			}
			if told := len(run.Lacks) == 1; told == force {
				t.Errorf("forced %v: report says %q", force, run.Lacks)
			}
		})
	}
}

// Events are complete and in order.
func TestEvents(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cfg := w.config(loadCases(t, "isolation-*")...)
		var kinds []EventKind
		var order, started []string
		ended := 0
		cfg.Events = func(e Event) {
			kinds = append(kinds, e.Kind)
			switch e.Kind {
			case RunStarted:
				order = e.Order
			case CaseStarted:
				started = append(started, e.Case)
			case CaseEnded:
				ended++
				if e.N != ended || e.Total != len(cfg.Cases) || e.Result == nil || e.Result.Name != e.Case {
					t.Errorf("event %+v", e)
				}
			case FixtureReady, Trouble:
			}
		}
		run := w.run(t, cfg)
		if kinds[0] != RunStarted || !slices.Equal(order, started) || ended != len(cfg.Cases) || !slices.Equal(order, run.Order) {
			t.Errorf("first %s, order %v, started %v, %d ended", kinds[0], order, started, ended)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"run id":                    func(c *Config) { c.RunID = "much-too-long-for-a-name" },
		"cluster, client and fleet": func(c *Config) { c.Fleet = nil },
	} {
		inWorld(t, func(t *testing.T, w *world) {
			cfg := w.config()
			change(&cfg)
			if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v does not name %s", err, name)
			}
		})
	}
}

// A pod whose image has no valid name is not waited for.
func TestHopelessPod(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.client.PrependReactor("get", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
			obj, err := w.client.Tracker().Get(action.GetResource(), action.GetNamespace(), action.(k8stesting.GetAction).GetName())
			if p, ok := obj.(*corev1.Pod); ok {
				p.Status.Phase = corev1.PodPending
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{
					Name: "probe", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}},
				}}
			}
			return true, obj, err
		})
		start := w.now()
		_, err := Run(t.Context(), w.config(loadCases(t, "allow-all")...))
		if err == nil || !strings.Contains(err.Error(), "InvalidImageName; see --image") || w.now()-start > time.Second {
			t.Errorf("after %v: %v", w.now()-start, err)
		}
	})
}
