package runner

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8stesting "k8s.io/client-go/testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
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

// Every cell of every step is in the result once, with everything that its record needs.
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

// Each step says when it was done: after the run began, and after the step before it was over.
func TestStepsSayWhen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run := w.run(t, w.config(loadCases(t, "update-*")...))
		for _, c := range run.Cases {
			earliest := run.Started
			for _, s := range c.Steps {
				if s.At.Before(earliest) {
					t.Errorf("case %s, step %q: at %s, want %s at the earliest", c.Name, s.Name, s.At, earliest)
				}
				earliest = s.At.Add(time.Duration(s.Millis * float64(time.Millisecond)))
			}
			if len(c.Steps) == 0 || earliest.After(run.Finished) {
				t.Errorf("case %s: over at %s, the run at %s", c.Name, earliest, run.Finished)
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

func TestTakenPolicyFailsTheCase(t *testing.T) {
	for lax, want := range map[bool]v1.Outcome{false: v1.Pass, true: v1.Fail} {
		inWorld(t, func(t *testing.T, w *world) {
			w.lax = lax
			c := outcomeOf(t, w.run(t, w.config(loadCases(t, "refused-blocks")...)), "refused-blocks")
			if c.Outcome != want || lax && !strings.Contains(c.Reason, "refuse x/address-alone: the API server takes") {
				t.Errorf("lax %t: %s (%s), want %s", lax, c.Outcome, c.Reason, want)
			}
		})
	}
}

// What repeats bring about between their first round and their last is held against nobody.
func TestRepeatsAreExplained(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.delay = time.Millisecond
		w.client.PrependReactor("*", "networkpolicies", func(k8stesting.Action) (bool, runtime.Object, error) {
			return false, nil, pause(t.Context(), 5*time.Millisecond)
		})
		before := len(w.writes)
		c := outcomeOf(t, w.run(t, w.config(loadCases(t, "repeat-policy-ends-gone")...)), "repeat-policy-ends-gone")
		if c.Outcome != v1.Pass {
			t.Errorf("%s: %s", c.Outcome, c.Reason)
		}
		if n := len(w.writes) - before; n < 400 {
			t.Errorf("%d writes, want 200 rounds of two", n)
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

// What a line asks to observe is reported as it is at the end of the step, and never judged.
func TestObserve(t *testing.T) {
	for _, tc := range []struct {
		name    string
		verdict func(pod string, at time.Duration) model.Verdict // of a pod to itself
		want    string
	}{
		{"allow", func(string, time.Duration) model.Verdict { return model.Allow }, v1.ObservedAllow},
		{"deny", func(string, time.Duration) model.Verdict { return model.Deny }, v1.ObservedDeny},
		{"deny of some", func(pod string, _ time.Duration) model.Verdict {
			if strings.HasSuffix(pod, "/a") {
				return model.Deny
			}
			return model.Allow
		}, v1.ObservedMixed},
		{"one that is denied after a while", func(_ string, at time.Duration) model.Verdict {
			if at < 100*time.Millisecond {
				return model.Allow
			}
			return model.Deny
		}, v1.ObservedDeny},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) { observe(t, w, tc.verdict, tc.want) })
		})
	}
}

func observe(t *testing.T, w *world, verdict func(string, time.Duration) model.Verdict, want string) {
	t.Helper()
	right := w.verdict
	var first time.Duration
	w.verdict = func(f model.Flow) model.Verdict {
		if f.Client != f.Server || isNode(f.Client) {
			return right(f)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if first == 0 {
			first = w.now()
		}
		return verdict(podAt(w.history[len(w.history)-1].snapshot, f.Client), w.now()-first)
	}
	run := w.run(t, w.config(loadCases(t, "observed-own-address")...))
	expectAll(t, run, v1.Pass)
	seen := 0
	for _, o := range run.Observed() {
		if o.Case == "" {
			continue
		}
		seen += o.Allowed + o.Denied + o.Mixed
		if o.Verdict != want || o.Unknown > 0 || o.Step == "" {
			t.Errorf("observed %+v, want %s", o, want)
		}
	}
	if seen != 3*2*2 { // pods, families, paths
		t.Errorf("%d cells are observed", seen)
	}
}

// An engine that loses large packets is convicted by the cases that send some, and by those alone.
func TestLargePacketsDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.eats = func(client string, p probe.Target) bool { return p.Size > 1500 && !strings.Contains(client, "control") }
		run := w.run(t, w.config(loadCases(t, "payload-udp-ingress", "payload-tcp-egress", "port-dns-egress")...))
		for name, want := range map[string]v1.Outcome{"payload-udp-ingress": v1.Fail, "payload-tcp-egress": v1.Fail, "port-dns-egress": v1.Pass} {
			if got := outcomeOf(t, run, name); got.Outcome != want {
				t.Errorf("case %s: %s, want %s (%s)", name, got.Outcome, want, got.Reason)
			}
		}
	})
}

// An engine that believes what packets say of their source is convicted where that is somebody
// else, and only by these packets.
func TestCredulous(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.credulous = true
		run := w.run(t, w.config(loadCases(t, "forged-source-egress-nobody", "forged-source-ingress-pod", "isolation-none")...))
		for name, want := range map[string]v1.Outcome{"forged-source-egress-nobody": v1.Fail, "forged-source-ingress-pod": v1.Fail, "isolation-none": v1.Pass} {
			c := outcomeOf(t, run, name)
			if c.Outcome != want || want == v1.Fail && !strings.Contains(c.Reason, "/as:") {
				t.Errorf("case %s: %s, want %s (%s)", name, c.Outcome, want, c.Reason)
			}
		}
		for cell := range run.EachCell {
			if (cell.Outcome == v1.Fail) != (cell.Form != "" && cell.Want == "Deny") {
				t.Errorf("%+v", cell)
			}
		}
	})
}

// What one case saw of a Service says nothing of another one: those of a new fixture are
// there when each has been seen, and no engine is guilty of a kube-proxy that takes longer.
func TestServiceIsLate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var dialed time.Duration
		w.eats = func(client string, p probe.Target) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			now := w.history[len(w.history)-1]
			behind, ok := now.services[p.Addr]
			if !ok || !strings.HasSuffix(client, "/b") || !strings.HasSuffix(podAt(now.snapshot, behind.Addr()), "/c") {
				return false
			}
			if dialed == 0 {
				dialed = w.now()
			}
			return w.now() < dialed+200*time.Millisecond
		}
		chosen := loadCases(t, "isolation-deny-ingress", "isolation-reply-of-open-pod")
		first, second := &chosen[0], chosen[1]
		first.Paths = []cases.Path{cases.PathPod}
		for _, p := range second.Probes {
			by := cases.Kind{Path: cases.PathService, Probe: p}
			first.More = append(first.More, cases.Cell{Client: "y/a", Server: "y/b", Family: model.IPv4, Kind: by})
		}
		cfg := w.config(chosen...)
		cfg.Parallel = 1
		run := w.run(t, cfg)
		expectAll(t, run, v1.Pass)
		if run.Order[0] != first.Name || dialed == 0 {
			t.Errorf("%s before %s; Services dialed at %v", run.Order[0], first.Name, dialed)
		}
	})
}

// What becomes of long-lived flows is judged where a case says so, and observed elsewhere.
func TestFlows(t *testing.T) {
	kept := []string{"flow-kept-reapplied", "flow-kept-beside-others"}
	for _, tc := range []struct {
		name    string
		forgets bool // the engine judges each packet anew
		after   int  // packets of a flow that pass until it dies; 0: it doesn't
		until   int  // from that packet on it lives again; 0: never
		cases   []string
		want    v1.Outcome
		seen    string // of flows, where a case observes them
	}{
		{"alive", false, 0, 0, kept, v1.Pass, ""},
		{"dies after some packets", false, 50, 0, kept, v1.Fail, ""},
		{"is away for some packets", false, 50, 60, kept, v1.Fail, ""},
		{"outlives a deny", false, 0, 0, []string{"flow-observed-ingress"}, v1.Pass, v1.ObservedAllow},
		{"dies of a deny", true, 0, 0, []string{"flow-observed-ingress"}, v1.Pass, v1.ObservedDeny},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var mu sync.Mutex
				packets := map[uint64]int{}
				w.eats = func(_ string, p probe.Target) bool {
					if tc.forgets {
						w.mu.Lock()
						clear(w.held)
						w.mu.Unlock()
					}
					mu.Lock()
					defer mu.Unlock()
					packets[p.Flow]++
					n := packets[p.Flow]
					return p.Flow != 0 && tc.after > 0 && n > tc.after && (tc.until == 0 || n < tc.until)
				}
				run := w.run(t, w.config(loadCases(t, tc.cases...)...))
				expectAll(t, run, tc.want)
				for _, o := range run.Observed() {
					if o.Flow != "" && o.Verdict != tc.seen {
						t.Errorf("observed %+v, want %s", o, tc.seen)
					}
				}
			})
		})
	}
}
